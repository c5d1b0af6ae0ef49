"""One channel: its log, and who is attached to it.

What is in the log goes to every attachment that may hear it and wants it; that is decided once for each
attachment, not once for each message. The channel knows its subscribers only as `Subscriber`: something that
has a connectionId, says what it wants, and takes deliveries.

A subscriber that can't be given what is in the log is ended, since it would otherwise miss a message without
noticing. It never harms the publisher or the other subscribers.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ablykit.protocol import (
    MODES,
    AblyError,
    Action,
    Flag,
    Message,
    MessageAction,
    PresenceAction,
    PresenceMessage,
    ProtocolMessage,
)
from ablykit.protocol.redaction import quiet_logger
from ablykit.server.channels import occupancy
from ablykit.server.channels.delivery import Delivery, delivery_of
from ablykit.server.channels.deltas import Deltas
from ablykit.server.channels.log import Entry, Log
from ablykit.server.common.denials import Denied
from ablykit.server.common.stats import Stats

LOGGER = quiet_logger("ablykit.server")

MODE_TO_HEAR = {
    Action.MESSAGE: Flag.SUBSCRIBE,
    Action.PRESENCE: Flag.PRESENCE_SUBSCRIBE,
    Action.ANNOTATION: Flag.ANNOTATION_SUBSCRIBE,
}
"""Which mode an attachment needs to be sent what is in the log."""

KINDS: dict[int, str] = {Action.MESSAGE: "messages", Action.PRESENCE: "presence"}
"""What is counted, by what the statistics call it."""


class Subscriber(Protocol):
    """What a channel needs of whoever is attached to it."""

    @property
    def connection_id(self) -> str:
        """The connection it belongs to."""
        ...

    def wants(self, delivery: Delivery) -> bool:
        """Whether it wants a delivery, by where that came from."""
        ...

    def send(self, delivery: Delivery, channel: str | None = None) -> None:
        """Take a delivery, with the channel renamed if a name is given."""
        ...

    def disconnect(self, error: AblyError) -> None:
        """End its socket, so that it knows it has missed something."""
        ...


@dataclass(slots=True, eq=False)
class Attachment:
    """A connection's hold on a channel: under which name, with which modes and params."""

    subscriber: Subscriber
    channel: "Channel"
    name: str
    asked: Flag
    """The modes it asked for."""
    modes: Flag
    """Those of them that are allowed."""
    params: dict[str, str]
    wants: Callable[[Message], bool] | None = None
    """Which messages it wants to hear; None for all."""
    deltas: Deltas | None = None
    """What it was sent last, where messages may come as deltas."""
    last_counts: dict[str, int] | None = None
    """The occupancy it was sent last."""
    since: str = ""
    """The serial in the log after which it hears everything."""
    rewound: str | None = None
    """The serial from which on a rewind brought it the messages, as they were then."""

    def check(self, mode: Flag) -> None:
        """Raise `Denied` 40165 where it was attached without a mode that what is asked needs."""
        if not self.modes & mode:
            raise Denied(
                40165,
                f"{self.name!r} was attached without the mode {mode.name}: attach again with it",
                resource=self.name,
                operation=(mode.name or "").lower().replace("_", "-"),
                rule=f"The ATTACH asked for {_named(self.asked)}; allowed of it is {_named(self.modes)}",
            )

    def deliver(self, delivery: Delivery) -> bool:
        """Send it on, unless it is an echo the connection did not want; return whether it went."""
        found = delivery if self.wants is None else self.filtered(delivery)
        if found is None or not self.subscriber.wants(found):
            return False
        self.send(found)
        return True

    def send(self, delivery: Delivery) -> None:
        """Send a delivery by the name it attached with; as deltas, if it wants these."""
        found = delivery if self.deltas is None else self.deltas.of(delivery)
        self.subscriber.send(found, None if self.name == found.frame.channel else self.name)

    def filtered(self, delivery: Delivery) -> Delivery | None:
        """Return what of a delivery is wanted; None for nothing of it."""
        messages = delivery.frame.messages
        if self.wants is None or not messages:
            return delivery
        wanted = [
            # with its id, which else is made of its place in the frame (TM2a)
            message.replace(id=message.id or f"{delivery.frame.id}:{index}")
            for index, message in enumerate(messages)
            if self.wants(message)
        ]
        if len(wanted) == len(messages):
            return delivery
        return Delivery(delivery.frame.replace(messages=wanted), delivery.publisher) if wanted else None


class Whole(NamedTuple):
    """The whole message after an append, for attachments that were never sent what it was appended to."""

    serial: str
    before: str
    """The serial of the version that was appended to."""
    update: Delivery

    def is_heard_by(self, attachment: Attachment) -> bool:
        """Whether an attachment has the version that was appended to."""
        rewound = attachment.rewound
        place = self.before.rpartition(":")[0]
        return place > attachment.since or (rewound is not None and self.serial >= rewound)


class Surroundings(Protocol):
    """What a channel needs of the service it is in."""

    def now(self) -> float:
        """The running time, in ms."""
        ...

    def soon(self, channel: "Channel", due: float) -> None:
        """Call the channel's `tell_occupancy` at a running time."""
        ...

    def draft(self, channel: str, message: Message) -> ProtocolMessage:
        """A frame of the service itself that carries a message."""
        ...

    def activity(self, channel: "Channel") -> None:
        """The first has attached, or the last has gone."""
        ...


class Channel:
    """A channel: who is attached, and the log that everything goes through."""

    def __init__(self, name: str, log: Log, stats: Stats, surroundings: Surroundings) -> None:
        self.name = name
        self.log = log
        self._stats = stats
        self._surroundings = surroundings
        self._by_connection: dict[str, dict[str, Attachment]] = {}
        self._subscribers: dict[int, tuple[Attachment, ...]] | None = None
        """Who hears what, by action; None until it is chosen anew."""
        self._curious: dict[int, Attachment] = {}
        self._occupancy = occupancy.Occupancy()
        self._told_at = -occupancy.INTERVAL
        self.members: dict[tuple[str, str], PresenceMessage] = {}
        """Who is present, by connectionId and clientId."""
        self.rate = Rate()
        self._idle_since: float | None = None
        log.follow(self._deliver)

    def attach(self, attachment: Attachment) -> None:
        """Add an attachment, in place of an earlier one of the same connection and name."""
        connection = attachment.subscriber.connection_id
        first = not self._by_connection
        mine = self._by_connection.setdefault(connection, {})
        before = _modes(mine)
        if earlier := mine.get(attachment.name):
            self._curious.pop(id(earlier), None)
        mine[attachment.name] = attachment
        if "occupancy" in attachment.params:
            self._curious[id(attachment)] = attachment
        self._changed(before, _modes(mine))
        if first:
            self._surroundings.activity(self)

    def detach(self, attachment: Attachment) -> None:
        """Remove an attachment, if it is still there."""
        connection = attachment.subscriber.connection_id
        mine = self._by_connection.get(connection, {})
        if mine.get(attachment.name) is not attachment:
            return
        before = _modes(mine)
        del mine[attachment.name]
        self._curious.pop(id(attachment), None)
        if not mine:
            del self._by_connection[connection]
        self._changed(before, _modes(mine))
        self.tell_occupancy()
        if not self._by_connection:
            self._surroundings.activity(self)

    def _changed(self, before: Flag | None, after: Flag | None) -> None:
        self._subscribers = None
        self._occupancy.changed(before, after)

    def attachments_of(self, connection_id: str) -> list[Attachment]:
        """Every attachment of a connection, one for each name."""
        return list(self._by_connection.get(connection_id, {}).values())

    @property
    def attachments(self) -> list[Attachment]:
        """Every attachment."""
        return [each for mine in self._by_connection.values() for each in mine.values()]

    @property
    def is_attached(self) -> bool:
        """Whether anyone is attached."""
        return bool(self._by_connection)

    @property
    def is_in_use(self) -> bool:
        """Whether anyone is attached or present."""
        return bool(self._by_connection or self.members)

    @property
    def metrics(self) -> dict[str, int]:
        """How many take part, by name (CHM2)."""
        return self._occupancy.metrics(len(self.members))

    def idle_for(self, now: float) -> float:
        """How long nobody has been attached and nothing kept, in ms, as far as this was asked before.

        A client that re-attaches while this is shorter than the log's retention is told that it missed
        nothing.
        """
        if self.is_in_use or not self.log.is_empty:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return 0.0 if self._idle_since is None else now - self._idle_since

    # -- occupancy

    def tell_occupancy(self, newcomer: Attachment | None = None) -> None:
        """Send their counts to those who asked, where these have changed.

        At most once in `occupancy.INTERVAL`; what changes before is sent when that is over. A `newcomer` is
        sent its first counts at once.
        """
        if newcomer and "occupancy" in newcomer.params:
            self._send_occupancy([newcomer])
        if not self._curious:
            return
        now = self._surroundings.now()
        due = self._told_at + occupancy.INTERVAL
        if now < due:
            self._surroundings.soon(self, due)
            return
        if self._send_occupancy(list(self._curious.values())):
            self._told_at = now

    def _send_occupancy(self, attachments: list[Attachment]) -> bool:
        """Send their counts to those for whom they have changed; return whether there were any."""
        made: dict[tuple[str, str], Delivery] = {}  # one frame for all that ask for the same by one name
        metrics = self.metrics
        for attachment in attachments:
            asked = attachment.params["occupancy"]
            counts = occupancy.wanted(asked, metrics)
            if counts == attachment.last_counts:
                continue
            attachment.last_counts = counts
            delivery = made.get((attachment.name, asked))
            if delivery is None:
                frame = self._surroundings.draft(attachment.name, occupancy.message(counts))
                delivery = made[attachment.name, asked] = Delivery(frame)
            attachment.send(delivery)
        return bool(made)

    # -- delivery

    def _deliver(self, entry: Entry) -> None:
        frame = entry.frame
        for member in frame.presence or ():
            self._note(member)
        delivery = delivery_of(frame)
        told = _to_all(self._hearing(frame.action), delivery, self._whole(frame))
        if frame.action == Action.PRESENCE:
            told += _to_all(self._deaf_owners(frame.connection_id), delivery)
        if told and (kind := KINDS.get(frame.action)):
            count = len(frame.messages or frame.presence or ())
            self._stats.message("outbound", "realtime", kind, told * count, told * entry.size)
        if frame.action == Action.PRESENCE:
            self.tell_occupancy()

    def _note(self, member: PresenceMessage) -> None:
        """Change the set of members: only what the log has counts."""
        key = (member.connection_id or "", member.client_id or "")
        if member.action == PresenceAction.LEAVE:
            self.members.pop(key, None)
        else:
            self.members[key] = member.replace(action=int(PresenceAction.PRESENT))

    def _whole(self, frame: ProtocolMessage) -> "Whole | None":
        """Return what an append makes whole; None for any other frame."""
        message = (frame.messages or [None])[0]
        if message is None or message.action != MessageAction.APPEND:
            return None
        story = self.log.story(message.serial or "", self._surroundings.now())
        if story is None:  # the append itself took the place of what it was appended to
            return None
        update = message.replace(
            action=int(MessageAction.UPDATE), data=story.now.data, encoding=story.now.encoding
        )
        return Whole(message.serial or "", story.before, delivery_of(frame.replace(messages=[update])))

    def _hearing(self, action: int) -> tuple[Attachment, ...]:
        if self._subscribers is None:
            everyone = self.attachments
            self._subscribers = {
                action: tuple(a for a in everyone if a.modes & mode) for action, mode in MODE_TO_HEAR.items()
            }
        return self._subscribers.get(action, ())

    def _deaf_owners(self, connection_id: str | None) -> Iterator[Attachment]:
        """A connection's attachments that hear of no other members: they are sent their own (RTP17a)."""
        owners = self.attachments_of(connection_id or "")
        return (each for each in owners if not each.modes & Flag.PRESENCE_SUBSCRIBE)


def _to_all(attachments: Iterable[Attachment], delivery: Delivery, whole: Whole | None = None) -> int:
    """Deliver, and return to how many it went. A subscriber that it can't be delivered to is ended."""
    told = 0
    for attachment in attachments:
        try:
            if whole is not None and not whole.is_heard_by(attachment):
                told += attachment.deliver(whole.update)
            else:
                told += attachment.deliver(delivery)
        except Exception:
            LOGGER.exception("A frame could not be delivered on %s", attachment.name[:80])
            error = AblyError(
                50000, "A message could not be delivered: reconnect, to be sent what was missed"
            )
            attachment.subscriber.disconnect(error)
    return told


def _named(modes: Flag) -> str:
    return ", ".join(mode.name for mode in MODES if mode & modes and mode.name)


def _modes(attachments: dict[str, Attachment]) -> Flag | None:
    """What a connection's attachments allow together; None where there are none."""
    together = None
    for each in attachments.values():
        together = each.modes if together is None else together | each.modes
    return together


def channel_of(frame: ProtocolMessage) -> str:
    """Return the channel a frame names. Raises `AblyError` 40000 when it names none."""
    if frame.channel is None:
        raise AblyError(40000, "Missing channel identifier")
    return frame.channel


class Rate:
    """How often something happened within the current second."""

    __slots__ = ("_count", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._count = 0

    def count(self, now: float) -> int:
        """Count one more at `now` (ms), and return this second's total."""
        second = int(now // 1000)
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count
