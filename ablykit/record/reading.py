"""One reading of a transcript, shared by everybody who looks at it.

What a transcript means is the same for every panel, command and exercise: which frame answers which, which
rules were broken, what is known of each connection, and who is present. A `Reading` works this out once per
entry, in order, however many look:

    reading = Reading.of(transcript).read()
    for finding in reading.findings:
        print(finding)

Recording an entry does no work here, so a connection never waits for its readers; `read` catches up with what
has come since. A reading is safe to use from threads: what it returns is a copy or never changes, except for
`facts` and `members`, which move on with every entry. Hold the reading still while you look at these:

    with reading as known:
        state = known.facts("client 1").state

A reading is bounded as its transcript is: what it noted of an entry goes when the entry falls out. Where
entries fell out before they were read, or the transcript was cleared in the middle of a session, it does not
guess: rules that depend on what it did not see are not checked.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, NamedTuple, Self

from ablykit.record.facts import Facts
from ablykit.record.linter import Finding, Linter
from ablykit.record.members import Members
from ablykit.record.pairing import Pair, Pairing
from ablykit.record.transcript import Entry, Transcript

PART = 250
"""How many rows `since` makes at a time."""

_making = threading.Lock()


class Row(NamedTuple):
    """An entry, and what is understood of it."""

    entry: Entry
    broken: list[Finding]
    """The rules it breaks."""
    answers: list[Pair]
    """The pairs that it answers, in the order of the questions."""
    answer: Pair | None
    """The pair with its answer; None while it has none, or needs none."""

    @property
    def ms(self) -> float | None:
        """How long this answer took, in ms, from the first entry it answers; None if it answers nothing."""
        return self.answers[0].ms if self.answers else None


class Reading:
    """What is understood of a transcript so far. Made by `Reading.of`."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._lock = threading.RLock()
        self._begin()

    @classmethod
    def of(cls, transcript: Transcript) -> "Reading":
        """Return the reading of a transcript: always the same one."""
        with _making:
            reading: Reading = transcript.reading or cls(transcript)
            transcript.reading = reading
            return reading

    def __enter__(self) -> Self:
        """Catch up, and stand still until the end of the `with` block."""
        self._lock.acquire()
        return self.read()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def read(self, upto: float = inf) -> Self:
        """Read what has come since the last time, or only the entries whose number is below `upto`."""
        with self._lock:
            if self._cleared != self._transcript.cleared:
                self._begin()
            known = self._unread[-1].number + 1 if self._unread else self._next
            if known < upto:
                self._unread += self._transcript.since(known)
            while self._unread and self._unread[0].number < upto:
                self._take(self._unread.popleft())
            self._forget(self._transcript.lost)
        return self

    def since(self, number: int) -> Iterator[list[Row]]:
        """Return the rows from `number` on that are kept, in parts; a part is read when it is asked for.

        There is at least one part; it is empty where there are no rows.
        """
        entries = self._transcript.since(number)
        for start in range(0, len(entries), PART) or (0,):
            part = entries[start : start + PART]
            with self._lock:
                self.read(part[-1].number + 1 if part else 0)
                rows = list(map(self._row, part))
            yield rows

    def row(self, entry: Entry) -> Row:
        """Return an entry with what is understood of it so far."""
        with self._lock:
            return self._row(entry)

    @property
    def findings(self) -> list[Finding]:
        """Every rule broken, in the order of the entries."""
        with self._lock:
            return [finding for found in self._broken.values() for finding in found]

    @property
    def broken(self) -> set[int]:
        """The numbers of the entries that break a rule."""
        with self._lock:
            return set(self._broken)

    @property
    def pairs(self) -> list[Pair]:
        """Every question with its answer, in the order asked; unanswered ones have none."""
        with self._lock:
            return _in_order([*self._answered.values(), *map(Pair, self._pairing.open)])

    @property
    def waiting(self) -> list[Entry]:
        """The questions without an answer, oldest first."""
        with self._lock:
            return self._pairing.open

    def facts(self, connection: str) -> Facts:
        """Return what is known of a connection. It moves on with every entry: see above."""
        with self._lock:
            return self._linter.facts(connection)

    def members(self, connection: str) -> Members:
        """Return who is present on a connection's channels. It moves on with every entry: see above."""
        with self._lock:
            members = self._members.get(connection)
            if members is None:
                members = self._members[connection] = Members(connection)
            return members

    def peek(self, entry: Entry) -> list[Finding]:
        """Return the rules that an entry would break if it came or were sent next."""
        with self._lock:
            return self._linter.peek(entry)

    def _begin(self) -> None:
        self._cleared = self._transcript.cleared
        self._next = self._oldest = 0
        """The number of the next entry to be read, and of the oldest one of which something may be noted."""
        self._unread: deque[Entry] = deque()
        """Entries that are at hand already, and come next."""
        self._linter, self._pairing = Linter(whole=not self._cleared), Pairing()
        self._members: dict[str, Members] = {}
        self._broken: dict[int, list[Finding]] = {}
        self._answers: dict[int, list[Pair]] = {}
        """By the number of the answer."""
        self._answered: dict[int, Pair] = {}
        """By the number of what was asked."""

    def _take(self, entry: Entry) -> None:
        """Read one entry. Each comes here once."""
        if entry.number > self._next:
            self._linter.missed()
        self._next = entry.number + 1
        if answers := self._pairing.take(entry):
            self._answers[entry.number] = answers
            self._answered.update((pair.ask.number, pair) for pair in answers)
        if found := self._linter.take(entry):
            self._broken[entry.number] = found
        self.members(entry.connection).take(entry)

    def _row(self, entry: Entry) -> Row:
        number, nothing = entry.number, list[Any]()
        broken, answers = self._broken.get(number, nothing), self._answers.get(number, nothing)
        return Row(entry, broken, answers, self._answered.get(number))

    def _forget(self, lost: int) -> None:
        """Drop what was noted of entries that fell out of the transcript."""
        if lost <= self._oldest:
            return
        notes: list[dict[int, Any]] = [self._broken, self._answers, self._answered]
        for known in notes:
            few = lost - self._oldest <= len(known)
            for number in range(self._oldest, lost) if few else [n for n in known if n < lost]:
                known.pop(number, None)
        self._oldest = lost
        self._pairing.forget(lost)
        for name in self._linter.forget(lost):
            self._members.pop(name, None)


def lint(entries: Iterable[Entry]) -> list[Finding]:
    """Return every rule broken in a transcript, or in any entries, in their order."""
    if isinstance(entries, Transcript):
        return Reading.of(entries).read().findings
    linter = Linter()
    return [finding for entry in entries for finding in linter.take(entry)]


def pairs(entries: Iterable[Entry]) -> list[Pair]:
    """Return every question with its answer, in the order asked; unanswered ones have none."""
    if isinstance(entries, Transcript):
        return Reading.of(entries).read().pairs
    pairing, found = Pairing(), list[Pair]()
    for entry in entries:
        found += pairing.take(entry)
    return _in_order([*found, *map(Pair, pairing.open)])


def _in_order(found: list[Pair]) -> list[Pair]:
    return sorted(found, key=lambda pair: pair.ask.number)
