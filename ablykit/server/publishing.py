"""The way of a MESSAGE from a session into a channel's log."""

from typing import TYPE_CHECKING

from ablykit.protocol import (
    AblyError,
    Action,
    ChannelName,
    Flag,
    Message,
    MessageAction,
    ProtocolMessage,
    PublishResult,
)
from ablykit.protocol.encoding import check, size_of
from ablykit.server.channel import channel_of

if TYPE_CHECKING:
    from ablykit.server.session import Session


def publish(session: "Session", frame: ProtocolMessage, now: float) -> PublishResult:
    """Check a MESSAGE and give it to the log; tells the serials. Raises `AblyError` to be NACKed."""
    attached_as = channel_of(frame)
    name = ChannelName.parse(attached_as)
    if not frame.messages:
        raise AblyError(40000, "A MESSAGE needs messages: a list with at least one")
    _check_rights(session, attached_as, name)
    _check_messages(session, frame.messages)
    channel = session.service.channel(session.app, name)
    if session.service.enforce_rates and channel.rate.count(now) > session.limits.max_channel_rate:
        raise AblyError(42913, f"At most {session.limits.max_channel_rate} publishes a second on one channel")
    given_id = frame.messages[0].id
    if given_id and (earlier := channel.log.find(given_id, now)):
        return PublishResult(serials=earlier.serials)
    draft = ProtocolMessage(
        action=Action.MESSAGE,
        id=None if given_id else f"{session.connection.id}:{frame.msg_serial}",
        connection_id=session.connection.id,
        channel=name.identity,
        timestamp=session.service.clock.now(),
        messages=[_identified(session, message) for message in frame.messages],
    )
    ephemeral = any((message.extras or {}).get("ephemeral") is True for message in frame.messages)
    return PublishResult(serials=channel.log.append(draft, now, keep=not ephemeral).serials)


def _check_rights(session: "Session", attached_as: str, name: ChannelName) -> None:
    if "publish" not in session.key.operations(name):
        raise AblyError(40160, f"The key may not publish on {attached_as!r}")
    attachment = session.attachment(attached_as)
    if attachment and not attachment.modes & Flag.PUBLISH:
        raise AblyError(40165, f"{attached_as!r} was attached without the mode PUBLISH: attach again with it")


def _check_messages(session: "Session", messages: list[Message]) -> None:
    size = sum(map(size_of, messages))
    limit = session.limits.max_message_size
    if size > limit:
        raise AblyError(40009, f"Message too large: {size} bytes where at most {limit} are allowed")
    for message in messages:
        check(message)
        _check_client_id(session, message.client_id)
        if message.action not in (None, MessageAction.CREATE):
            raise AblyError(93002, "Messages of this channel can't be updated, deleted or appended to")
    _check_ids(messages)


def _check_client_id(session: "Session", client_id: str | None) -> None:
    own = session.connection.client_id
    if client_id is not None and (client_id in ("", "*") or own not in (None, client_id)):
        raise AblyError(40012, f"This connection may not publish as clientId {client_id[:60]!r}")


def _check_ids(messages: list[Message]) -> None:
    """Ids of one publish are BASE:0, BASE:1 … or there are none (RSL1k)."""
    ids = [message.id for message in messages]
    if len(ids) == 1 or not any(ids):
        return
    base = (ids[0] or "").rpartition(":")[0]
    if not base or ids != [f"{base}:{index}" for index in range(len(ids))]:
        raise AblyError(40031, "The ids of one publish must be BASE:0, BASE:1 … in order, or absent")


def _identified(session: "Session", message: Message) -> Message:
    own = session.connection.client_id
    return message.replace(client_id=own) if own and message.client_id is None else message
