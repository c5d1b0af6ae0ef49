"""The way of messages into a channel's log, from a session or from an HTTP request."""

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
    """Who publishes: an identity with its limits; over a connection, or (None) over HTTP."""

    identity: Identity
    limits: Limits
    client_id: str | None
    """Whom it goes by; None for nobody in particular."""
    find: Callable[[str], Connection | None]
    """Finds a connection by its connectionKey, to publish on its behalf."""
    enforce_rates: bool = False
    connection: Connection | None = None

    @property
    def app(self) -> App:
        """The app it publishes in."""
        return self.identity.app

    @property
    def transport(self) -> str:
        """The way it publishes, as statistics call it."""
        return "realtime" if self.connection else "rest"

    def frame_id(self, frame: ProtocolMessage) -> str:
        """Return the id of what a frame publishes: `connectionId:msgSerial`."""
        return f"{self.connection.id if self.connection else ''}:{frame.msg_serial}"

    def name_for(self, client_id: str | None) -> str | None:
        """The clientId of something that names one, or none. Raises `AblyError` 40012 where it may not."""
        may_be = self.client_id is None and self.identity.client_id == ANYONE
        if client_id is not None and (client_id in ("", "*") or not (may_be or client_id == self.client_id)):
            raise AblyError(40012, f"Nothing may be published here as clientId {client_id[:60]!r}")
        return client_id or self.client_id

    def frame(self, action: Action, name: ChannelName, id: str | None, **content: Any) -> ProtocolMessage:
        """What is given to a channel's log: a frame of this publisher, made now."""
        return ProtocolMessage(
            action=action,
            id=id,
            connection_id=self.connection.id if self.connection else None,
            channel=name.identity,
            timestamp=self.app.sources.clock.now(),
            **content,
        )


Rule = Callable[[Publisher, Attachment | None, ProtocolMessage, float, Answer], None]
"""How a frame that is acknowledged is checked and given to the log.

It takes who publishes, the attachment to the channel by that name if there is one, the frame, the running
time in ms, and the answer. It raises `AblyError` to be NACKed, before the log has anything; else it gives the
answer once the log has decided.
"""


def publish(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Check a MESSAGE and give it to the log (see `Rule`)."""
    attached_as = channel_of(frame)
    name = ChannelName.parse(attached_as)
    if not frame.messages:
        raise AblyError(40000, "A MESSAGE needs messages: a list with at least one")
    if name.filter:
        raise AblyError(40010, f"{attached_as[:80]!r} is filtered, to listen to: publish on {name.base!r}")
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
    """Give messages to a channel's log, once their sizes, kinds and ids are found right (see `Rule`)."""
    app, limits = publisher.app, publisher.limits
    admit(messages, limits.max_message_size)
    if any(message.connection_key for message in messages):
        publisher, messages = _on_behalf(publisher, messages)
    named = [_checked(publisher, message) for message in messages]
    _check_ids(messages)
    channel = app.channel(name)
    if publisher.enforce_rates and channel.rate.count(now) > limits.max_channel_rate:
        raise AblyError(42913, f"At most {limits.max_channel_rate} publishes a second on one channel")
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
    """Raise `AblyError` unless what one frame or request carries can be taken into a log and delivered.

    The codes: 40034 for more than `MOST_AT_ONCE`, 40013 for what not every client can be sent, 40009 for more
    than `limit` bytes together (TM6).
    """
    if len(items) > MOST_AT_ONCE:
        raise AblyError(40034, f"{len(items)} at once, where {MOST_AT_ONCE} are allowed: send them in parts")
    for item in items:
        check(item)
    size = sum(map(size_of, items))
    if size > limit:
        raise AblyError(40009, f"Message too large: {size} bytes where at most {limit} are allowed")


def not_kept(serial: str) -> AblyError:
    """Return the refusal of an operation on a message that is not in its channel's log, or no longer."""
    return AblyError(40400, f"No message {serial[:60]!r} is kept on this channel")


def _checked(publisher: Publisher, message: Message) -> Message:
    if message.action not in (None, MessageAction.CREATE):
        raise AblyError(40000, "A revision is published alone, and only an update, a delete or an append")
    client_id = publisher.name_for(message.client_id)
    return message if client_id == message.client_id else message.replace(client_id=client_id)


def _on_behalf(publisher: Publisher, messages: list[Message]) -> tuple[Publisher, list[Message]]:
    """Who is published for where messages name a connection by its key (TM2h), and the messages without
    that key, which is a secret. Raises `AblyError` 40006 for one that is not here."""
    keys = {message.connection_key for message in messages}
    connection = publisher.find(keys.pop() or "") if len(keys) == 1 else None
    if connection is None or connection.app is not publisher.app:
        raise AblyError(40006, "All messages have the connectionKey of one connection of this app, or none")
    who = replace(
        publisher,
        client_id=connection.client_id or publisher.client_id,
        connection=connection,
    )
    return who, [message.replace(connection_key=None) for message in messages]


def _check_ids(messages: list[Message]) -> None:
    """Ids of one publish are BASE:0, BASE:1 … or there are none (RSL1k)."""
    ids = [message.id for message in messages]
    if len(ids) == 1 or not any(ids):
        return
    base = (ids[0] or "").rpartition(":")[0]
    if not base or ids != [f"{base}:{index}" for index in range(len(ids))]:
        raise AblyError(40031, "The ids of one publish must be BASE:0, BASE:1 … in order, or absent")
