"""What the frames of a connection say about it, up to some entry of its transcript.

`Facts.take` moves the facts on by one entry. The linter's rules look at them before that, and panels draw
them. Each action has a small function below, in the table `_SENT` or `_RECEIVED`; an action without one says
nothing that is kept. Facts are never guessed: `begun` says whether the connection was followed from its
start, and where entries are missing, `missed` drops all that these may have changed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from ablykit.protocol import MODE_NAMES, MODES, Action, Flag
from ablykit.record.pairing import PUBLISHES, covered
from ablykit.record.transcript import Entry

REMEMBERED = 10_000
"""How many ids and answers to remember for each channel or connection."""

Frame = dict[str, Any]


@dataclass
class ChannelFacts:
    """What the frames say about one channel on a connection."""

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
    """Whether all members are known; not after a resume, until a SYNC has named them."""
    sync_due: Entry | None = None
    """The ATTACHED or SYNC that promised a SYNC still to come."""


@dataclass
class Facts:
    """What the frames so far say about one connection."""

    begun: bool = True
    """Whether this connection was followed from its start. Only then can something missing mean anything."""
    params: dict[str, str] = field(default_factory=dict[str, str])
    state: str = "initialized"
    """One of `ablykit.protocol.states.STATES`."""
    before: str = ""
    """The state before this one."""
    reason: str = ""
    """Why it is in this state, where something said so."""
    dropped: float = 0.0
    """When the transport was lost, ms since 1970; 0 while it is there, or was closed on purpose."""
    connected: bool = False
    ended: bool = False
    """Whether CLOSED came, or an ERROR that ends the connection."""
    closing: bool = False
    connection_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    """The connectionDetails that CONNECTED gave last."""
    last_serial: int = -1
    repeats: bool = False
    """Whether msgSerials may repeat, since the connection was resumed."""
    pending: dict[int, Entry] = field(default_factory=dict[int, Entry])
    answered: dict[int, None] = field(default_factory=dict[int, None])
    """The msgSerials that have had their answer: the newest ones."""
    pings: int = 0
    """HEARTBEATs sent and not answered."""
    heard: bool = False
    """Whether any frame has come."""
    last_in: float | None = None
    """When the service last sent anything, ms since 1970: a frame, or a WebSocket ping or pong (RTN23b)."""
    publishes: deque[float] = field(default_factory=deque[float])
    """When it published during the last second, ms since 1970."""
    channels: dict[str, ChannelFacts] = field(default_factory=dict[str, ChannelFacts])
    frames: dict[str, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    """How many frames crossed the wire, by direction."""
    bytes: dict[str, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    over: bool = False
    """Whether its WebSocket was closed."""
    last: int = -1
    """The number of its last entry."""

    def channel(self, frame: Frame) -> ChannelFacts:
        """Return what is known of the channel a frame is about."""
        name = str(frame.get("channel"))
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = ChannelFacts()
        return channel

    def take(self, entry: Entry) -> None:
        """Learn from an entry. The rules look at it before this."""
        self.last = entry.number
        if entry.direction == "in" and entry.kind != "fault":
            self.last_in = entry.at
        if entry.kind == "frame":
            self._crossed(entry)
        elif entry.kind == "open":
            self._opened(entry)
        elif entry.kind == "close":
            self._closed(entry)

    def missed(self) -> None:
        """Forget what may have changed unseen, since entries are missing after the last one."""
        self.begun = False
        self.last_in = None
        for known in (self.pending, self.answered, self.publishes, self.channels):
            known.clear()

    def become(self, state: str, reason: str | None = None) -> None:
        """Go to a state. Without a `reason`, the old reason stays."""
        if state != self.state:
            self.before, self.state = self.state, state
        self.reason = self.reason if reason is None else reason

    def _crossed(self, entry: Entry) -> None:
        frame = entry.frame or {}
        typed = frame.get("action")
        self.frames[entry.direction] += 1
        self.bytes[entry.direction] += entry.size
        if entry.direction == "in":
            self.heard, table = True, _RECEIVED
        else:
            table = _SENT
        if isinstance(typed, int) and (learn := table.get(typed)):  # a learner may have typed anything
            learn(self, entry, frame)

    def _opened(self, entry: Entry) -> None:
        """Start over: an earlier WebSocket with the same name says nothing about this one."""
        self.missed()
        self.connected = self.ended = self.closing = self.heard = self.repeats = self.over = False
        self.begun, self.last_serial, self.pings, self.dropped = True, -1, 0, 0.0
        self.params = dict(parse_qsl(urlsplit(str(entry.raw)).query, keep_blank_values=True))
        self.become("connecting")

    def _closed(self, entry: Entry) -> None:
        self.over = True
        if self.state == "closing":
            self.become("closed")
        elif self.state not in ("closed", "failed"):
            self.become("disconnected")
            self.dropped = entry.at
        self.reason = self.reason or f"WebSocket closed: {entry.raw!s}"


# -- what is sent


def _published(facts: Facts, entry: Entry, frame: Frame) -> None:
    serial = frame.get("msgSerial")
    if not isinstance(serial, int):
        return
    if serial > facts.last_serial or facts.repeats:
        facts.pending[serial] = entry  # else the service drops it, without an answer
    facts.last_serial = max(facts.last_serial, serial)
    facts.publishes.append(entry.at)
    while facts.publishes[0] <= entry.at - 1000:
        facts.publishes.popleft()


def _entered(facts: Facts, entry: Entry, frame: Frame) -> None:
    _published(facts, entry, frame)
    entered = facts.channel(frame).entered
    for member in items(frame, "presence"):
        client = str(member.get("clientId", facts.params.get("clientId", "")))
        entered.discard(client) if member.get("action") == 3 else entered.add(client)


def _attach(facts: Facts, entry: Entry, frame: Frame) -> None:
    channel = facts.channel(frame)
    channel.attaching = True
    channel.asked = asked_modes(frame)
    channel.asked_serial = frame.get("channelSerial")


def _detach(facts: Facts, entry: Entry, frame: Frame) -> None:
    facts.channel(frame).detaching = True


def _pinged(facts: Facts, entry: Entry, frame: Frame) -> None:
    facts.pings += 1


def _close(facts: Facts, entry: Entry, frame: Frame) -> None:
    facts.closing = True
    if facts.state == "connected":
        facts.become("closing")


# -- what comes


def _connected(facts: Facts, entry: Entry, frame: Frame) -> None:
    resumed = facts.params.get("resume") and not frame.get("error")
    facts.repeats = bool(resumed) and not facts.connected
    facts.connected, facts.dropped = True, 0.0
    facts.connection_id = frame.get("connectionId")
    facts.details = inside(frame, "connectionDetails")
    facts.become("connected", _why(frame))


def _disconnected(facts: Facts, entry: Entry, frame: Frame) -> None:
    facts.dropped = entry.at
    facts.become("disconnected", _why(frame))


def _ended(facts: Facts, entry: Entry, frame: Frame) -> None:
    facts.ended, facts.dropped = True, 0.0
    facts.become("closed")


def _error(facts: Facts, entry: Entry, frame: Frame) -> None:
    if facts.state == "connecting" and not frame.get("channel"):
        facts.become("failed", _why(frame))
    if not facts.connected:
        facts.ended = True
    elif frame.get("channel"):
        channel = facts.channel(frame)
        channel.attaching = channel.attached = False


def _answered(facts: Facts, entry: Entry, frame: Frame) -> None:
    for serial in covered(frame):
        facts.pending.pop(serial, None)
        facts.answered[serial] = None
    forget_all_but(facts.answered, REMEMBERED)


def _heartbeat(facts: Facts, entry: Entry, frame: Frame) -> None:
    facts.pings = max(facts.pings - 1, 0)


def _attached(facts: Facts, entry: Entry, frame: Frame) -> None:
    channel, flags = facts.channel(frame), number(frame, "flags")
    channel.attaching, channel.attached = False, True
    channel.modes = flags & int(MODES)
    channel.serial = frame.get("channelSerial", channel.serial)
    channel.sync_due = entry if flags & Flag.HAS_PRESENCE else None
    channel.knows_members = not flags & Flag.RESUMED
    if flags & Flag.HAS_BACKLOG:  # what was seen may come again, from earlier on
        channel.ids.clear()
        channel.order.clear()


def _detached(facts: Facts, entry: Entry, frame: Frame) -> None:
    channel = facts.channel(frame)
    channel.attached = channel.detaching = channel.attaching = False


def _synced(facts: Facts, entry: Entry, frame: Frame) -> None:
    channel = facts.channel(frame)
    more = str(frame.get("channelSerial", "")).partition(":")[2]
    channel.sync_due = entry if more else None
    channel.knows_members = channel.knows_members or not more
    channel.members |= {member_key(member, frame) for member in items(frame, "presence")}


def _presence(facts: Facts, entry: Entry, frame: Frame) -> None:
    members = facts.channel(frame).members
    for member in items(frame, "presence"):
        key = member_key(member, frame)
        members.discard(key) if member.get("action") == 3 else members.add(key)


def _message(facts: Facts, entry: Entry, frame: Frame) -> None:
    channel = facts.channel(frame)
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


Learn = Callable[[Facts, Entry, Frame], None]

_SENT: dict[int, Learn] = {
    **dict.fromkeys(map(int, PUBLISHES), _published),
    Action.PRESENCE: _entered,
    Action.ATTACH: _attach,
    Action.DETACH: _detach,
    Action.HEARTBEAT: _pinged,
    Action.CLOSE: _close,
}

_RECEIVED: dict[int, Learn] = {
    Action.CONNECTED: _connected,
    Action.DISCONNECTED: _disconnected,
    Action.CLOSED: _ended,
    Action.ERROR: _error,
    Action.ACK: _answered,
    Action.NACK: _answered,
    Action.HEARTBEAT: _heartbeat,
    Action.ATTACHED: _attached,
    Action.DETACHED: _detached,
    Action.SYNC: _synced,
    Action.PRESENCE: _presence,
    Action.MESSAGE: _message,
}


# -- reading members of frames in which anything may stand


def _why(frame: Frame) -> str:
    """Return the error that a frame carries as code and message, or nothing."""
    error = inside(frame, "error")
    return f"{error.get('code')}: {error.get('message')}" if error else ""


def forget_all_but(known: dict[Any, None], count: int) -> None:
    """Drop the oldest, so that a long session doesn't take ever more memory."""
    while len(known) > count:
        del known[next(iter(known))]


def asked_modes(frame: Frame) -> int:
    """Return the modes that an ATTACH asks for, by its params or its flags; 0 for none in particular."""
    named = inside(frame, "params").get("modes")
    if isinstance(named, str):
        found = (MODE_NAMES.get(name.strip().lower(), Flag(0)) for name in named.split(","))
        return sum(set(map(int, found)))
    return number(frame, "flags") & int(MODES)


def items(frame: Frame, member: str) -> list[Frame]:
    """Return the objects in a list member; an empty list where it is no list."""
    value = frame.get(member)
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in listed if isinstance(item, dict)]


def number(frame: Frame, member: str) -> int:
    """Return a member that is a number; 0 where it is none."""
    value = frame.get(member)
    return value if isinstance(value, int) else 0


def inside(frame: Frame, member: str) -> Frame:
    """Return a member that is an object; an empty one where it is none."""
    value = frame.get(member)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def member_key(member: Frame, frame: Frame) -> tuple[str, str]:
    """Return a member's key: its connectionId and clientId (TP3h)."""
    return str(member.get("connectionId", frame.get("connectionId"))), str(member.get("clientId"))
