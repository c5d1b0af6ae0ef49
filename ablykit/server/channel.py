"""One channel: its log, and who is attached to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablykit.protocol import AblyError, Action, Flag, Message, PresenceMessage, ProtocolMessage
from ablykit.server import occupancy
from ablykit.server.delivery import Delivery, delivery_of
from ablykit.server.deltas import Deltas
from ablykit.server.log import Entry, Log
from ablykit.server.stats import Stats

if TYPE_CHECKING:
    from ablykit.server.session import Session


MODE_TO_HEAR = {
    Action.MESSAGE: Flag.SUBSCRIBE,
    Action.PRESENCE: Flag.PRESENCE_SUBSCRIBE,
    Action.ANNOTATION: Flag.ANNOTATION_SUBSCRIBE,
}
"""Which mode an attachment needs to be told of what is in the log."""


KINDS: dict[int, str] = {Action.MESSAGE: "messages", Action.PRESENCE: "presence"}
"""What is counted, by what the statistics call it."""


@dataclass(slots=True)
class Attachment:
    """A connection's hold on a channel: under which name, with which modes and params."""

    session: "Session"
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
    told: dict[str, int] | None = None
    """The occupancy it was told last."""

    def deliver(self, delivery: Delivery) -> bool:
        """Send it on, unless it is an echo the connection did not want; tells whether it went."""
        found = delivery if self.wants is None else self.filtered(delivery)
        if found is None or not self.session.wants(found):
            return False
        self.send(found)
        return True

    def send(self, delivery: Delivery) -> None:
        """Send a delivery by the name it attached with; as deltas, if it wants these."""
        found = delivery if self.deltas is None else self.deltas.of(delivery)
        self.session.send(found, None if self.name == found.frame.channel else self.name)

    def filtered(self, delivery: Delivery) -> Delivery | None:
        """What of a delivery is wanted; None for nothing of it."""
        messages = delivery.frame.messages
        if self.wants is None or not messages:
            return delivery
        wanted = [message for message in messages if self.wants(message)]
        if len(wanted) == len(messages):
            return delivery
        return Delivery(delivery.frame.replace(messages=wanted), delivery.publisher) if wanted else None


class Channel:
    """A channel: who is attached, and the log that everything goes through."""

    def __init__(
        self, name: str, log: Log, stats: Stats, activity: "Callable[[Channel], None] | None" = None
    ) -> None:
        self.name = name
        self.log = log
        self._activity = activity
        """Called when the first is attached, and when nobody is any more."""
        self._stats = stats
        self._attachments: dict[int, Attachment] = {}
        self._subscribers: dict[int, list[Attachment]] = {}
        self._curious: list[Attachment] = []
        self._deaf: list[Attachment] = []
        self.members: dict[tuple[str, str], PresenceMessage] = {}
        """Who is present, by connectionId and clientId."""
        self.rate = Rate()
        self._idle_since: float | None = None
        log.follow(self._deliver)

    def attach(self, attachment: Attachment) -> None:
        """Add an attachment, in place of an earlier one of the same session."""
        first = not self._attachments
        self._attachments[id(attachment.session)] = attachment
        self._choose_subscribers()
        if first and self._activity:
            self._activity(self)

    def detach(self, session: "Session") -> None:
        """Remove a session's attachment, if it has one."""
        if self._attachments.pop(id(session), None):
            self._choose_subscribers()
            self.tell_occupancy()
            if not self._attachments and self._activity:
                self._activity(self)

    def attachment_of(self, session: "Session") -> Attachment | None:
        """The attachment of a session, if it has one."""
        return self._attachments.get(id(session))

    def idle_for(self, now: float) -> float:
        """How long nobody has been attached and nothing kept, in ms, as far as this was asked before.

        Until that is as long as messages are kept, who comes back is told that nothing was missed.
        """
        if self._attachments or self.members or not self.log.is_empty:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return 0.0 if self._idle_since is None else now - self._idle_since

    @property
    def attachments(self) -> list["Attachment"]:
        """Who is attached."""
        return list(self._attachments.values())

    def _choose_subscribers(self) -> None:
        self._subscribers = {
            action: [a for a in self._attachments.values() if a.modes & mode]
            for action, mode in MODE_TO_HEAR.items()
        }
        self._curious = [a for a in self._attachments.values() if "occupancy" in a.params]
        self._deaf = [a for a in self._attachments.values() if not a.modes & Flag.PRESENCE_SUBSCRIBE]

    def tell_occupancy(self) -> None:
        """Tell those who asked how many take part, where that has changed."""
        for attachment in self._curious:
            occupancy.tell(self, attachment)

    def _deliver(self, entry: Entry) -> None:
        action = entry.frame.action
        delivery = delivery_of(entry.frame)
        told = 0
        for attachment in self._subscribers.get(action, ()):
            told += attachment.deliver(delivery)
        if action == Action.PRESENCE:
            told += self._tell_owner(delivery)
        if told and (kind := KINDS.get(action)):
            count = len(entry.frame.messages or entry.frame.presence or ())
            self._stats.message("outbound", "realtime", kind, told * count, told * entry.size)
        if action == Action.PRESENCE:
            self.tell_occupancy()

    def _tell_owner(self, delivery: Delivery) -> int:
        """Tell a connection of its own members also where it hears of no others (RTP17a); tells how many."""
        own = delivery.frame.connection_id
        return sum(a.deliver(delivery) for a in self._deaf if a.session.connection.id == own)


def channel_of(frame: ProtocolMessage) -> str:
    """The channel a frame names. Raises `AblyError` 40000 when it names none."""
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
        """Count one more at `now` (ms); tells how many there were in this second."""
        second = int(now // 1000)
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count
