"""Who is present, as one connection learns it from SYNC and PRESENCE frames (RTP2)."""

from dataclasses import dataclass, field
from typing import Any

from ablykit.protocol import Action, Flag, PresenceAction
from ablykit.record.facts import items, member_key, number
from ablykit.record.transcript import Entry

PRESENT = int(PresenceAction.PRESENT)


@dataclass(frozen=True)
class Member:
    """One who is present on a channel. Times are in ms since 1970: when that was told, or for who was there
    before, when the service says it was. `number` is the entry that told last."""

    channel: str
    client_id: str
    connection_id: str
    data: Any
    since: float
    updated: float
    number: int


@dataclass
class Members:
    """The members that a connection knows of, by channel. Call `take` with each entry, in order."""

    connection: str
    channels: dict[str, dict[tuple[str, str], Member]] = field(
        default_factory=dict[str, dict[tuple[str, str], Member]]
    )
    left: list[Member] = field(default_factory=list[Member])
    """The members that left last, newest first."""
    _syncing: dict[str, set[tuple[str, str]]] = field(default_factory=dict[str, set[tuple[str, str]]])

    def take(self, entry: Entry) -> bool:
        """Learn from an entry, and return whether it was about members."""
        if entry.direction != "in" or entry.kind != "frame" or entry.connection != self.connection:
            return False
        frame = entry.frame or {}
        action, channel = frame.get("action"), str(frame.get("channel"))
        if action == Action.ATTACHED and not number(frame, "flags") & Flag.HAS_PRESENCE:
            self.channels[channel] = {}
        elif action == Action.DETACHED:
            self.channels.pop(channel, None)
        elif action == Action.PRESENCE:
            self._changed(entry, channel, frame)
        elif action == Action.SYNC:
            self._synced(entry, channel, frame)
        else:
            return False
        return True

    @property
    def all(self) -> list[Member]:
        """Every member, channel by channel, in the order they entered."""
        return [member for known in self.channels.values() for member in known.values()]

    def _changed(self, entry: Entry, channel: str, frame: dict[str, Any]) -> None:
        known = self.channels.setdefault(channel, {})
        for item in items(frame, "presence"):
            key = member_key(item, frame)
            if item.get("action") == 3:
                if gone := known.pop(key, None):
                    self.left = [gone, *self.left][:10]
            else:
                known[key] = _member(entry, channel, key, item, known.get(key))

    def _synced(self, entry: Entry, channel: str, frame: dict[str, Any]) -> None:
        """Take a page of a SYNC. After the last page, only the members it named are present (RTP19)."""
        self._changed(entry, channel, frame)
        named = self._syncing.setdefault(channel, set())
        named |= {member_key(item, frame) for item in items(frame, "presence")}
        if not str(frame.get("channelSerial", "")).partition(":")[2]:
            known = self.channels[channel]
            self.channels[channel] = {key: member for key, member in known.items() if key in named}
            del self._syncing[channel]


def _member(
    entry: Entry, channel: str, key: tuple[str, str], item: dict[str, Any], before: Member | None
) -> Member:
    stamp: Any = item.get("timestamp", entry.at) if item.get("action") == PRESENT else entry.at
    at = float(stamp) if isinstance(stamp, int | float) else entry.at
    since = before.since if before else at
    return Member(channel, key[1], key[0], item.get("data"), since, at, entry.number)
