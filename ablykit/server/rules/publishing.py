"""Publishing: check messages from a session or an HTTP request, and append them to a channel's log.

Every rule that publishes follows the same order, and the order matters. It checks that the frame is complete,
then the rights (a client without them learns nothing more about the channel), then the content and the rate.
The log comes last. Before the log has the publish, a rule refuses it by raising; after that, only through
`answer`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
from ablykit.protocol.encoding import Item, check, size_of
from ablykit.server.access.app import App, Limits
from ablykit.server.access.identity import ANYONE, Identity
from ablykit.server.answers import Answer
from ablykit.server.channels.channel import Attachment, channel_of
from ablykit.server.channels.log import Entry
from ablykit.server.connection import Connection

MOST_AT_ONCE = 1_000
"""How many messages, members or annotations one frame or request may carry."""


@dataclass(frozen=True)
class Publisher:
    """A client that publishes: its identity, its limits, and its connection if it has one."""

    identity: Identity
    limits: Limits
    client_id: str | None
    """The clientId of the connection or request; None if it has none."""
    find: Callable[[str], Connection | None]
    """Return the connection with this connectionKey, so that a request can publish on its behalf (TM2h)."""
    enforce_rates: bool = False
    connection: Connection | None = None
    """The connection it publishes over; None over HTTP."""

    @property
    def app(self) -> App:
        """The app it publishes to."""
        return self.identity.app

    @property
    def transport(self) -> str:
        """The transport it publishes over, named as in statistics."""
        return "realtime" if self.connection else "rest"

    def frame_id(self, frame: ProtocolMessage) -> str:
        """Return the id of the publish that a frame makes: `connectionId:msgSerial`."""
        return f"{self.connection.id if self.connection else ''}:{frame.msg_serial}"

    def name_for(self, client_id: str | None) -> str | None:
        """Return the clientId to publish an item under, given the one that the item names, if any.

        A publisher that may be anyone and has no clientId of its own may name any; others may name their own
        only. Raises `AblyError` 40012 for a clientId that it may not use.
        """
        may_be = self.client_id is None and self.identity.client_id == ANYONE
        if client_id is not None and (client_id in ("", "*") or not (may_be or client_id == self.client_id)):
            raise AblyError(
                40012,
                f"This client may not publish as clientId {client_id[:60]!r}: "
                "use the clientId of the connection or request, or leave it out",
            )
        return client_id or self.client_id

    def frame(self, action: Action, name: ChannelName, id: str | None, **content: Any) -> ProtocolMessage:
        """Return a new frame of this publisher, stamped with the current time, for a channel's log."""
        return ProtocolMessage(
            action=action,
            id=id,
            connection_id=self.connection.id if self.connection else None,
            channel=name.identity,
            timestamp=self.app.sources.clock.now(),
            **content,
        )


Rule = Callable[[Publisher, Attachment | None, ProtocolMessage, float, Answer], None]
"""A function that checks a frame that gets an ACK or NACK, and appends it to the log.

It takes the publisher, its attachment to the channel (None if it is not attached), the frame, the running
time in ms, and the answer. To refuse the frame it raises `AblyError` before it appends anything, and the
session sends the NACK. Otherwise it calls `answer.ack` or `answer.nack` once the log has decided, which may
be later.
"""


def publish(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Check a MESSAGE with new messages and append it to the log (see `Rule`)."""
    attached_as = channel_of(frame)
    name = ChannelName.parse(attached_as)
    if not frame.messages:
        raise AblyError(40000, "A MESSAGE needs `messages`: a list with at least one message")
    if name.filter:
        raise AblyError(
            40010, f"{attached_as[:80]!r} has a filter, which only subscribers use: publish on {name.base!r}"
        )
    publisher.identity.check("publish", name)
    if attachment:
        attachment.check(Flag.PUBLISH)
    accept(publisher, name, frame.messages, publisher.frame_id(frame), now, answer)


def accept(
    publisher: Publisher,
    name: ChannelName,
    messages: list[Message],
    frame_id: str,
    now: float,
    answer: Answer,
) -> None:
    """Check the sizes, kinds and ids of messages, and append them to a channel's log (see `Rule`).

    A publish whose id is in the log already is acknowledged with the serials of the earlier one (RSL1k).
    """
    app, limits = publisher.app, publisher.limits
    admit(messages, limits.max_message_size)
    if any(message.connection_key for message in messages):
        publisher, messages = _on_behalf(publisher, messages)
    named = [_checked(publisher, message) for message in messages]
    _check_ids(messages)
    channel = app.channel(name)
    if publisher.enforce_rates and channel.rate.count(now) > limits.max_channel_rate:
        raise AblyError(
            42913, f"A channel takes at most {limits.max_channel_rate} publishes a second: send more slowly"
        )
    given_id = messages[0].id
    if given_id and (earlier := channel.log.find(given_id, now)):
        answer.ack(PublishResult(serials=earlier.serials))
        return
    draft = publisher.frame(Action.MESSAGE, name, None if given_id else frame_id, messages=named)
    ephemeral = any((message.extras or {}).get("ephemeral") is True for message in messages)

    def published(entry: Entry) -> None:
        answer.ack(PublishResult(serials=entry.serials))
        app.stats.message("inbound", publisher.transport, "messages", len(named), entry.size)
        if app.namespace_of(name).persisted and not ephemeral:
            app.stats.count("persisted.messages.count", len(named))
            app.stats.count("persisted.messages.data", entry.size)

    channel.log.append(draft, now, published, answer.nack, keep=not ephemeral)


def admit(items: Sequence[Item], limit: int) -> None:
    """Raise `AblyError` unless the items of one frame or request can be stored in a log and delivered.

    The codes: 40034 for more than `MOST_AT_ONCE` items, 40013 for content that JSON or MessagePack can't
    carry, 40009 for more than `limit` bytes in all (TM6).
    """
    if len(items) > MOST_AT_ONCE:
        raise AblyError(
            40034, f"{len(items)} items in one publish, where {MOST_AT_ONCE} are allowed: send them in parts"
        )
    for item in items:
        check(item)
    size = sum(map(size_of, items))
    if size > limit:
        raise AblyError(40009, f"Message too large: {size} bytes where at most {limit} are allowed")


def not_kept(serial: str) -> AblyError:
    """Return the error for an operation on a message that is not in its channel's log, or no longer."""
    return AblyError(
        40400, f"This channel has no message with the serial {serial[:60]!r}; it may have expired"
    )


def _checked(publisher: Publisher, message: Message) -> Message:
    if message.action not in (None, MessageAction.CREATE):
        raise AblyError(
            40000,
            "A message with an action must be an update (1), a delete (2) or an append (5), "
            "and the only message of its publish",
        )
    client_id = publisher.name_for(message.client_id)
    return message if client_id == message.client_id else message.replace(client_id=client_id)


def _on_behalf(publisher: Publisher, messages: list[Message]) -> tuple[Publisher, list[Message]]:
    """Return the publisher that a connectionKey in messages stands for (TM2h), and the messages without it.

    The connectionKey is a secret, so it must never reach the log. Raises `AblyError` 40006 unless all
    messages name the same connection of this app.
    """
    keys = {message.connection_key for message in messages}
    connection = publisher.find(keys.pop() or "") if len(keys) == 1 else None
    if connection is None or connection.app is not publisher.app:
        raise AblyError(
            40006,
            "The connectionKey is not that of a connection of this app, or the messages have different ones",
        )
    on_behalf = replace(
        publisher,
        client_id=connection.client_id or publisher.client_id,
        connection=connection,
    )
    return on_behalf, [message.replace(connection_key=None) for message in messages]


def _check_ids(messages: list[Message]) -> None:
    """Raise `AblyError` 40031 unless several messages have no ids, or the ids BASE:0, BASE:1 … (RSL1k)."""
    ids = [message.id for message in messages]
    if len(ids) == 1 or not any(ids):
        return
    base = (ids[0] or "").rpartition(":")[0]
    if not base or ids != [f"{base}:{index}" for index in range(len(ids))]:
        raise AblyError(
            40031, "The ids of the messages in one publish must be BASE:0, BASE:1 … in order, or all absent"
        )
