"""Record what crosses the wire, as it happens."""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Any, Literal, TypeGuard, cast, get_args

import msgspec

from ablykit.protocol.actions import name_of
from ablykit.protocol.codec import NotAFrame, read
from ablykit.protocol.explanation import in_hex, summary, visible
from ablykit.protocol.redaction import redact, redact_binary

log = logging.getLogger(__name__)

Direction = Literal["in", "out"]
Kind = Literal["frame", "open", "close", "ping", "pong", "fault"]
"""A `fault` is what a relay's rule did to the connection; `raw` is a sentence about it."""

_KINDS = frozenset[str](get_args(Kind))


def is_kind(word: str) -> TypeGuard[Kind]:
    """Return whether a word is one of the kinds of entries."""
    return word in _KINDS


ARROWS: dict[Direction, str] = {"in": "←", "out": "→"}
"""How a direction is drawn: towards the service, or from it."""

_SHOWN_GAPS = 5


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened on one connection.

    `raw` is what crossed the wire, text or bytes, secrets as stars; for `open` it is the URL, for `close` the
    code and reason, for a WebSocket `ping` or `pong` what it carried, for `fault` what a relay's rule did.
    `at` is in ms since 1970. `number` counts from 0; where one is left out, an entry is missing.
    """

    number: int
    at: float
    connection: str
    direction: Direction
    kind: Kind
    raw: str | bytes

    @property
    def size(self) -> int:
        """How many bytes it has on the wire, without the WebSocket header."""
        raw = self.raw
        return len(raw if isinstance(raw, bytes) or raw.isascii() else raw.encode("utf-8", "surrogatepass"))

    @property
    def frame(self) -> dict[str, Any] | None:
        """The frame as an object; None if it isn't one. Don't change it: everyone shares it."""
        return _object(self.raw) if self.kind == "frame" else None

    @property
    def action(self) -> str:
        """The name of its action; for an entry that isn't a frame, what it is."""
        if self.kind == "fault":
            return "fault"
        if self.kind != "frame":
            return f"WebSocket {self.kind}"
        action = (self.frame or {}).get("action")
        return name_of(action) if isinstance(action, int) else "not a frame"

    @property
    def is_ping(self) -> bool:
        """Whether it is a WebSocket ping or pong, a sign of life below the frames."""
        return self.kind in ("ping", "pong")

    @property
    def summary(self) -> str:
        """Its content in a few words."""
        frame = self.frame
        text = summary(frame) if frame else self.raw if isinstance(self.raw, str) else in_hex(self.raw)
        return visible(text if len(text) <= 160 else f"{text[:159]}…")

    @property
    def channel(self) -> str:
        """The channel it is about, if any."""
        channel = (self.frame or {}).get("channel")
        return visible(channel) if isinstance(channel, str) else ""

    @property
    def text(self) -> str:
        """`raw` as text: JSON unchanged, MessagePack turned into JSON."""
        if isinstance(self.raw, str):
            return self.raw
        return json.dumps(self.frame, default=in_hex, ensure_ascii=False) if self.frame else in_hex(self.raw)


@lru_cache(maxsize=256)
def _object(raw: str | bytes) -> dict[str, Any] | None:
    """Return the object in `raw`. Everyone looks at an entry within moments, so a small cache is enough."""
    try:
        value = read(raw)
    except NotAFrame:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


Listener = Callable[[Entry], None]


class Transcript:
    """Entries in the order they happened, from one connection or several. Safe to use from any thread.

    It keeps the newest entries, as many as `max_entries` and `max_bytes` allow; `lost` is how many
    fell out. Numbers stay as they were recorded, so a recording that lacks a line has a gap in them.
    """

    damage: str = ""
    """What was wrong with the file this was loaded from, and where; empty if nothing was."""

    cleared: int = 0
    """How many times it was cleared."""

    reading: Any = None
    """The shared `Reading`, which `Reading.of` keeps here; None until something asks for it."""

    def __init__(self, max_entries: int = 100_000, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._entries: deque[Entry] = deque()
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._listeners: tuple[tuple[Listener, Callable[[], None]], ...] = ()
        self._count = 0
        self._began = 0.0

    def record(self, connection: str, direction: Direction, raw: str | bytes, kind: Kind = "frame") -> Entry:
        """Record something, with stars in place of secrets, and call the listeners."""
        raw = redact(raw) if isinstance(raw, str) else redact_binary(raw)
        with self._lock:
            entry = Entry(self._count, time.time() * 1000, connection, direction, kind, raw)
            self._add(entry)
        self._tell(entry)
        return entry

    def restore(self, entry: Entry) -> None:
        """Add an entry that was recorded earlier, such as one from a file."""
        with self._lock:
            self._add(entry)
        self._tell(entry)

    def copy(self) -> "Transcript":
        """Return a copy of the transcript as it is now."""
        copy = Transcript(self._max_entries, self._max_bytes)
        copy.damage = self.damage
        for entry in self:
            copy.restore(entry)
        return copy

    def clear(self) -> None:
        """Forget every entry and start counting at 0 again. Listeners hear of it."""
        with self._lock:
            self.cleared += 1
            self._entries.clear()
            self._bytes = self._count = 0
            self._began = 0.0
        for _, cleared in self._listeners:
            _call(cleared)

    def _tell(self, entry: Entry) -> None:
        for listener, _ in self._listeners:
            _call(listener, entry)

    def _add(self, entry: Entry) -> None:
        self._began = self._began or entry.at
        self._count = entry.number + 1
        self._entries.append(entry)
        self._bytes += entry.size
        while len(self._entries) > self._max_entries or (
            self._bytes > self._max_bytes and len(self._entries) > 1
        ):
            self._bytes -= self._entries.popleft().size

    def listen(self, listener: Listener, cleared: Callable[[], None] = lambda: None) -> Callable[[], None]:
        """Call `listener` with each entry from now on, and `cleared` when the transcript is cleared.

        Returns a function that ends this. An exception in either is logged; it reaches neither the other
        listeners nor the connection whose frame was recorded.
        """
        both = (listener, cleared)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not both)

        with self._lock:
            self._listeners = (*self._listeners, both)
        return stop

    @property
    def began(self) -> float:
        """The time of the first entry, ms since 1970; 0 before there is one."""
        return self._began

    @property
    def count(self) -> int:
        """How many entries there have been, which is the number of the next one."""
        return self._count

    @property
    def lost(self) -> int:
        """How many entries came before the oldest one that is kept."""
        with self._lock:
            return self._entries[0].number if self._entries else self._count

    @property
    def missing(self) -> list[range]:
        """The numbers missing between the entries that are kept, oldest first."""
        return [
            range(one.number + 1, two.number) for one, two in pairwise(self) if two.number > one.number + 1
        ]

    @property
    def notes(self) -> list[str]:
        """Sentences that say what is missing from the transcript, and why; empty if nothing is."""
        notes: list[str] = []
        if lost := self.lost:
            notes.append(f"{lost} earlier {'entry' if lost == 1 else 'entries'} fell out")
        if gaps := self.missing:
            many = sum(map(len, gaps))
            shown = [str(gap[0]) if len(gap) == 1 else f"{gap[0]} to {gap[-1]}" for gap in gaps[:_SHOWN_GAPS]]
            more = ["…"] * (len(gaps) > _SHOWN_GAPS)
            notes.append(
                f"{many} {'entry is' if many == 1 else 'entries are'} missing: {', '.join(shown + more)}; "
                "what depends on them may look unanswered or wrong"
            )
        return [*notes, *filter(None, [self.damage])]

    def since(self, number: int) -> list[Entry]:
        """Return the kept entries from `number` on, oldest first."""
        with self._lock:
            newest = list(takewhile(lambda entry: entry.number >= number, reversed(self._entries)))
        newest.reverse()
        return newest

    def __bool__(self) -> bool:
        """Return True: an empty transcript is a transcript, too."""
        return True

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.since(0))

    def __getitem__(self, index: int) -> Entry:
        with self._lock:
            return self._entries[index]

    def __str__(self) -> str:
        lines = [*(f"({note})" for note in self.notes), *map(line, self)]
        return "\n".join(lines) or "(nothing yet)"

    def __repr__(self) -> str:
        return f"<Transcript of {len(self)} entries>"


def _call(listener: Callable[..., None], *arguments: Entry) -> None:
    try:
        listener(*arguments)
    except Exception:
        log.exception("A listener of a transcript failed; the transcript and its other listeners go on.")


def line(entry: Entry) -> str:
    """Return an entry as one line of text."""
    parts = (
        f"{entry.number:>4}",
        ARROWS[entry.direction],
        f"{entry.action:<12}",
        entry.channel,
        entry.summary,
    )
    return " ".join(filter(None, parts)).rstrip()
