"""One channel: its log, its attachments, and the delivery from one to the other.

A channel follows its log and sends each entry to every attachment whose modes let it through. Which
attachments those are is worked out when an attachment comes or goes, not for every message. The channel knows
a session only as a `Subscriber`: it has a connectionId, decides whether it wants a delivery, and takes it.

    channel.attach(attachment)              # from now on the log's entries reach this subscriber
    channel.log.append(draft, now)          # … and this one does, through `_deliver`

If a delivery to a subscriber fails, the channel disconnects that subscriber. Otherwise it would miss a
message without noticing; once disconnected it resumes, and gets what it missed. A failing subscriber must
never affect the publisher or the other subscribers.
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
"""The mode that an attachment needs to receive each kind of entry in the log."""

KINDS: dict[int, str] = {Action.MESSAGE: "messages", Action.PRESENCE: "presence"}
"""The kinds of entries that statistics count, and their names there."""


class Subscriber(Protocol):
    """What a channel needs from a session that attaches to it."""

    @property
    def connection_id(self) -> str:
        """The id of its connection."""
        ...

    def wants(self, delivery: Delivery) -> bool:
        """Return whether it wants a delivery: an echo may be unwanted."""
        ...

    def send(self, delivery: Delivery, channel: str | None = None) -> None:
        """Send a delivery to its client, under the channel name `channel` if given."""
        ...

    def disconnect(self, error: AblyError) -> None:
        """End its socket, so that its client knows it has missed something."""
        ...


@dataclass(slots=True, eq=False)
class Attachment:
    """One attachment of a connection to a channel, with the name, modes and params of its ATTACH."""

    subscriber: Subscriber
    channel: "Channel"
    name: str
    asked: Flag
    """The modes that the ATTACH requested."""
    modes: Flag
    """The requested modes that the key or token allows."""
    params: dict[str, str]
    wants: Callable[[Message], bool] | None = None
    """The filter of the channel name, if it has one; None lets every message through."""
    deltas: Deltas | None = None
    """The state of its deltas; None if it did not ask for deltas."""
    last_counts: dict[str, int] | None = None
    """The occupancy counts that it was sent last."""
    since: str = ""
    """The serial in the log after which it receives everything."""
    rewound: str | None = None
    """The serial of the first message that its rewind brought; None without a rewind."""

    def check(self, mode: Flag) -> None:
        """Raise `Denied` 40165 unless it was attached with a mode that the operation needs."""
        if not self.modes & mode:
            raise Denied(
                40165,
                f"{self.name!r} was attached without the mode {mode.name}: attach again with that mode",
                resource=self.name,
                operation=(mode.name or "").lower().replace("_", "-"),
                rule=f"The ATTACH asked for {_named(self.asked)} and was granted {_named(self.modes)}",
            )

    def deliver(self, delivery: Delivery) -> bool:
        """Send a delivery unless it is filtered out or an unwanted echo. Return whether it was sent."""
        found = delivery if self.wants is None else self.filtered(delivery)
        if found is None or not self.subscriber.wants(found):
            return False
        self.send(found)
        return True

    def send(self, delivery: Delivery) -> None:
        """Send a delivery under the name that the ATTACH used, as deltas if it asked for them."""
        found = delivery if self.deltas is None else self.deltas.of(delivery)
        self.subscriber.send(found, None if self.name == found.frame.channel else self.name)

    def filtered(self, delivery: Delivery) -> Delivery | None:
        """Return the delivery with the messages that pass the filter; None if no message does."""
        messages = delivery.frame.messages
        if self.wants is None or not messages:
            return delivery
        wanted = [
            # A message without an id gets one from its place in the frame (TM2a), and filtering moves it.
            message.replace(id=message.id or f"{delivery.frame.id}:{index}")
            for index, message in enumerate(messages)
            if self.wants(message)
        ]
        if len(wanted) == len(messages):
            return delivery
        return Delivery(delivery.frame.replace(messages=wanted), delivery.publisher) if wanted else None


class Whole(NamedTuple):
    """The complete message after an append, for attachments that never got what it was appended to."""

    serial: str
    before: str
    """The serial of the version before the append."""
    update: Delivery

    def is_known_to(self, attachment: Attachment) -> bool:
        """Return whether an attachment has the version before the append, and can append to it."""
        rewound = attachment.rewound
        place = self.before.rpartition(":")[0]
        return place > attachment.since or (rewound is not None and self.serial >= rewound)


class Surroundings(Protocol):
    """What a channel needs from its app."""

    def now(self) -> float:
        """Return the running time, in ms."""
        ...

    def soon(self, channel: "Channel", due: float) -> None:
        """Call the channel's `send_occupancy` at the running time `due` (ms)."""
        ...

    def draft(self, channel: str, message: Message) -> ProtocolMessage:
        """Return a frame of the service itself that carries a message."""
        ...

    def activity(self, channel: "Channel") -> None:
        """Take note that the first connection has attached to a channel, or that the last has left."""
        ...


class Channel:
    """A channel: its attachments, its members, and the log that everything goes through."""

    def __init__(self, name: str, log: Log, stats: Stats, surroundings: Surroundings) -> None:
        self.name = name
        self.log = log
        self._stats = stats
        self._surroundings = surroundings
        self._by_connection: dict[str, dict[str, Attachment]] = {}
        self._subscribers: dict[int, tuple[Attachment, ...]] | None = None
        """The attachments that receive each action; None when it has to be worked out again."""
        self._curious: dict[int, Attachment] = {}
        self._occupancy = occupancy.Occupancy()
        self._counts_sent_at = -occupancy.INTERVAL
        self.members: dict[tuple[str, str], PresenceMessage] = {}
        """The members that are present, by connectionId and clientId."""
        self.rate = Rate()
        self._idle_since: float | None = None
        log.follow(self._deliver)

    def attach(self, attachment: Attachment) -> None:
        """Add an attachment. It replaces an earlier one of the same connection and name."""
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
        self.send_occupancy()
        if not self._by_connection:
            self._surroundings.activity(self)

    def _changed(self, before: Flag | None, after: Flag | None) -> None:
        self._subscribers = None
        self._occupancy.changed(before, after)

    def attachments_of(self, connection_id: str) -> list[Attachment]:
        """Return the attachments of a connection, one for each name it attached with."""
        return list(self._by_connection.get(connection_id, {}).values())

    @property
    def attachments(self) -> list[Attachment]:
        """Every attachment."""
        return [each for mine in self._by_connection.values() for each in mine.values()]

    @property
    def is_attached(self) -> bool:
        """Whether any connection is attached."""
        return bool(self._by_connection)

    @property
    def is_in_use(self) -> bool:
        """Whether any connection is attached or any member present."""
        return bool(self._by_connection or self.members)

    @property
    def metrics(self) -> dict[str, int]:
        """The channel's occupancy counts, by name (CHM2)."""
        return self._occupancy.metrics(len(self.members))

    def idle_for(self, now: float) -> float:
        """Return how long, in ms, the channel has had no attachment, no member and an empty log.

        The time counts from the first call that finds it so. A client that re-attaches before this reaches
        the log's retention can still learn that it missed nothing, so a channel must not be removed earlier.
        """
        if self.is_in_use or not self.log.is_empty:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return 0.0 if self._idle_since is None else now - self._idle_since

    # -- occupancy

    def send_occupancy(self, newcomer: Attachment | None = None) -> None:
        """Send the occupancy to attachments that asked for it, if their counts have changed.

        Counts go out at most once in `occupancy.INTERVAL`; later changes wait until that is over. Only a
        `newcomer` gets its first counts at once.
        """
        if newcomer and "occupancy" in newcomer.params:
            self._send_counts([newcomer])
        if not self._curious:
            return
        now = self._surroundings.now()
        due = self._counts_sent_at + occupancy.INTERVAL
        if now < due:
            self._surroundings.soon(self, due)
            return
        if self._send_counts(list(self._curious.values())):
            self._counts_sent_at = now

    def _send_counts(self, attachments: list[Attachment]) -> bool:
        """Send each attachment its counts if they have changed. Return whether any were sent."""
        made: dict[tuple[str, str], Delivery] = {}  # attachments with the same name and param share a frame
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
        reached = _to_all(self._receivers(frame.action), delivery, self._whole(frame))
        if frame.action == Action.PRESENCE:
            reached += _to_all(self._deaf_owners(frame.connection_id), delivery)
        if reached and (kind := KINDS.get(frame.action)):
            count = len(frame.messages or frame.presence or ())
            self._stats.message("outbound", "realtime", kind, reached * count, reached * entry.size)
        if frame.action == Action.PRESENCE:
            self.send_occupancy()

    def _note(self, member: PresenceMessage) -> None:
        """Update the members. This happens here and nowhere else, so members are what the log says they
        are."""
        key = (member.connection_id or "", member.client_id or "")
        if member.action == PresenceAction.LEAVE:
            self.members.pop(key, None)
        else:
            self.members[key] = member.replace(action=int(PresenceAction.PRESENT))

    def _whole(self, frame: ProtocolMessage) -> "Whole | None":
        """Return the complete message after an append; None for a frame that is not an append."""
        message = (frame.messages or [None])[0]
        if message is None or message.action != MessageAction.APPEND:
            return None
        story = self.log.story(message.serial or "", self._surroundings.now())
        if story is None:  # the log was full: keeping the append pushed its message out
            return None
        update = message.replace(
            action=int(MessageAction.UPDATE), data=story.now.data, encoding=story.now.encoding
        )
        return Whole(message.serial or "", story.before, delivery_of(frame.replace(messages=[update])))

    def _receivers(self, action: int) -> tuple[Attachment, ...]:
        """Return the attachments whose modes let an action through."""
        if self._subscribers is None:
            everyone = self.attachments
            self._subscribers = {
                action: tuple(a for a in everyone if a.modes & mode) for action, mode in MODE_TO_HEAR.items()
            }
        return self._subscribers.get(action, ())

    def _deaf_owners(self, connection_id: str | None) -> Iterator[Attachment]:
        """Yield a connection's attachments without PRESENCE_SUBSCRIBE.

        They don't receive other members' changes, but a client always receives those of its own members
        (RTP17a).
        """
        owners = self.attachments_of(connection_id or "")
        return (each for each in owners if not each.modes & Flag.PRESENCE_SUBSCRIBE)


def _to_all(attachments: Iterable[Attachment], delivery: Delivery, whole: Whole | None = None) -> int:
    """Deliver to attachments and return how many took it. A subscriber whose delivery fails is
    disconnected."""
    reached = 0
    for attachment in attachments:
        try:
            if whole is not None and not whole.is_known_to(attachment):
                reached += attachment.deliver(whole.update)
            else:
                reached += attachment.deliver(delivery)
        except Exception:
            LOGGER.exception("A frame could not be delivered on channel %s", attachment.name[:80])
            error = AblyError(
                50000, "A message could not be delivered: reconnect and resume to get the missed messages"
            )
            attachment.subscriber.disconnect(error)
    return reached


def _named(modes: Flag) -> str:
    return ", ".join(mode.name for mode in MODES if mode & modes and mode.name)


def _modes(attachments: dict[str, Attachment]) -> Flag | None:
    """Return the modes of all of a connection's attachments together; None if it has no attachment."""
    together = None
    for each in attachments.values():
        together = each.modes if together is None else together | each.modes
    return together


def channel_of(frame: ProtocolMessage) -> str:
    """Return the channel that a frame names. Raises `AblyError` 40000 if it names none."""
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
