"""A channel's log: the one place where the order of messages is decided.

Everything a subscriber gets comes from here: it reads the log from some serial, then follows it. Attach,
resume, rewind and history all mean "read the log from here". A frame is delivered because the log has it, and
for no other reason; that is why an echo, a resume and the history always agree.

The rules in `server/rules/` append; the channel follows and delivers. A log may take its time to decide, so
an append returns nothing, and its result comes by a callback:

    log.append(draft, now, then=send_ack, failed=send_nack)

This log lives in memory and calls `then` before `append` returns. A log on another machine would offer the
same methods and call back later. Code that appends must work with either.

What must always hold:

- Serials rise, and sort as text, whatever the clock does. A serial is `TIMESTAMP-COUNT@LOG`. If the clock
  steps back, or stands still until the count has no digits left, the log moves the timestamp on by itself.
- A publish is taken whole or not at all. The log refuses content that can't be encoded before it has a
  place. Once it has one, a follower that fails can neither take it back nor keep it from the others.
- Every byte kept is counted (`ByteBudget`), and finding an entry never reads the whole log.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ablykit.protocol import (
    AblyError,
    Format,
    Message,
    MessageAction,
    MessageVersion,
    ProtocolMessage,
    encode,
)
from ablykit.protocol.encoding import size_of
from ablykit.protocol.redaction import quiet_logger
from ablykit.server.channels.story import Story

LOGGER = quiet_logger("ablykit.server")

MOST_IN_A_MS = 1_000
"""How many serials one timestamp can have: the count in a serial has three digits."""

ENTRY_BYTES = 1_000
"""Roughly how many bytes an entry takes in memory, beside its content."""

ITEM_BYTES = 500
"""Roughly how many bytes each message, member or annotation of an entry takes, beside its content."""

TRIM_AT = 1_000
"""How many serials of dropped entries pile up before the list is shortened: doing so copies the rest."""


def _nothing(outcome: object) -> None:
    """Do nothing: the default callback, for appends that need no answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One publish with its place in the log."""

    serial: str
    frame: ProtocolMessage
    at: float
    """When it was appended, in ms of the service's running time."""
    size: int
    """The size of its messages and members in bytes, as limits and statistics count it (TM6)."""
    held: int
    """Roughly how many bytes of memory it takes."""

    @property
    def messages(self) -> list[Message]:
        """The entry's messages, each with the members it inherits from the frame (TM2a, TM2c, TM2f)."""
        return [self.message(index) for index in range(len(self.frame.messages or ()))]

    def message(self, index: int) -> Message:
        """Return one message, with the id, connectionId and timestamp that it inherits from the frame."""
        frame = self.frame
        message = (frame.messages or [])[index]
        return message.replace(
            id=message.id or f"{frame.id}:{index}",
            connection_id=message.connection_id or frame.connection_id,
            timestamp=message.timestamp or frame.timestamp,
        )

    @property
    def is_original(self) -> bool:
        """Whether it carries new messages, rather than presence, annotations or a revision."""
        return bool(self.frame.messages) and not self.frame.messages[0].action

    @property
    def serials(self) -> list[str | None]:
        """The serial of each of its messages."""
        return [message.serial for message in self.frame.messages or ()]


class ByteBudget:
    """A limit to the bytes that all logs of an app keep together.

    When an entry exceeds `max_bytes`, the oldest entries of all these logs are dropped, whichever log they
    are in.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._order: OrderedDict[int, Log] = OrderedDict()  # by the entry's id(), oldest first
        self.bytes = 0
        """How many bytes are kept now."""

    def keep(self, log: "Log", entry: Entry) -> None:
        """Count an entry that a log has kept, and drop the oldest entries if that is too much."""
        self.bytes += entry.held
        self._order[id(entry)] = log
        while self.bytes > self._max_bytes and self._order:
            next(iter(self._order.values())).drop_first()

    def let_go(self, entry: Entry) -> None:
        """Stop counting an entry that a log has dropped."""
        self.bytes -= entry.held
        del self._order[id(entry)]


class Log:
    """An ordered log of publishes, each kept for `retention` ms.

    `began` is when the log was made, in ms since 1970: its first serial. `budget` limits what the log keeps,
    so an entry may be dropped before its time.
    """

    def __init__(self, id: str, began: int, retention: float, budget: ByteBudget) -> None:
        self._id = id
        self.retention = retention
        self._budget = budget
        self._serials: list[str] = []
        self._first = 0  # where the kept serials begin in `_serials`: deleting at the front of a list is slow
        self._entries: dict[str, Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._stories: dict[str, Story] = {}  # by message serial, of messages that were changed or annotated
        self._head = (began, 0)
        self._forgotten = self.serial
        self._followers: list[Callable[[Entry], None]] = []

    @property
    def serial(self) -> str:
        """The serial of the newest entry: the point from which a new subscriber follows the log."""
        timestamp, count = self._head
        return f"{timestamp:014d}-{count:03d}@{self._id}"

    def follow(self, follower: Callable[[Entry], None]) -> None:
        """Call `follower` with every entry from now on, in order."""
        self._followers.append(follower)

    def append(
        self,
        frame: ProtocolMessage,
        now: float,
        then: Callable[[Entry], object] = _nothing,
        failed: Callable[[AblyError], object] = _nothing,
        *,
        keep: bool = True,
    ) -> None:
        """Append a publish: set its serials, keep it, call the followers, then call `then` with the entry.

        A publish whose id is in the log already is not appended again: `then` gets the earlier entry (RSL1k).
        A log that refuses a publish after `append` has returned calls `failed` instead; this log never does.
        With `keep=False` the publish is delivered but not kept.

        `frame.timestamp` (ms since 1970) must be set. One that is earlier than the last entry's is raised to
        that.

        Raises `NotAFrame` for content that can't be encoded; the log is then unchanged.
        """
        first = (frame.messages or [None])[0]
        if first is not None and first.id and (earlier := self.find(first.id, now)):
            then(earlier)
            return
        head = self._next_place(frame.timestamp or 0)
        entry = self._entry(frame.replace(timestamp=head[0]), head, now)
        self._head = head
        if keep:
            self._keep(entry)
        self.forget(now)
        for follower in self._followers:
            try:
                follower(entry)
            except (
                Exception
            ):  # the publish has its place, so the other followers and the publisher must hear of it
                LOGGER.exception("A follower of the log failed")
        then(entry)

    # -- reading

    def find(self, message_id: str, now: float) -> Entry | None:
        """Return the entry whose first message has this id; None if there is none, or no longer."""
        self.forget(now)
        return self._by_id.get(message_id)

    def since(self, serial: str, now: float) -> list[Entry] | None:
        """Return all entries after `serial`; None if some of them may have been dropped."""
        self.forget(now)
        if not serial.endswith(f"@{self._id}") or not self._forgotten <= serial <= self.serial:
            return None
        start = bisect_right(self._serials, serial, self._first)
        return [self._entries[each] for each in self._serials[start:]]

    def last(self, now: float, *, count: int | None = None, ms: float | None = None) -> list[Entry]:
        """Return the newest entries with new messages, oldest first.

        Either as many entries as hold `count` messages, or the entries of the last `ms` milliseconds. An
        entry is never split, so there may be a few messages more than `count`.
        """
        found: list[Entry] = []
        messages = 0
        for entry in self.read(now, forwards=False):
            if not entry.is_original:
                continue
            if (count is not None and messages >= count) or (ms is not None and entry.at < now - ms):
                break
            found.append(entry)
            messages += len(entry.frame.messages or ())
        return found[::-1]

    def all(self, now: float) -> list[Entry]:
        """Return every entry that is kept, oldest first."""
        return list(self.read(now))

    def read(
        self,
        now: float,
        *,
        start: int = 0,
        end: int | None = None,
        after: str | None = None,
        until: str | None = None,
        forwards: bool = True,
    ) -> Iterator[Entry]:
        """Yield the kept entries in order, or from the newest backwards.

        `start` and `end` limit their times, in ms since 1970. `until` is the serial of the last entry wanted.
        `after` continues an earlier reading: it is the serial of the entry to continue from, which is
        included, since a page may have ended in the middle of its messages.
        """
        self.forget(now)
        low = bisect_left(self._serials, f"{start:014d}", self._first)
        high = len(self._serials)
        if end is not None:
            high = bisect_right(self._serials, f"{end:014d}-~", self._first)
        if until is not None:
            high = min(high, bisect_right(self._serials, until, self._first))
        if after is not None and forwards:
            low = max(low, bisect_left(self._serials, after, self._first))
        elif after is not None:
            high = min(high, bisect_right(self._serials, after, self._first))
        wanted = self._serials[low:high] if forwards else self._serials[low:high][::-1]
        return (self._entries[each] for each in wanted if each in self._entries)

    def message(self, serial: str, now: float) -> Message | None:
        """Return the current version of a message; None if it is not kept."""
        if story := self.story(serial, now):
            return story.now
        found = self._original(serial)
        return found[0].message(found[1]) if found else None

    def story(self, serial: str, now: float) -> Story | None:
        """Return the story of a message; None if it was never revised or annotated, or is not kept."""
        self.forget(now)
        return self._stories.get(serial)

    def begin_story(self, serial: str, now: float) -> Story | None:
        """Return the story of a message, and begin it if there is none; None if the message is not kept."""
        self.forget(now)
        found = None if serial in self._stories else self._original(serial)
        if found:
            original = found[0].message(found[1])
            self._stories[serial] = Story(original, original)
        return self._stories.get(serial)

    # -- forgetting

    def forget(self, now: float) -> None:
        """Drop the entries that are older than the retention."""
        while (first := self.first) is not None and self._entries[first].at < now - self.retention:
            self.drop_first()

    def drop_first(self) -> None:
        """Drop the oldest entry. Its messages go with their stories, however recently these were changed."""
        entry = self._entries.pop(self._serials[self._first])
        self._first += 1
        if self._first >= TRIM_AT and self._first * 2 >= len(self._serials):
            del self._serials[: self._first]
            self._first = 0
        self._budget.let_go(entry)
        self._forgotten = entry.serial
        for message in entry.frame.messages or ():
            if self._by_id.get(message.id or "") is entry:
                del self._by_id[message.id or ""]
            if not message.action:
                self._stories.pop(message.serial or "", None)

    def drop_all(self) -> None:
        """Drop every entry."""
        while not self.is_empty:
            self.drop_first()

    @property
    def first(self) -> str | None:
        """The serial of the oldest entry that is kept; None if the log is empty."""
        return self._serials[self._first] if self._first < len(self._serials) else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._entries

    # -- inside

    def _next_place(self, timestamp: int) -> tuple[int, int]:
        """Return the timestamp and count of the next serial, which must be higher than the last one."""
        last, count = self._head
        if timestamp > last:
            return timestamp, 0
        return (last, count + 1) if count + 1 < MOST_IN_A_MS else (last + 1, 0)

    def _entry(self, frame: ProtocolMessage, head: tuple[int, int], now: float) -> Entry:
        serial = f"{head[0]:014d}-{head[1]:03d}@{self._id}"
        messages = [
            _placed(message, f"{serial}:{index:03d}", frame.timestamp)
            for index, message in enumerate(frame.messages or ())
        ]
        annotations = [
            annotation.replace(
                serial=f"{serial}:{index:03d}", id=f"{frame.id}:{index}", timestamp=frame.timestamp
            )
            for index, annotation in enumerate(frame.annotations or ())
        ]
        members = frame.presence or ()
        placed = frame.replace(
            channel_serial=serial, messages=messages or None, annotations=annotations or None
        )
        items = len(messages) + len(annotations) + len(members)
        held = ENTRY_BYTES + items * ITEM_BYTES + len(encode(placed, Format.MSGPACK))
        return Entry(serial, placed, now, sum(map(size_of, [*messages, *members])), held)

    def _keep(self, entry: Entry) -> None:
        self._serials.append(entry.serial)
        self._entries[entry.serial] = entry
        first = (entry.frame.messages or [None])[0]
        if first is not None and first.id:
            self._by_id[first.id] = entry
        for index, message in enumerate(entry.frame.messages or ()):
            if message.action and (story := self._stories.get(message.serial or "")):
                story.change(entry.message(index))
        for annotation in entry.frame.annotations or ():
            if story := self._stories.get(annotation.message_serial or ""):
                story.annotate(annotation)
        self._budget.keep(self, entry)

    def _original(self, serial: str) -> tuple[Entry, int] | None:
        """Return the entry that published a message, and the message's index in it."""
        place, _, index = serial.rpartition(":")
        entry = self._entries.get(place)
        if entry is None or not entry.is_original or not (index.isascii() and index.isdigit()):
            return None
        number = int(index[:4])
        return (entry, number) if number < len(entry.serials) and entry.serials[number] == serial else None


def _placed(message: Message, place: str, timestamp: int | None) -> Message:
    """Return a message with its place in the log: the serial of a new message, the version of a revision."""
    if message.action == MessageAction.SUMMARY:
        return message  # a summary does not revise its message, so the message keeps its version
    if message.action:
        version = (message.version or MessageVersion()).replace(serial=place, timestamp=timestamp)
        return message.replace(version=version)
    version = MessageVersion(serial=place, timestamp=timestamp, client_id=message.client_id)
    return message.replace(serial=place, action=0, version=version)
