"""A session: what the service says to one client over one socket. A frame in, frames out.

`opening.open_session` makes a `Session` once the client has authenticated, so a session knows its client, its
connection and its limits from the start. It has no socket and no clock: bytes and the time are arguments, and
frames to send go to a `Transport`. That is why the same session runs behind a WebSocket, in a test without
sockets, and on a clock that is moved by hand.

    session = open_session(service, transport, "key=…&v=5", now, secure=True)
    session.receive(b'{"action":10,"channel":"c"}', Format.JSON, now)      # the transport gets ATTACHED

A table (`_HANDLERS`) maps each action to its handler. A frame that gets an ACK or NACK (MESSAGE, PRESENCE,
ANNOTATION) goes on to a `Rule`, which checks it and appends it to a channel's log. The log answers when it
has decided, at once or later; an error that the rule raises becomes the NACK. Rules take values and return
values: only the session changes the session.

A session ends in one of four ways (`life.TRANSITIONS`). Its *connection* lives on for a while, so that
another socket can resume it.

`receive` never raises, and every frame that needs an answer gets one. A session must never read a clock,
write to a socket, or send a message to a subscriber in any other way than through the log.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Protocol
from urllib.parse import parse_qsl

from ablykit.protocol import (
    AblyError,
    Action,
    ChannelName,
    ConnectionParams,
    ErrorInfo,
    Flag,
    Format,
    NotAFrame,
    NotUTF8,
    ProtocolMessage,
)
from ablykit.protocol.actions import name_of
from ablykit.protocol.codec import decode
from ablykit.protocol.redaction import quiet_logger
from ablykit.server.access.app import App, Limits
from ablykit.server.access.auth import by_new_token
from ablykit.server.access.identity import Identity
from ablykit.server.answers import MOST_OPEN, Answer, Open
from ablykit.server.channels import metachannels
from ablykit.server.channels.channel import Attachment, Rate, channel_of
from ablykit.server.channels.delivery import Delivery, Variant, delivery_of
from ablykit.server.connection import Connection, connected
from ablykit.server.life import TRANSITIONS, Event, State
from ablykit.server.rules import annotating, attaching, presence, revising
from ablykit.server.rules.publishing import Publisher, Rule
from ablykit.server.service import Service

LOGGER = quiet_logger("ablykit.server")


class Transport(Protocol):
    """What a session needs from the socket below it."""

    def write(self, delivery: Delivery, variant: Variant, channel: str | None) -> None:
        """Send a frame in the form of this variant, under the channel name `channel` if given."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close the WebSocket, after everything that was written before."""
        ...


def not_served(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Refuse a frame whose action the service does not support (see `publishing.Rule`)."""
    raise AblyError(40000, f"This service does not support {name_of(frame.action)} frames")


class Session:
    """The session of one socket with an authenticated client. `connection` is new or resumed."""

    def __init__(
        self,
        service: Service,
        transport: Transport,
        params: ConnectionParams,
        identity: Identity,
        connection: Connection,
        now: float,
        *,
        query: str,
        secure: bool,
        resumed: bool,
    ) -> None:
        self.service = service
        self.transport = transport
        self.params = params
        self.identity = identity
        self.connection = connection
        self.app: App = identity.app
        self.limits: Limits = self.app.limits_for(params)
        self.variant = Variant(params.format, params.modern)
        self.state = State.OPEN
        self.ended = False
        """Whether the session is no longer open. Kept beside `state` because it is read for every frame."""
        self.attachments: dict[str, Attachment] = {}
        """The attachments, by the channel name of each ATTACH. One channel may have several, under different
        names."""
        self.deadline: float | None = identity.due(now)
        """When `on_time` has something to do, in ms of running time; None for never."""
        self._publisher = self._new_publisher()
        self._resumed = resumed
        self._query, self._security, self._opened_at = query, "tls" if secure else "plain", now
        self._frames, self._publishes = Rate(), Rate()

    # -- its life

    def begin(self, error: ErrorInfo | None) -> None:
        """Send CONNECTED. `error` says why the connection that the client asked for can't be resumed
        (RTN15c7)."""
        self.app.opened(self._security)
        self.reply(self._connected(error))
        self._announce("connection.opened")

    def receive(self, raw: bytes, format: Format, now: float) -> None:
        """Handle one WebSocket message from the client. This never raises: a bad message is answered with
        ERROR."""
        if self.ended:
            return
        try:
            frame = decode(raw, format)
            if self.service.enforce_rates and self._far_too_many(now):
                return
            self._handle(frame, now)
        except NotUTF8 as error:
            self.refuse(error, 1007)
        except NotAFrame as error:
            self.reply_error(error)
        except Exception:
            LOGGER.exception("A frame could not be handled")
            self.reply_error(
                AblyError(50000, "The service failed to handle this frame: the server's log says why")
            )

    def refuse(self, error: AblyError, code: int = 1000) -> None:
        """Send a fatal ERROR and close the WebSocket with this close code."""
        self.give_up(error)
        self.transport.close(code, f"{error.code}")

    def give_up(self, error: AblyError) -> None:
        """Send a fatal ERROR when the transport is already closing by itself."""
        self.reply_error(error)
        self._end(Event.REFUSED)

    def disconnect(self, error: AblyError, code: int = 1000) -> None:
        """Send DISCONNECTED and close the WebSocket. The client may come back and resume."""
        self._note(error)
        self.reply(ProtocolMessage(action=Action.DISCONNECTED, error=error.info))
        self._end(Event.DISCONNECTED)
        self.transport.close(code, str(error.code))

    def dropped(self, now: float) -> None:
        """Take note that the socket is gone. The connection is kept for a while, unless the client closed
        it."""
        self._end(Event.DROPPED)
        self.app.open[self._security] -= 1
        self._announce("connection.closed", duration=int(now - self._opened_at))
        connection = self.connection
        if connection.session is self:
            leave_at = now + self.params.remain_present_for if connection.present else None
            self.service.drop(connection, now + self.limits.connection_state_ttl, leave_at)

    def _end(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]
        self.ended = True
        attachments = list(self.attachments.values())
        self.attachments.clear()
        for attachment in attachments:
            attachment.channel.detach(attachment)

    def heartbeat(self) -> None:
        """Send a HEARTBEAT (RTN23a)."""
        self.reply(ProtocolMessage(action=Action.HEARTBEAT))

    def on_time(self, now: float) -> None:
        """Do what is due at `now`: ask for a new token (RTN22), or disconnect when the token expires
        (RTN15h)."""
        end = self.identity.deadline
        if end is None or self.deadline is None or now < self.deadline or self.ended:
            return
        if now < end:
            self.deadline = end
            self.reply(ProtocolMessage(action=Action.AUTH))
        else:
            self.disconnect(AblyError(40142, "The token has expired: reconnect with a new one"))

    def _announce(self, event: str, duration: int | None = None) -> None:
        """Publish an event of this connection on the app's metachannels. `duration` is in ms."""
        own = {"connectionId": self.connection.id, "clientId": self.connection.client_id}
        self.app.announce(metachannels.CONNECTIONS, event, own)
        query = metachannels.shown(dict(parse_qsl(self._query, keep_blank_values=True)))
        self.app.announce(
            metachannels.CONNECTION_EVENTS, event, {**own, "query": query, "duration": duration}
        )

    def _connected(self, error: ErrorInfo | None = None) -> ProtocolMessage:
        service = self.service
        return connected(
            self.connection,
            self.identity,
            self.limits,
            modern=self.params.modern,
            instance=service.instance,
            max_idle_interval=service.heartbeat_interval,
            error=error,
        )

    # -- what goes out

    def send(self, delivery: Delivery, channel: str | None = None) -> None:
        """Send a delivery, which other subscribers may share (see `channel.Subscriber`)."""
        if not self.ended:
            self.transport.write(delivery, self.variant, channel)

    def reply(self, frame: ProtocolMessage) -> None:
        """Send a frame to this client only."""
        self.send(Delivery(frame))

    def reply_error(self, error: AblyError, channel: str | None = None) -> None:
        """Send an ERROR about a channel, or about the whole connection if `channel` is None (RTN15i)."""
        self._note(error, channel)
        stamp = self.service.clock.now()
        self.reply(ProtocolMessage(action=Action.ERROR, channel=channel, error=error.info, timestamp=stamp))

    def _note(self, error: AblyError, channel: str | None = None, serial: int | None = None) -> None:
        self.service.denials.note(error, self.identity, channel=channel, serial=serial)

    @property
    def connection_id(self) -> str:
        """The id of the session's connection."""
        return self.connection.id

    def wants(self, delivery: Delivery) -> bool:
        """Return whether to send a delivery: it is no echo, or the client wants echoes (RTN2b)."""
        return self.params.echo or delivery.publisher != self.connection.id

    # -- what comes in

    def _handle(self, frame: ProtocolMessage, now: float) -> None:
        handler = self._HANDLERS.get(frame.action)
        try:
            if handler is None:
                raise AblyError(40000, _not_for_clients(frame.action))
            handler(self, frame, now)
        except AblyError as error:
            self.reply_error(error, frame.channel)

    def _on_heartbeat(self, frame: ProtocolMessage, now: float) -> None:
        self.reply(ProtocolMessage(action=Action.HEARTBEAT, id=frame.id))  # RTN13e

    def _on_close(self, frame: ProtocolMessage, now: float) -> None:
        self.service.forget(self.connection)
        presence.leave_all(self.connection, now)
        self.reply(ProtocolMessage(action=Action.CLOSED))
        self._end(Event.CLOSED)
        self.transport.close(1000, "closed")

    def _on_disconnect(self, frame: ProtocolMessage, now: float) -> None:
        self.disconnect(AblyError(80003, "The client asked to be disconnected"))

    def _on_attach(self, frame: ProtocolMessage, now: float) -> None:
        attachment, attached, backlog = attaching.attach(self, frame, now)
        # ATTACHED comes first, then the backlog, then new messages. The order holds because nothing can be
        # appended between reading the backlog and attaching: both happen here, on the service's one thread.
        self.attachments[attachment.name] = attachment
        attachment.channel.attach(attachment)
        self.reply(attached)
        for entry in backlog:
            attachment.deliver(delivery_of(entry.frame))
        if (attached.flags or 0) & Flag.HAS_PRESENCE and attachment.modes & Flag.PRESENCE_SUBSCRIBE:
            self._sync(attachment)
        attachment.channel.send_occupancy(attachment)

    def _on_detach(self, frame: ProtocolMessage, now: float) -> None:
        name = channel_of(frame)
        if attachment := self.attachments.get(name):
            self.detach(attachment, now)
        self.reply(ProtocolMessage(action=Action.DETACHED, channel=name))

    def detach(self, attachment: Attachment, now: float) -> None:
        """Remove an attachment. When it was the last one to its channel, this connection's members leave."""
        channel = attachment.channel
        self.attachments.pop(attachment.name, None)
        channel.detach(attachment)
        if not channel.attachments_of(self.connection_id):
            presence.leave_all(self.connection, now, channel)

    def _on_sync(self, frame: ProtocolMessage, now: float) -> None:
        """Send all members again, because the client asked for it."""
        name = channel_of(frame)
        attachment = self.attachments.get(name)
        if attachment is None or not attachment.modes & Flag.PRESENCE_SUBSCRIBE:
            raise AblyError(
                91008, f"{name!r} is not attached with the mode PRESENCE_SUBSCRIBE: attach it with that mode"
            )
        self._sync(attachment)

    def _sync(self, attachment: Attachment) -> None:
        for page in presence.sync(attachment.channel, attachment.name):
            self.reply(page)

    # -- a new token (RTC8)

    def _on_auth(self, frame: ProtocolMessage, now: float) -> None:
        """Replace the token by that of an AUTH (RTC8a). A token that does not fit ends the connection
        (RTC8a2)."""
        token = frame.auth.access_token if frame.auth else None
        if not token:
            raise AblyError(40000, "An AUTH needs `auth`: an object with an `accessToken`")
        try:
            self.identity = by_new_token(self.service, token, self.app, self.connection.client_id)
        except AblyError as error:
            self.refuse(error)
            return
        self._publisher = self._new_publisher()
        self.deadline = self.identity.due(now)
        self.reply(self._connected())
        for attachment in list(self.attachments.values()):
            self._keep_or_lose(attachment, now)

    def _keep_or_lose(self, attachment: Attachment, now: float) -> None:
        """Give an attachment the modes that the new token allows, or detach it if there are none (RTC8a1)."""
        channel, name = attachment.channel, attachment.name
        modes, lost = Flag(0), None
        try:
            modes = attaching.granted(self.identity, ChannelName.parse(name), name, attachment.asked)
        except AblyError as error:
            lost = error
        if not modes & Flag.PRESENCE:
            presence.leave_all(self.connection, now, channel)
        if lost:
            self.detach(attachment, now)
            self.reply_error(lost, name)
        elif modes != attachment.modes:
            self.attachments[name] = renewed = replace(attachment, modes=modes)
            channel.attach(renewed)
            self.reply(
                ProtocolMessage(
                    action=Action.ATTACHED,
                    channel=name,
                    flags=int(modes | Flag.RESUMED),
                    channel_serial=channel.log.serial,
                    params=attachment.params or None,
                )
            )

    # -- frames that get an ACK or NACK

    def _new_publisher(self) -> Publisher:
        """Return the publisher for rules: this client with its current token."""
        return Publisher(
            self.identity,
            self.limits,
            self.connection.client_id,
            self.service.connections.get,
            self.service.enforce_rates,
            self.connection,
        )

    def _on_publish(self, frame: ProtocolMessage, now: float) -> None:
        """Publish a frame and answer it, once.

        A msgSerial that is not higher than the last one is never published again, since the client is
        repeating itself. After a resume its earlier answer is sent again (RTN19a2); otherwise nothing is.
        """
        serial = frame.msg_serial
        if serial is None:
            name = name_of(frame.action)
            article = "An" if name[0] in "AEIOU" else "A"
            raise AblyError(40000, f"{article} {name} needs a msgSerial, which its ACK or NACK repeats")
        answers = self.connection.answers
        if serial <= answers.last_serial:
            if self._resumed and (given := answers.given(serial)):
                self.reply(given)
            return
        if answers.waiting >= MOST_OPEN:
            self.refuse(
                AblyError(42921, f"{MOST_OPEN} publishes have no ACK yet: wait for some before you send more")
            )
            return
        answer = answers.open(serial, now)
        self._publish(frame, answer, now)
        if answer.frame is None and answers.waiting == 1:
            self.service.expect_answers(self.connection)

    def _publish(self, frame: ProtocolMessage, answer: Open, now: float) -> None:
        """Let a rule publish and answer. A rule raises only before the log has the publish, so a NACK is
        true."""
        try:
            if self.service.enforce_rates:
                self._check_publish_rate(now)
            if self.app.refusals:
                raise self.app.refusals.popleft()
            attachment = self.attachments.get(frame.channel or "")
            self._RULES[frame.action](self._publisher, attachment, frame, now, answer)
        except AblyError as error:
            self._note(error, serial=answer.serial)
            answer.nack(error)
        except Exception:
            LOGGER.exception("A publish could not be handled")
            answer.nack(
                AblyError(50000, "The service failed to handle this publish: the server's log says why")
            )

    # -- limits

    def _far_too_many(self, now: float) -> bool:
        """Return whether the client sends frames so fast that the connection was ended for it."""
        limit = 4 * self.limits.max_inbound_rate
        too_many = self._frames.count(now) > limit
        if too_many:
            self.refuse(
                AblyError(
                    42924, f"More than {limit} frames in one second: connect again, and send more slowly"
                )
            )
        return too_many

    def _check_publish_rate(self, now: float) -> None:
        count, limit = self._publishes.count(now), self.limits.max_inbound_rate
        if count > 2 * limit:
            self.refuse(
                AblyError(
                    42921, f"{count} publishes in one second, where {limit} are allowed: send more slowly"
                )
            )
        if count > limit:
            raise AblyError(
                42911, f"A connection may publish at most {limit} times a second: send more slowly"
            )

    _RULES: ClassVar[dict[int, Rule]] = {
        Action.MESSAGE: revising.publish,
        Action.PRESENCE: presence.change,
        Action.ANNOTATION: annotating.publish,
        Action.OBJECT: not_served,
    }
    """The actions that get an ACK or NACK, and the rule for each."""

    _HANDLERS: ClassVar[dict[int, "Callable[[Session, ProtocolMessage, float], None]"]] = {
        Action.HEARTBEAT: _on_heartbeat,
        Action.CLOSE: _on_close,
        Action.DISCONNECT: _on_disconnect,
        Action.ATTACH: _on_attach,
        Action.DETACH: _on_detach,
        Action.SYNC: _on_sync,
        Action.AUTH: _on_auth,
        **dict.fromkeys(_RULES, _on_publish),
    }


def _not_for_clients(action: int) -> str:
    if action in Action.__members__.values():
        return f"Clients don't send {name_of(action)} (action {action}): only the service does"
    return f"Unknown action {action}"
