"""A channel's log: the one place where the order of messages is decided.

Everything a subscriber gets comes from here: it reads from a serial on, then follows. This log
lives in memory; a distributed one would offer the same methods.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ablykit.protocol import Message, MessageAction, MessageVersion, ProtocolMessage
from ablykit.protocol.encoding import size_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One publish as the log has it. `at` is in ms of the service's running time."""

    serial: str
    frame: ProtocolMessage
    at: float
    size: int

    @property
    def messages(self) -> list[Message]:
        """Its messages, each with what the frame says for all of them (TM2a, TM2c, TM2f)."""
        frame = self.frame
        return [
            message.replace(
                id=message.id or f"{frame.id}:{index}",
                connection_id=message.connection_id or frame.connection_id,
                timestamp=message.timestamp or frame.timestamp,
            )
            for index, message in enumerate(frame.messages or ())
        ]

    @property
    def is_original(self) -> bool:
        """Whether it has messages that are new: no presence, no revision of an earlier message."""
        return bool(self.frame.messages) and not self.frame.messages[0].action

    @property
    def serials(self) -> list[str | None]:
        """The serial of each message in it."""
        return [message.serial for message in self.frame.messages or ()]


ENTRY_BYTES = 1_000
"""What an entry takes in memory beside its messages' bytes, about."""


class Memory:
    """How much the logs of an app may hold together: beyond `max_bytes` the oldest of all goes first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._order: deque[tuple[Log, str]] = deque()
        self._live = 0
        self.bytes = 0
        """How much is held now."""

    def keep(self, log: "Log", entry: Entry) -> None:
        """Count an entry that a log has kept; others may have to go for it."""
        self.bytes += entry.size + ENTRY_BYTES
        self._live += 1
        self._order.append((log, entry.serial))
        while self.bytes > self._max_bytes and self._order:
            oldest, serial = self._order.popleft()
            if oldest.first == serial:
                oldest.drop_first()
        if len(self._order) > 2 * self._live + 1_000:  # most have gone by their age
            self._order = deque((log, serial) for log, serial in self._order if serial >= (log.first or "~"))

    def let_go(self, entry: Entry) -> None:
        """Count an entry that a log has dropped."""
        self.bytes -= entry.size + ENTRY_BYTES
        self._live -= 1


class Log:
    """An ordered log of publishes, kept for a while.

    `began` is the time of its making, ms since 1970; `retention` is in ms; `memory` bounds what is
    kept, whatever its age. Serials sort as text.
    """

    def __init__(self, id: str, began: int, retention: float, memory: Memory) -> None:
        self._id = id
        self.retention = retention
        self._memory = memory
        self._entries: deque[Entry] = deque()
        self._by_id: dict[str, Entry] = {}
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

    def append(self, frame: ProtocolMessage, now: float, *, keep: bool = True) -> Entry:
        """Give a publish its place: serials are set, followers hear of it, and it is kept.

        `frame.timestamp` must be set. With `keep=False` it is passed on but not kept.
        """
        timestamp, count = self._head
        stamp = max(frame.timestamp or 0, timestamp)
        self._head = (stamp, count + 1 if stamp == timestamp else 0)
        entry = self._entry(frame, now)
        if keep:
            self._keep(entry)
        self.forget(now)
        for follower in self._followers:
            follower(entry)
        return entry

    def find(self, message_id: str, now: float) -> Entry | None:
        """The entry whose first message has this id, if it is still kept."""
        self.forget(now)
        return self._by_id.get(message_id)

    def since(self, serial: str, now: float) -> list[Entry] | None:
        """All entries after `serial`; None when that can't be told for sure any more."""
        self.forget(now)
        if not serial.endswith(f"@{self._id}") or not self._forgotten <= serial <= self.serial:
            return None
        serials = [entry.serial for entry in self._entries]
        return list(self._entries)[bisect_right(serials, serial) :]

    def last(self, now: float, *, count: int | None = None, ms: float | None = None) -> list[Entry]:
        """The newest publishes that together hold `count` messages, or those of the last `ms`."""
        self.forget(now)
        found: deque[Entry] = deque()
        messages = 0
        for entry in reversed(self._entries):
            if not entry.is_original:
                continue
            if (count is not None and messages >= count) or (ms is not None and entry.at < now - ms):
                break
            found.appendleft(entry)
            messages += len(entry.frame.messages or ())
        return list(found)

    def all(self, now: float) -> list[Entry]:
        """Every entry that is kept, oldest first."""
        self.forget(now)
        return list(self._entries)

    def forget(self, now: float) -> None:
        """Let go of what is older than the retention, or too much."""
        while self._entries and self._entries[0].at < now - self.retention:
            self.drop_first()

    def drop_first(self) -> None:
        """Let go of the oldest entry."""
        entry = self._entries.popleft()
        self._memory.let_go(entry)
        self._forgotten = entry.serial
        for message in entry.frame.messages or ():
            self._by_id.pop(message.id or "", None)

    @property
    def first(self) -> str | None:
        """The serial of the oldest entry that is kept; None where nothing is."""
        return self._entries[0].serial if self._entries else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._entries

    def _entry(self, frame: ProtocolMessage, now: float) -> Entry:
        serial = self.serial
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
        size = sum(map(size_of, [*messages, *(frame.presence or ())]))
        placed = frame.replace(
            channel_serial=serial, messages=messages or None, annotations=annotations or None
        )
        return Entry(serial, placed, now, size)

    def _keep(self, entry: Entry) -> None:
        self._entries.append(entry)
        first = (entry.frame.messages or [None])[0]
        if first is not None and first.id:
            self._by_id[first.id] = entry
        self._memory.keep(self, entry)


def _placed(message: Message, place: str, timestamp: int | None) -> Message:
    """A message with its place: a new one is named by it, a revision gets it as its version."""
    if message.action == MessageAction.SUMMARY:
        return message  # it is about a message, no revision of it
    if message.action:
        version = (message.version or MessageVersion()).replace(serial=place, timestamp=timestamp)
        return message.replace(version=version)
    version = MessageVersion(serial=place, timestamp=timestamp, client_id=message.client_id)
    return message.replace(serial=place, action=0, version=version)
