"""Presence: members enter, update and leave a channel, and a SYNC lists them (RTP).

Two lists say who is present, and they change at different moments. `Channel.members` is what other clients
see: it changes only when the log has the change. `Connection.present` is what a connection has asked for: it
changes at once, so that a connection that ends while the log is still deciding knows which members must
leave. If the log refuses a change, `Connection.present` goes back to what it was.
"""

import re
from collections.abc import Iterable, Iterator

from ablykit.protocol import (
    AblyError,
    Action,
    ChannelName,
    Flag,
    PresenceAction,
    PresenceMessage,
    ProtocolMessage,
)
from ablykit.protocol.encoding import size_of
from ablykit.server.answers import UNHEARD, Answer
from ablykit.server.channels.channel import Attachment, Channel, channel_of
from ablykit.server.connection import Connection
from ablykit.server.rules.publishing import Publisher, admit

PAGE = 100
"""The most members that one SYNC lists."""

_ENTERING = frozenset({PresenceAction.PRESENT, PresenceAction.ENTER, PresenceAction.UPDATE})


def change(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Check a PRESENCE and append it to the log (see `publishing.Rule`).

    Raises `AblyError`, which the session sends as a NACK: 40000, 40012, 40160, 40165, 91000, 91001, 91003,
    and the codes of `admit`.
    """
    attached_as = channel_of(frame)
    name = ChannelName.parse(attached_as)
    if not frame.presence:
        raise AblyError(40000, "A PRESENCE needs `presence`: a list with at least one member")
    publisher.identity.check("presence", name)
    connection = publisher.connection
    if attachment is None or connection is None:
        raise AblyError(91001, f"{attached_as!r} is not attached: attach to the channel, then enter it")
    attachment.check(Flag.PRESENCE)
    admit(frame.presence, publisher.limits.max_message_size)
    channel = attachment.channel
    items = [_checked(publisher, connection, channel, item) for item in frame.presence]
    _check_room(channel, connection.id, items, publisher.limits.max_members)
    changes = [item for item in items if item is not None]
    if not changes:
        answer.ack()
        return
    publisher.app.stats.message("inbound", "realtime", "presence", len(changes), sum(map(size_of, changes)))
    append(channel, connection, changes, publisher.frame_id(frame), now, answer)


def _checked(
    publisher: Publisher, connection: Connection, channel: Channel, item: PresenceMessage
) -> PresenceMessage | None:
    """Return a member's change as others will see it; None for the leave of a member that is not present."""
    client_id = publisher.name_for(item.client_id)
    if client_id is None:
        raise AblyError(
            91000, "A member needs a clientId: connect with one, or name one in the presence message"
        )
    is_there = (channel, client_id) in connection.present
    if item.action == PresenceAction.LEAVE:
        action = PresenceAction.LEAVE
    elif item.action in _ENTERING:
        action = PresenceAction.UPDATE if is_there and item.action == 4 else PresenceAction.ENTER
    else:
        raise AblyError(
            40000, f"A member's action is enter (2), leave (3) or update (4), not {item.action!r}"
        )
    if action == PresenceAction.LEAVE and not is_there:
        return None
    if action == PresenceAction.LEAVE and item.data is None:  # a leave repeats the member's last data (RTP10)
        before = channel.members.get((connection.id, client_id), item)
        item = item.replace(data=before.data, encoding=before.encoding)
    return item.replace(action=int(action), client_id=client_id, id=None, connection_id=None)


def _check_room(
    channel: Channel, connection_id: str, items: Iterable[PresenceMessage | None], limit: int
) -> None:
    """Raise `AblyError` 91003 if the channel would have more than `limit` members."""
    new = {(connection_id, item.client_id) for item in items if item is not None and item.action != 3}
    if len(channel.members.keys() | new) > max(limit, len(channel.members)):
        raise AblyError(91003, f"The channel is full: at most {limit} members may be present at once")


def append(
    channel: Channel,
    connection: Connection,
    items: list[PresenceMessage],
    frame_id: str,
    now: float,
    answer: Answer = UNHEARD,
) -> None:
    """Append presence changes to the log, and note them in `connection.present` (see above)."""
    timestamp = connection.app.sources.clock.now()
    whole = [
        item.replace(id=f"{frame_id}:{index}", connection_id=connection.id, timestamp=timestamp)
        for index, item in enumerate(items)
    ]
    draft = ProtocolMessage(
        action=Action.PRESENCE,
        id=frame_id,
        connection_id=connection.id,
        channel=channel.name,
        timestamp=timestamp,
        presence=whole,
    )
    places = [(channel, item.client_id or "") for item in whole]
    before = [place in connection.present for place in places]

    def refused(error: AblyError) -> None:
        for place, was_present in zip(places, before, strict=True):
            _note(connection, place, was_present)
        answer.nack(error)

    for place, item in zip(places, whole, strict=True):
        _note(connection, place, item.action != PresenceAction.LEAVE)
    channel.log.append(draft, now, lambda entry: answer.ack(), refused)


def _note(connection: Connection, place: tuple[Channel, str], is_present: bool) -> None:
    (connection.present.add if is_present else connection.present.discard)(place)


def leave_all(connection: Connection, now: float, channel: Channel | None = None) -> None:
    """Make a connection's members leave, on one channel or on all, when it can no longer do so itself.

    The id of such a leave does not begin with the connectionId. That is how a client recognises a leave that
    the service made up, which it compares by timestamp and not by id (RTP2b1).
    """
    channels = {where for where, _ in connection.present if channel in (None, where)}
    for where in sorted(channels, key=lambda each: each.name):  # in the same order on every run
        gone = [
            _last(where, connection, client).replace(action=int(PresenceAction.LEAVE))
            for on, client in sorted(connection.present, key=lambda each: each[1])
            if on is where
        ]
        append(where, connection, gone, f"{connection.app.sources.ids.new('leave', 10)}:0", now)


def _last(channel: Channel, connection: Connection, client_id: str) -> PresenceMessage:
    """Return a member as the channel last saw it; with its clientId alone if the log does not have it yet."""
    return channel.members.get((connection.id, client_id), PresenceMessage(client_id=client_id))


def sync(channel: Channel, name: str) -> Iterator[ProtocolMessage]:
    """Yield the SYNC frames that list all members; the last one has an empty cursor (RTP18)."""
    members = list(channel.members.values())
    sequence = re.sub(
        r"\W", "-", channel.log.serial
    )  # SDKs match [\w-]+ before the colon, and a serial has an @
    for start in range(0, len(members), PAGE) or (0,):
        cursor = str(start + PAGE) if start + PAGE < len(members) else ""
        yield ProtocolMessage(
            action=Action.SYNC,
            channel=name,
            channel_serial=f"{sequence}:{cursor}",
            presence=members[start : start + PAGE],
        )
