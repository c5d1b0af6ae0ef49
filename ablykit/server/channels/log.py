"""A channel's log: the one place where the order of messages is decided.

Everything a subscriber gets comes from here: it reads from a serial on, then follows. Attaching, resuming,
rewinding and history are all "read the log from here"; delivery happens because the log says so.

A log may take its time: whoever appends is called back when the publish has its place.

    log.append(draft, now, then=answer_with_its_serials, failed=answer_with_the_error)

This log lives in memory and calls back before `append` returns. One on another machine would offer the same
methods and call back later. Nobody who appends may count on either.

What must hold:

- Serials rise, and sort as text, whatever the clock does. A serial is `TIMESTAMP-COUNT@LOG`; when the clock
  stands still for longer than the count has digits, or steps back, the timestamp goes on by itself.
- A publish is taken whole or not at all. What can't be written down is refused before it has a place, and
  once it has one, no follower that fails can take it back or keep it from the others.
- All that is kept is counted (`ByteBudget`), and finding something never reads the whole log.
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
"""How many serials one timestamp has: as many as three digits can count."""

ENTRY_BYTES = 1_000
"""What an entry takes in memory beside its content, about."""

ITEM_BYTES = 500
"""What each message, member or annotation of an entry takes beside its content, about."""

TRIM_AT = 1_000
"""How many serials of dropped entries are let go of together."""


def _nothing(outcome: object) -> None:
    """Called by those who need no answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One publish as the log has it. `at` is in ms of the service's running time."""

    serial: str
    frame: ProtocolMessage
    at: float
    size: int
    """Its messages' bytes, as limits and statistics count them (TM6)."""
    held: int
    """What it takes in memory, in bytes, about."""

    @property
    def messages(self) -> list[Message]:
        """Its messages, each with what the frame says for all of them (TM2a, TM2c, TM2f)."""
        return [self.message(index) for index in range(len(self.frame.messages or ()))]

    def message(self, index: int) -> Message:
        """Return one of its messages, with what the frame says for all of them."""
        frame = self.frame
        message = (frame.messages or [])[index]
        return message.replace(
            id=message.id or f"{frame.id}:{index}",
            connection_id=message.connection_id or frame.connection_id,
            timestamp=message.timestamp or frame.timestamp,
        )

    @property
    def is_original(self) -> bool:
        """Whether it has messages that are new: no presence, no revision of an earlier message."""
        return bool(self.frame.messages) and not self.frame.messages[0].action

    @property
    def serials(self) -> list[str | None]:
        """The serial of each message in it."""
        return [message.serial for message in self.frame.messages or ()]


class ByteBudget:
    """How much the logs of an app may hold together: beyond `max_bytes` the oldest entry goes first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._order: OrderedDict[int, Log] = OrderedDict()  # by the entry's id(), oldest first
        self.bytes = 0
        """How much is held now."""

    def keep(self, log: "Log", entry: Entry) -> None:
        """Count an entry that a log has kept; others may have to go for it."""
        self.bytes += entry.held
        self._order[id(entry)] = log
        while self.bytes > self._max_bytes and self._order:
            next(iter(self._order.values())).drop_first()

    def let_go(self, entry: Entry) -> None:
        """Stop counting an entry that a log has dropped."""
        self.bytes -= entry.held
        del self._order[id(entry)]


class Log:
    """An ordered log of publishes, kept for a while.

    `began` is the time of its making, ms since 1970; `retention` is in ms; `budget` bounds what is kept,
    whatever its age.
    """

    def __init__(self, id: str, began: int, retention: float, budget: ByteBudget) -> None:
        self._id = id
        self.retention = retention
        self._budget = budget
        self._serials: list[str] = []
        self._first = 0  # where in `_serials` the kept ones begin: a list shrinks cheaply at its end only
        self._entries: dict[str, Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._stories: dict[str, Story] = {}  # by message serial, of messages that were changed or annotated
        self._head = (began, 0)
        self._forgotten = self.serial
        self._followers: list[Callable[[Entry], None]] = []

    @property
    def serial(self) -> str:
        """The serial of the newest entry: the place where a new subscriber begins."""
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
        """Give a publish its place: serials are set, it is kept, followers hear of it, and `then` is called.

        One whose id is kept already is not taken again: `then` gets the earlier entry (RSL1k). Where it
        turns out later that a publish has no place, `failed` is called instead of `then`, which in memory
        never happens. `frame.timestamp` must be set; where it lies before the last entry's, it is moved up
        to that. With `keep=False` the publish is passed on but not kept. Raises `NotAFrame` for content that
        can't be written; nothing has changed then.
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
            except Exception:  # it has its place: whoever published it must hear so, and so must the others
                LOGGER.exception("A follower of the log failed")
        then(entry)

    # -- reading

    def find(self, message_id: str, now: float) -> Entry | None:
        """The entry whose first message has this id, if it is still kept."""
        self.forget(now)
        return self._by_id.get(message_id)

    def since(self, serial: str, now: float) -> list[Entry] | None:
        """All entries after `serial`; None where some of them may no longer be kept."""
        self.forget(now)
        if not serial.endswith(f"@{self._id}") or not self._forgotten <= serial <= self.serial:
            return None
        start = bisect_right(self._serials, serial, self._first)
        return [self._entries[each] for each in self._serials[start:]]

    def last(self, now: float, *, count: int | None = None, ms: float | None = None) -> list[Entry]:
        """The newest publishes that together hold `count` messages, or those of the last `ms`."""
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
        """Every entry that is kept, oldest first."""
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
        """Yield kept entries in order, or from the newest back, one at a time.

        `start` and `end` are times in ms since 1970; `until` is the serial of the last entry wanted; `after`
        that of the entry the reading goes on from, itself included.
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
        """The message of this serial as it is now, if it is still kept."""
        if story := self.story(serial, now):
            return story.now
        found = self._original(serial)
        return found[0].message(found[1]) if found else None

    def story(self, serial: str, now: float) -> Story | None:
        """What became of a message, where it was changed or annotated, and is still kept."""
        self.forget(now)
        return self._stories.get(serial)

    def begin_story(self, serial: str, now: float) -> Story | None:
        """The story of a message, begun if it has none; None where the message is not kept."""
        self.forget(now)
        found = None if serial in self._stories else self._original(serial)
        if found:
            original = found[0].message(found[1])
            self._stories[serial] = Story(original, original)
        return self._stories.get(serial)

    # -- forgetting

    def forget(self, now: float) -> None:
        """Let go of what is older than the retention."""
        while (first := self.first) is not None and self._entries[first].at < now - self.retention:
            self.drop_first()

    def drop_first(self) -> None:
        """Let go of the oldest entry. A message goes with its story, whenever that was last changed."""
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
        """Let go of every entry."""
        while not self.is_empty:
            self.drop_first()

    @property
    def first(self) -> str | None:
        """The serial of the oldest entry that is kept; None where nothing is."""
        return self._serials[self._first] if self._first < len(self._serials) else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._entries

    # -- inside

    def _next_place(self, timestamp: int) -> tuple[int, int]:
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
        """The entry that published a message, and the message's place in it."""
        place, _, index = serial.rpartition(":")
        entry = self._entries.get(place)
        if entry is None or not entry.is_original or not (index.isascii() and index.isdigit()):
            return None
        number = int(index[:4])
        return (entry, number) if number < len(entry.serials) and entry.serials[number] == serial else None


def _placed(message: Message, place: str, timestamp: int | None) -> Message:
    """A message with its place: a new one is named by it, a revision gets it as its version."""
    if message.action == MessageAction.SUMMARY:
        return message  # it is about a message, no revision of it
    if message.action:
        version = (message.version or MessageVersion()).replace(serial=place, timestamp=timestamp)
        return message.replace(version=version)
    version = MessageVersion(serial=place, timestamp=timestamp, client_id=message.client_id)
    return message.replace(serial=place, action=0, version=version)
