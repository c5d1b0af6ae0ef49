"""One connection: a frame in, frames out. No socket and no clock in here: both are arguments."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl

from ablykit.protocol import (
    AblyError,
    Action,
    ChannelName,
    ConnectionDetails,
    ConnectionParams,
    ErrorInfo,
    Flag,
    Format,
    Message,
    NotAFrame,
    NotUTF8,
    ProtocolMessage,
    PublishResult,
    error_info,
    parse_query,
)
from ablykit.protocol.actions import name_of
from ablykit.protocol.codec import decode
from ablykit.protocol.credentials import quiet_logger
from ablykit.protocol.url import format_of
from ablykit.server import annotating, attaching, metachannels, presence, publishing, renewing, revising
from ablykit.server.auth import Identity, identify
from ablykit.server.channel import Attachment, Rate, channel_of
from ablykit.server.connection import Connection, recovery_key
from ablykit.server.delivery import Delivery, Variant, delivery_of
from ablykit.server.service import Limits, Service

LOGGER = quiet_logger("ablykit.server")


class Transport(Protocol):
    """What a session needs of the socket below it."""

    def write(self, delivery: Delivery, variant: Variant, channel: str | None) -> None:
        """Send a frame, in the form the variant says, its channel renamed if one is given."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close the WebSocket, after all that was written."""
        ...


class Session:
    """One socket's conversation.

    Make it, call `start` with the URL's query, then `receive` with what comes; it writes to its
    transport. `ended` says that nothing more will be sent.
    """

    def __init__(self, service: Service, transport: Transport) -> None:
        self.service = service
        self.transport = transport
        self.params = ConnectionParams()
        self.variant = Variant(Format.JSON, today=False)
        self.ended = False
        self.resumed = False
        self.attachments: dict[str, Attachment] = {}
        """What this session is attached to, by the name it attached with: one channel may have several."""
        self.deadline: float | None = None
        """When `on_time` has something to do, ms of running time; None for never."""
        self._frames = Rate()
        self._publishes = Rate()

    # -- its life

    def start(self, query: str, now: float, *, secure: bool, path: str = "/") -> None:
        """Answer a new WebSocket: CONNECTED, or an ERROR and the end (RTN14)."""
        self._query = query
        try:
            self.params = parse_query(query)
            self.variant = Variant(self.params.format, self.params.today)
            if path != "/":
                raise AblyError(40400, f"Nothing at {path[:60]!r}: the realtime endpoint is /")
            self.identity = identify(self.service, self.params, secure=secure)
            self.app = self.identity.app
            self.client_id = self.identity.named(self.params.client_id)
        except AblyError as error:
            self.variant = Variant(
                format_of(query), self.params.today
            )  # also where the query is what is wrong
            self.refuse(error)
            return
        self.limits: Limits = self.app.limits_for(self.params)
        error = self._begin_or_resume(now)
        self.security = "tls" if secure else "plain"
        self.app.opened(self.security)
        self._opened_at = now
        self.set_deadline(now)
        self.reply(self.connected(error))
        self._tell("connection.opened")

    def receive(self, raw: bytes, format: Format, now: float) -> None:
        """One WebSocket message from the client. Whatever it is, it is answered, and nothing is raised."""
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
            self.reply_error(AblyError(50000, "The service failed at this frame; its log says why"))

    def refuse(self, error: AblyError, code: int = 1000) -> None:
        """Say what is wrong, and end the connection."""
        self.reply_error(error)
        self._end(code, f"{error.code}")

    def disconnect(self, error: AblyError, code: int = 1000) -> None:
        """Drop this socket; the client may come back and resume."""
        self._note(error)
        self.reply(ProtocolMessage(action=Action.DISCONNECTED, error=error.info))
        self._end(code, str(error.code))

    def dropped(self, now: float) -> None:
        """The socket is gone. Its connection is kept for a while, unless it was closed."""
        self.ended = True
        self._leave_channels()
        connection = getattr(self, "connection", None)
        if connection is not None:
            self.app.open[self.security] -= 1
            self._tell("connection.closed", duration=int(now - self._opened_at))
        if connection is not None and connection.session is self:
            leave_at = now + self.params.remain_present_for if connection.present else None
            self.service.drop(connection, now + self.limits.connection_state_ttl, leave_at)

    def heartbeat(self) -> None:
        """Break the silence (RTN23a)."""
        self.reply(ProtocolMessage(action=Action.HEARTBEAT))

    def _tell(self, event: str, duration: int | None = None) -> None:
        """Tell who listens to the app's metachannels."""
        own = {"connectionId": self.connection.id, "clientId": self.connection.client_id}
        metachannels.tell(self.service, self.app, metachannels.CONNECTIONS, event, own)
        query = metachannels.shown(dict(parse_qsl(self._query, keep_blank_values=True)))
        told = {**own, "query": query, "duration": duration}
        metachannels.tell(self.service, self.app, metachannels.CONNECTION_EVENTS, event, told)

    # -- a token's time (RTN22, RTN15h)

    def set_deadline(self, now: float) -> None:
        """Do what is to be done next for the token: ask for another before its end, or end with it."""
        self.deadline = renewing.due(self.identity, now)

    def on_time(self, now: float) -> None:
        """Do what is due: ask for a new token, and end the connection when the old one's time is over."""
        end = self.identity.deadline
        if end is None or self.deadline is None or now < self.deadline or self.ended:
            return
        if now < end:
            self.deadline = end
            self.reply(ProtocolMessage(action=Action.AUTH))
        else:
            self.disconnect(AblyError(40142, "The token's time is over"))

    # -- what goes out

    def send(self, delivery: Delivery, channel: str | None = None) -> None:
        """Send a frame that may be going to others too."""
        if not self.ended:
            self.transport.write(delivery, self.variant, channel)

    def reply(self, frame: ProtocolMessage) -> None:
        """Send a frame to this client only."""
        self.send(Delivery(frame))

    def reply_error(self, error: AblyError, channel: str | None = None) -> None:
        """Send an ERROR: about a channel if one is named, else about the connection (RTN15i)."""
        self._note(error, channel)
        self.reply(
            ProtocolMessage(
                action=Action.ERROR,
                channel=channel,
                error=error.info,
                timestamp=self.service.clock.now(),
            )
        )

    def _note(self, error: AblyError, channel: str | None = None, serial: int | None = None) -> None:
        identity: Identity | None = getattr(self, "identity", None)
        self.service.denials.note(error, identity, channel=channel, serial=serial)

    @property
    def connection_id(self) -> str:
        """The connectionId."""
        return self.connection.id

    def wants(self, delivery: Delivery) -> bool:
        """Whether this is not an echo, or echoes are wanted (RTN2b)."""
        return self.params.echo or delivery.publisher != self.connection.id

    # -- beginning

    def _begin_or_resume(self, now: float) -> ErrorInfo | None:
        """Take up the connection that is asked for, or a new one; tells what was lost (RTN15)."""
        wanted = self.params.resume or recovery_key(self.params.recover)
        earlier = self.service.connections.get(wanted) if wanted else None
        if earlier and self._may_resume(earlier, now):
            self._resume(earlier)
            return None
        self._begin()
        if wanted is None:
            return None
        code = 80018 if self.params.today else 80008
        return error_info(code, "Unable to resume: the connection key is unknown or has expired")

    def _may_resume(self, earlier: Connection, now: float) -> bool:
        return (
            earlier.app is self.app
            and (earlier.expires is None or earlier.expires > now)
            and self.client_id in (None, earlier.client_id)
        )

    def _resume(self, connection: Connection) -> None:
        if connection.session is not None:
            replaced, connection.session = connection.session, None
            replaced.disconnect(AblyError(80016, "This connection was resumed from another socket"))
        self.service.resume(connection)
        connection.session = self
        self.connection = connection
        self.resumed = True
        if self.params.recover is not None:  # another process: it is told apart by its key (RTN16d)
            connection.keys.append(self._new_key(connection.id))
            self.service.connections[connection.key] = connection

    def _begin(self) -> None:
        id = self.service.ids.new("connection", 10)
        key = self._new_key(id)
        self.connection = Connection(self.service, id, [key], self.app, self.client_id, session=self)
        self.service.connections[key] = self.connection

    def _new_key(self, id: str) -> str:
        ids, instance = self.service.ids, self.service.instance
        return f"{instance}!{id}{ids.new('connectionKey', 6)}-{ids.new('connectionKey', 5)}{instance}"

    def connected(self, error: ErrorInfo | None = None) -> ProtocolMessage:
        """CONNECTED, with what the connection is and may do (RTN21)."""
        limits, today = self.limits, self.params.today
        details = ConnectionDetails(
            client_id=self.connection.client_id or self.identity.client_id,
            connection_key=self.connection.key,
            max_message_size=limits.max_message_size,
            max_inbound_rate=limits.max_inbound_rate,
            max_outbound_rate=limits.max_outbound_rate,
            max_frame_size=limits.max_frame_size,
            server_id=f"frontend.{self.service.instance}.local",
            connection_state_ttl=limits.connection_state_ttl,
            max_idle_interval=self.service.heartbeat_interval,
            site_code="local" if today else None,
            objects_gc_grace_period=86_400_000 if today else None,
        )
        return ProtocolMessage(
            action=Action.CONNECTED,
            connection_id=self.connection.id,
            connection_details=details,
            error=error,
        )

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
        self._end(1000, "closed")

    def _on_disconnect(self, frame: ProtocolMessage, now: float) -> None:
        self.disconnect(AblyError(80003, "Disconnected, as asked"))

    def _on_attach(self, frame: ProtocolMessage, now: float) -> None:
        attachment, attached, backlog = attaching.attach(self, frame, now)
        self.attachments[attachment.name] = attachment
        attachment.channel.attach(attachment)
        self.reply(attached)
        for entry in backlog:
            attachment.deliver(delivery_of(entry.frame))
        if (attached.flags or 0) & Flag.HAS_PRESENCE and attachment.modes & Flag.PRESENCE_SUBSCRIBE:
            self._sync(attachment)
        attachment.channel.tell_occupancy(attachment)

    def _on_detach(self, frame: ProtocolMessage, now: float) -> None:
        name = channel_of(frame)
        if attachment := self.attachments.get(name):
            self.detach(attachment, now)
        self.reply(ProtocolMessage(action=Action.DETACHED, channel=name))

    def detach(self, attachment: Attachment, now: float) -> None:
        """Let go of an attachment; with the last one of a channel this connection's members leave."""
        channel = attachment.channel
        self.attachments.pop(attachment.name, None)
        channel.detach(attachment)
        if not channel.attachments_of(self.connection_id):
            presence.leave_all(self.connection, now, channel)

    def _on_message(self, frame: ProtocolMessage, now: float) -> None:
        change = revising.revision_in(frame)
        self._in_turn(frame, now, _revising(change) if change else publishing.publish)

    def _on_presence(self, frame: ProtocolMessage, now: float) -> None:
        self._in_turn(frame, now, presence.change)

    def _on_sync(self, frame: ProtocolMessage, now: float) -> None:
        """A client asks for all members again."""
        name = channel_of(frame)
        attachment = self.attachments.get(name)
        if attachment is None or not attachment.modes & Flag.PRESENCE_SUBSCRIBE:
            raise AblyError(91008, f"{name!r} is not attached with the mode PRESENCE_SUBSCRIBE")
        self._sync(attachment)

    def _sync(self, attachment: Attachment) -> None:
        for page in presence.sync(attachment.channel, attachment.name):
            self.reply(page)

    @property
    def publisher(self) -> publishing.Publisher:
        """Who publishes over this connection."""
        own = self.connection
        return publishing.Publisher(
            self.service, self.identity, self.limits, own.client_id, own.id, "realtime"
        )

    def _on_auth(self, frame: ProtocolMessage, now: float) -> None:
        renewing.renew(self, frame, now)

    def _on_annotation(self, frame: ProtocolMessage, now: float) -> None:
        self._in_turn(frame, now, _annotate)

    def _on_not_served(self, frame: ProtocolMessage, now: float) -> None:
        error = AblyError(40000, f"{name_of(frame.action)} is not served here yet")
        if frame.msg_serial is None:
            raise error
        self._in_turn(frame, now, _refusing(error))

    def _in_turn(self, frame: ProtocolMessage, now: float, publish: "Publish") -> None:
        """Publish and answer, once: a serial that does not rise is never published again.

        After a resume its answer is repeated (RTN19a2); else there is none.
        """
        serial = frame.msg_serial
        if serial is None:
            name = name_of(frame.action)
            article = "An" if name[0] in "AEIOU" else "A"
            raise AblyError(40000, f"{article} {name} needs a msgSerial, to be acknowledged by")
        if serial <= self.connection.last_serial:
            if self.resumed and (answer := self.connection.answers.get(serial)):
                self.reply(answer)
            return
        self.connection.last_serial = serial
        self.reply(self.connection.answer(self._answer(frame, serial, now, publish)))

    def _answer(self, frame: ProtocolMessage, serial: int, now: float, publish: "Publish") -> ProtocolMessage:
        """Publish, and return the ACK or NACK. What a NACK is for has not been given to the log."""
        try:
            if self.service.enforce_rates:
                self._check_publish_rate(now)
            if self.app.refusals:
                raise self.app.refusals.popleft()
            res = publish(self, frame, now)
        except AblyError as error:
            self._note(error, serial=serial)
            return ProtocolMessage(action=Action.NACK, msg_serial=serial, count=1, error=error.info)
        except Exception:
            LOGGER.exception("A publish could not be handled")
            error = AblyError(50000, "The service failed at this publish; its log says why")
            return ProtocolMessage(action=Action.NACK, msg_serial=serial, count=1, error=error.info)
        results = None if res is None else [res]
        return ProtocolMessage(action=Action.ACK, msg_serial=serial, count=1, res=results)

    # -- limits

    def _far_too_many(self, now: float) -> bool:
        """Whether frames of any kind come so fast that the connection has been ended for it."""
        too_many = self._frames.count(now) > 4 * self.limits.max_inbound_rate
        if too_many:
            self.refuse(AblyError(42924, "Far too many frames a second: the connection ends here"))
        return too_many

    def _check_publish_rate(self, now: float) -> None:
        count, limit = self._publishes.count(now), self.limits.max_inbound_rate
        if count > 2 * limit:
            self.refuse(AblyError(42921, f"{count} publishes in a second where {limit} are allowed"))
        if count > limit:
            raise AblyError(42911, f"At most {limit} publishes a second are taken from a connection")

    # -- ending

    def _end(self, code: int, reason: str) -> None:
        self.ended = True
        self._leave_channels()
        self.transport.close(code, reason)

    def _leave_channels(self) -> None:
        attachments = list(self.attachments.values())
        self.attachments.clear()
        for attachment in attachments:
            attachment.channel.detach(attachment)

    def check_mode(self, name: str, mode: Flag) -> None:
        """Raise `Denied` 40165 where a channel is attached without a mode."""
        attaching.check_mode(self.attachments.get(name), mode)

    _HANDLERS: ClassVar[dict[int, "Callable[[Session, ProtocolMessage, float], None]"]] = {
        Action.HEARTBEAT: _on_heartbeat,
        Action.CLOSE: _on_close,
        Action.DISCONNECT: _on_disconnect,
        Action.ATTACH: _on_attach,
        Action.DETACH: _on_detach,
        Action.MESSAGE: _on_message,
        Action.PRESENCE: _on_presence,
        Action.SYNC: _on_sync,
        Action.AUTH: _on_auth,
        Action.OBJECT: _on_not_served,
        Action.ANNOTATION: _on_annotation,
    }


Publish = Callable[[Session, ProtocolMessage, float], Any]


def _annotate(session: Session, frame: ProtocolMessage, now: float) -> PublishResult:
    attached_as = channel_of(frame)
    if not frame.annotations:
        raise AblyError(40000, "An ANNOTATION needs annotations: a list with at least one")
    session.check_mode(attached_as, Flag.ANNOTATION_PUBLISH)
    name, frame_id = ChannelName.parse(attached_as), f"{session.connection.id}:{frame.msg_serial}"
    serials = annotating.annotate(session.publisher, name, frame.annotations, frame_id, now)
    return PublishResult(serials=serials)


def _revising(change: Message) -> Publish:
    def publish(session: Session, frame: ProtocolMessage, now: float) -> PublishResult:
        attached_as = channel_of(frame)
        session.check_mode(attached_as, Flag.PUBLISH)
        name, frame_id = ChannelName.parse(attached_as), f"{session.connection.id}:{frame.msg_serial}"
        return PublishResult(serials=[revising.revise(session.publisher, name, change, frame_id, now)])

    return publish


def _refusing(error: AblyError) -> Publish:
    def publish(session: Session, frame: ProtocolMessage, now: float) -> Any:
        raise error

    return publish


def _not_for_clients(action: int) -> str:
    if action in Action.__members__.values():
        return f"{name_of(action)} (action {action}) is not for clients to send"
    return f"Unknown action {action}"
