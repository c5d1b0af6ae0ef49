"""What is known of a connection at a point of its transcript: what the rules look at."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from ablykit.protocol import MODE_NAMES, MODES, Action, Flag
from ablykit.record.pairing import PUBLISHES, covered
from ablykit.record.transcript import Entry

REMEMBERED = 10_000
"""How many ids and answers are known of a channel or connection."""


@dataclass
class Channel:
    """What is known of one channel on a connection."""

    attaching: bool = False
    """Whether an ATTACH is waiting for its answer."""
    attached: bool = False
    detaching: bool = False
    asked: int = 0
    """The modes the last ATTACH asked for; 0 is none in particular."""
    asked_serial: str | None = None
    """The channelSerial the last ATTACH offered."""
    modes: int = 0
    serial: str | None = None
    """The newest channelSerial seen."""
    order: dict[str, int] = field(default_factory=dict[str, int])
    """For each publisher the msgSerial of its last message delivered."""
    ids: dict[str, None] = field(default_factory=dict[str, None])
    """The ids of messages delivered: the newest ones."""
    members: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    entered: set[str] = field(default_factory=set[str])
    """The clientIds this connection itself entered."""
    knows_members: bool = True
    """Whether all members are known; not after a resume, until a SYNC has told them."""
    sync_due: Entry | None = None
    """The ATTACHED or SYNC that promised a SYNC still to come."""


@dataclass
class Watch:
    """What is known of one connection so far. `take` moves it on by one entry."""

    params: dict[str, str] = field(default_factory=dict[str, str])
    secure: bool = True
    connected: bool = False
    ended: bool = False
    """Whether CLOSED came, or an ERROR that ends the connection."""
    closing: bool = False
    connection_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    last_serial: int = -1
    repeats: bool = False
    """Whether msgSerials may repeat, since the connection was resumed."""
    pending: dict[int, Entry] = field(default_factory=dict[int, Entry])
    answered: dict[int, None] = field(default_factory=dict[int, None])
    """The msgSerials that have had their answer: the newest ones."""
    pings: int = 0
    """HEARTBEATs sent and not answered."""
    last_in: float | None = None
    heard: int = 0
    publishes: deque[float] = field(default_factory=deque[float])
    """When it published, ms since 1970: the last second's."""
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])

    def channel(self, frame: dict[str, Any]) -> Channel:
        """What is known of the channel a frame is about."""
        name = str(frame.get("channel"))
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = Channel()
        return channel

    def take(self, entry: Entry) -> None:
        """Learn from an entry, after the rules have looked at it."""
        if entry.kind == "open":
            url = urlsplit(str(entry.raw))
            self.secure = url.scheme == "wss"
            self.params = dict(parse_qsl(url.query, keep_blank_values=True))
            return
        frame = entry.frame or {}
        typed = frame.get("action")
        action = typed if isinstance(typed, int) else None  # a learner may have typed anything
        if entry.kind == "frame" and entry.direction == "out":
            self._sent(entry, frame, action)
        elif entry.kind == "frame":
            self.heard += 1
            self.last_in = entry.at
            self._received(entry, frame, action)
        elif entry.kind == "ping":
            self.last_in = entry.at  # as good a sign of life as a frame (RTN23b)

    def _sent(self, entry: Entry, frame: dict[str, Any], action: int | None) -> None:
        if action in PUBLISHES and isinstance(serial := frame.get("msgSerial"), int):
            if serial > self.last_serial or self.repeats:
                self.pending[serial] = entry  # else the service drops it, without an answer
            self.last_serial = max(self.last_serial, serial)
            self.publishes.append(entry.at)
            while self.publishes[0] <= entry.at - 1000:
                self.publishes.popleft()
        channel = self.channel(frame)
        if action == Action.ATTACH:
            channel.attaching = True
            channel.asked = asked_modes(frame)
            channel.asked_serial = frame.get("channelSerial")
        elif action == Action.DETACH:
            channel.detaching = True
        elif action == Action.HEARTBEAT:
            self.pings += 1
        elif action == Action.CLOSE:
            self.closing = True
        elif action == Action.PRESENCE:
            for member in items(frame, "presence"):
                client = str(member.get("clientId", self.params.get("clientId", "")))
                if member.get("action") == 3:
                    channel.entered.discard(client)
                else:
                    channel.entered.add(client)

    def _received(self, entry: Entry, frame: dict[str, Any], action: int | None) -> None:
        channel = self.channel(frame)
        if action == Action.CONNECTED:
            resumed = self.params.get("resume") and not frame.get("error")
            self.repeats = bool(resumed) and not self.connected
            self.connected = True
            self.connection_id = frame.get("connectionId")
            self.details = inside(frame, "connectionDetails")
        elif action in (Action.ACK, Action.NACK):
            for serial in covered(frame):
                self.pending.pop(serial, None)
                self.answered[serial] = None
            forget_all_but(self.answered, REMEMBERED)
        elif action == Action.HEARTBEAT:
            self.pings = max(self.pings - 1, 0)
        elif action == Action.CLOSED or (action == Action.ERROR and not self.connected):
            self.ended = True
        elif action == Action.ATTACHED:
            channel.attaching, channel.attached = False, True
            channel.modes = number(frame, "flags") & int(MODES)
            channel.serial = frame.get("channelSerial", channel.serial)
            channel.sync_due = entry if number(frame, "flags") & Flag.HAS_PRESENCE else None
            channel.knows_members = not number(frame, "flags") & Flag.RESUMED
            if number(frame, "flags") & Flag.HAS_BACKLOG:  # what was seen may come again, from earlier on
                channel.ids.clear()
                channel.order.clear()
        elif action == Action.ERROR and frame.get("channel"):
            channel.attaching = channel.attached = False
        elif action == Action.DETACHED:
            channel.attached = channel.detaching = channel.attaching = False
        elif action == Action.SYNC:
            open_still = str(frame.get("channelSerial", "")).partition(":")[2]
            channel.sync_due = entry if open_still else None
            channel.knows_members = channel.knows_members or not open_still
            channel.members |= {member_key(m, frame) for m in items(frame, "presence")}
        elif action == Action.PRESENCE:
            for member in items(frame, "presence"):
                key = member_key(member, frame)
                channel.members.discard(key) if member.get("action") == 3 else channel.members.add(key)
        elif action == Action.MESSAGE:
            channel.serial = frame.get("channelSerial", channel.serial)
            for message in items(frame, "messages"):
                if message.get("id"):
                    channel.ids[str(message["id"])] = None
            forget_all_but(channel.ids, REMEMBERED)
            if isinstance(frame_id := frame.get("id"), str):
                channel.ids[frame_id] = None
                publisher, _, serial = frame_id.rpartition(":")
                if serial.isdigit():
                    channel.order[publisher] = int(serial)


def forget_all_but(known: dict[Any, None], count: int) -> None:
    """Let the oldest go: what is known of a long talk may not grow with it."""
    while len(known) > count:
        del known[next(iter(known))]


def asked_modes(frame: dict[str, Any]) -> int:
    """The modes that an ATTACH asks for, by its params or its flags; 0 for none in particular."""
    named = inside(frame, "params").get("modes")
    if isinstance(named, str):
        found = (MODE_NAMES.get(name.strip().lower(), Flag(0)) for name in named.split(","))
        return sum(set(map(int, found)))
    return number(frame, "flags") & int(MODES)


def items(frame: dict[str, Any], member: str) -> list[dict[str, Any]]:
    """The objects in a list member; nothing where it is no list."""
    value = frame.get(member)
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in listed if isinstance(item, dict)]


def number(frame: dict[str, Any], member: str) -> int:
    """A member that is a number; 0 where it is none."""
    value = frame.get(member)
    return value if isinstance(value, int) else 0


def inside(frame: dict[str, Any], member: str) -> dict[str, Any]:
    """A member that is an object; an empty one where it is none."""
    value = frame.get(member)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def member_key(member: dict[str, Any], frame: dict[str, Any]) -> tuple[str, str]:
    """A member's key: its connectionId and clientId (TP3h)."""
    return str(member.get("connectionId", frame.get("connectionId"))), str(member.get("clientId"))
