"""What a channel of a client has read: where it is in the channel's history, who is present, nothing twice.

The `Channel` hands over each frame that comes while it is attached. What is new goes to the application.
"""

from collections import deque
from collections.abc import Callable, Sequence

from ablykit.client.data import filled
from ablykit.client.link import Link
from ablykit.client.outputs import Delivered, Promise
from ablykit.client.own import Own
from ablykit.client.presence import Members, is_made_up
from ablykit.protocol import Action, Flag, Message, PresenceAction, PresenceMessage, ProtocolMessage

REMEMBERED = 500
"""How many frames are remembered, so that none is delivered twice."""


class Content:
    """The content of a channel. `serial` is the channelSerial to go on from (RTL15b)."""

    def __init__(self, name: str, link: Link, serial: str | None) -> None:
        self._name, self._link, self.serial = name, link, serial
        self.members, self.own = Members(), Own(self._publish)
        self._attached_by: str | None = None
        """The connectionId with which it was attached last."""
        self._seen: deque[str] = deque(maxlen=REMEMBERED)

    def forget_members(self) -> None:
        """Forget who is present, and whom this client has entered (RTP5a)."""
        self.members, self.own = Members(), Own(self._publish)

    def begin(self, attached: ProtocolMessage) -> Callable[[], None]:
        """Begin to read after an ATTACHED. Call what is returned once the channel is attached."""
        flags = Flag(attached.flags or 0)
        resumed, peopled = Flag.RESUMED in flags, Flag.HAS_PRESENCE in flags
        if not (resumed and Flag.HAS_BACKLOG in flags and self.serial):
            self.serial = attached.channel_serial  # else what follows moves it on, message by message
        changes = self.members.begin_sync() if peopled else self.members.clear()

        def go_on() -> None:
            self._deliver(changes)
            if not (resumed and peopled and self._attached_by == self._link.connection_id):
                self.own.again(self.own)  # the old connection's members leave, and are not of this one
            self._attached_by = self._link.connection_id

        return go_on

    def take(self, frame: ProtocolMessage) -> None:
        """Take in a frame with messages or members."""
        if frame.action == Action.SYNC:
            self._deliver(self.members.sync(frame))
            if not self.members.syncing:
                mine = self._link.connection_id or ""
                self.own.again(each for each in self.own if not self.members.has((mine, each or "")))
            return
        if (place := frame.channel_serial or frame.id) in self._seen:
            return
        if place:
            self._seen.append(place)
        self.serial = frame.channel_serial or self.serial
        if frame.action == Action.PRESENCE:
            changes = self.members.update(frame)
            self._deliver(changes)
            self.own.again(item.client_id for item in changes if self._is_taken_out(item))
        else:
            self._deliver(filled(frame, frame.messages))

    def _deliver(self, items: "Sequence[Message] | Sequence[PresenceMessage]") -> None:
        for item in items:
            self._link.emit(Delivered(self._name, item))

    def _is_taken_out(self, item: PresenceMessage) -> bool:
        """Return whether the service made a member of ours leave, such as after a long cut."""
        mine = item.connection_id == self._link.connection_id and is_made_up(item)
        return mine and item.action == PresenceAction.LEAVE

    def _publish(self, item: PresenceMessage, promise: Promise) -> Promise:
        frame = ProtocolMessage(action=Action.PRESENCE, channel=self._name, presence=[item])
        return self._link.publish(frame, promise)
