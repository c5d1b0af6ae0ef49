"""The WebSocket endpoint: the socket below a session.

uvicorn hands a connection over when its upgrade request arrives. From then on the bytes go through the
sans-I/O protocol of `websockets` and straight into the session, with no ASGI in between.

Connections take turns. However much a client sends, its frames are handled for `TURN` seconds at a time; then
every other connection has its turn. Until its next turn nothing more is read from its socket. A client that
sends faster than the service works is therefore slowed down by TCP, and costs no memory.
"""

import asyncio
import json
import time
from collections import deque
from math import inf
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from ablykit.machine.browsers import Door
from ablykit.protocol import AblyError, Format, ProtocolMessage, plain
from ablykit.protocol.redaction import quiet_logger
from ablykit.record.transcript import Direction, Kind
from ablykit.server.access.app import App
from ablykit.server.channels.delivery import Delivery, Variant
from ablykit.server.opening import open_session
from ablykit.server.service import Service
from ablykit.server.session import Session

CLOSE_TIMEOUT = 2.0
"""How long a client may take to answer a close, in seconds."""

LINGER = 0.25
"""How long bytes are still read, and ignored, from a client that broke the WebSocket protocol, in seconds."""

SLOW_TIMEOUT = 30.0
"""How long a client that reads too slowly may take to read why it was disconnected, in seconds."""

TURN = 0.002
"""How long one connection's frames are handled before the others get their turn, in seconds."""

SLICE = 2_048
"""How many bytes are parsed at once before the clock is checked again."""

MAX_WAITING = 16 * 1024 * 1024
"""The most bytes that may wait in the send buffer of a client that does not read them."""

LONGEST_LINE = 8_192
"""The most bytes that a line of an upgrade request may have: the limit of `websockets`."""

_OPCODE = {Format.JSON: Opcode.TEXT, Format.MSGPACK: Opcode.BINARY}


def framed(payload: bytes, format: Format) -> bytes:
    """Return a payload in one unmasked WebSocket frame, as a server sends it (RFC 6455 §5.2)."""
    return Frame(_OPCODE[format], payload).serialize(mask=False)


def _as_sent(raw: bytes, format: Format) -> str | bytes:
    return raw.decode("utf-8", "replace") if format is Format.JSON else raw


class WebSocket(asyncio.Protocol):
    """One WebSocket and its session. It is in `open_sockets` while it is open."""

    def __init__(
        self, service: Service, open_sockets: "set[WebSocket]", max_frame_size: int, door: Door
    ) -> None:
        self._service = service
        self._door = door
        self._open_sockets = open_sockets
        self._max_frame_size = max_frame_size
        self._session: Session | None = None
        self._loop = asyncio.get_running_loop()
        self._ws = ServerProtocol(max_size=max_frame_size, logger=quiet_logger("ablykit.server"))
        self._unread, self._at = b"", 0  # bytes that are not parsed yet, and where to continue in them
        self._events: deque[Any] = deque()
        self._has_turn = False
        """Whether another turn has been scheduled. Nothing is read from the socket until it comes."""
        self._message = bytearray()
        self._format = Format.JSON
        self._last_write = 0.0
        self._giving_up = False
        self._timer: asyncio.TimerHandle | None = None
        self._name = f"client {next(service.names)}"

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection that is being upgraded."""
        self._transport = cast(asyncio.Transport, transport)
        self._open_sockets.add(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes: first the upgrade request, then frames."""
        self._unread, self._at = self._unread[self._at :] + data, 0
        if not self._has_turn:
            self._take_turn()

    def eof_received(self) -> None:
        """Take note that the client will send nothing more."""
        self._ws.receive_eof()
        self._flush()

    def _take_turn(self) -> None:
        """Handle received bytes for `TURN` seconds; the rest waits for the next turn."""
        self._has_turn = False
        end = time.perf_counter() + TURN
        while self._events or self._at < len(self._unread):
            if not self._events:
                self._take_apart()
            while self._events:
                self._handle(self._events.popleft())
                if time.perf_counter() >= end and not self._transport.is_closing():
                    self._has_turn = True
                    self._transport.pause_reading()
                    self._loop.call_soon(self._take_turn)
                    return
            self._check_frame_size()
            self._flush()  # only now: the reply to a ping or close must follow the answers to earlier frames
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _take_apart(self) -> None:
        piece = self._unread[self._at : self._at + SLICE]
        self._at += len(piece)
        self._ws.receive_data(piece)
        self._events.extend(self._ws.events_received())
        if self._ws.handshake_exc and self._session is None:
            self._refuse_upgrade()

    def _handle(self, event: Any) -> None:
        if isinstance(event, Request):
            self._open(event)
        elif isinstance(event, Frame):
            self._frame(event)

    def _check_frame_size(self) -> None:
        if isinstance(self._ws.parser_exc, PayloadTooBig) and self._session and not self._session.ended:
            limit = self._max_frame_size
            self._session.give_up(
                AblyError(40009, f"The frame is too large: send at most {limit} bytes in one frame")
            )

    def _refuse_upgrade(self) -> None:
        """Refuse an upgrade request with longer lines or more headers than `websockets` reads."""
        line = self._unread.partition(b"\r\n")[0]
        status = "414 URI Too Long" if len(line) > LONGEST_LINE else "431 Request Header Fields Too Large"
        text = f"{status}: a line may have at most {LONGEST_LINE} bytes, and a request 128 headers".encode()
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n"
        self._transport.write(head.encode() + text)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session that the socket is gone."""
        self._open_sockets.discard(self)
        self._unread, self._at = b"", 0
        self._events.clear()
        closed = f"{self._ws.close_code or 1006} {self._ws.close_reason or ''}"
        self._note("in", closed.rstrip(), "close")
        if self._timer:
            self._timer.cancel()
        if self._session:
            self._session.dropped(self._service.monotonic())

    # -- the session's side

    def write(self, delivery: Delivery, variant: Variant, channel: str | None) -> None:
        """Send a frame (see `session.Transport`)."""
        if self._transport.is_closing():
            return  # the socket is gone; `connection_lost` is about to tell the session
        self._last_write = self._loop.time()
        if transcript := self._service.transcript:
            transcript.record(self._name, "in", _as_sent(delivery.payload(variant, channel), variant.format))
        self._transport.write(delivery.encoded(variant, framed, channel))
        if self._transport.get_write_buffer_size() > MAX_WAITING and not self._giving_up:
            self._give_up()

    def close(self, code: int, reason: str) -> None:
        """Start to close the WebSocket. The socket closes when the client has answered, or after a
        timeout."""
        if self._ws.state is State.OPEN:
            self._ws.send_close(code, reason)
            self._flush()
        timeout = SLOW_TIMEOUT if self._giving_up else CLOSE_TIMEOUT
        self._set_timer(timeout, self._transport.abort)

    def shut_down(self, error: AblyError) -> None:
        """Disconnect the client because the service stops, and close the socket."""
        if self._session and not self._session.ended:
            self._session.disconnect(error, 1001)
        self._transport.close()

    def time_moved(self, seconds: float) -> None:
        """Do what has become due because the service's clock was moved: it has been silent for longer."""
        self._last_write -= seconds
        self._watch()

    def belongs_to(self, app: App, client_id: str | None) -> bool:
        """Return whether this is a connection of an app and, if given, of a clientId."""
        session = self._session
        if session is None:
            return False
        return session.app is app and client_id in (None, session.connection.client_id)

    def send(self, frame: ProtocolMessage) -> None:
        """Send a frame that no rule asked for."""
        if self._session:
            self._session.reply(frame)

    def forget(self) -> None:
        """Have the service forget the connection, so that no other socket can resume it."""
        if self._session:
            self._service.forget(self._session.connection)

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""
        self._transport.abort()

    # -- inside

    def _open(self, request: Request) -> None:
        response = self._checked(request) or self._ws.accept(request)
        self._ws.send_response(response)
        self._flush()
        if response.status_code != 101:
            self._transport.close()
            return
        url = urlsplit(request.path)
        secure = self._transport.get_extra_info("sslcontext") is not None
        scheme, host = "wss" if secure else "ws", request.headers.get("Host", "localhost")
        self._note("out", f"{scheme}://{host}{request.path}", "open")
        now = self._service.monotonic()
        self._session = open_session(self._service, self, url.query, now, secure=secure, path=url.path or "/")
        self._watch()

    def _checked(self, request: Request) -> Response | None:
        """Return the refusal of an upgrade from a web page that may not use the service; None if it may."""
        try:
            self._door.check(request.headers.get_all("Host"), request.headers.get_all("Origin"))
        except AblyError as error:
            response = self._ws.reject(error.status, json.dumps({"error": plain(error.info)}))
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = "application/json"
            return response
        return None

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._format = Format.JSON if frame.opcode is Opcode.TEXT else Format.MSGPACK
        elif frame.opcode is not Opcode.CONT:
            self._control(frame)
            return
        self._message += frame.data
        if frame.fin and self._session:
            raw = bytes(self._message)
            self._message.clear()
            if transcript := self._service.transcript:
                transcript.record(self._name, "out", _as_sent(raw, self._format))
            deadline = self._session.deadline
            self._session.receive(raw, self._format, self._service.monotonic())
            if self._session.deadline != deadline:
                self._watch()

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)
            elif self._ws.parser_exc:
                # The client may still be writing. If its bytes stayed unread, TCP would answer them with a
                # reset, and the client might never read why it was disconnected.
                self._set_timer(LINGER, self._transport.close)
                return
            else:
                self._transport.close()
        closing = self._ws.close_expected() and not self._transport.is_closing()
        if closing and not self._giving_up:
            self._set_timer(CLOSE_TIMEOUT, self._transport.abort)

    def _watch(self) -> None:
        """Do what is due: send something after an interval of silence (RTN23), and let a token expire."""
        session = self._session
        if session is None or session.ended:
            return
        now = self._service.monotonic()
        session.on_time(now)
        if session.ended:
            return
        interval = self._service.heartbeat_interval / 1000
        silent = self._loop.time() - self._last_write
        if silent >= interval:
            if session.params.heartbeats:
                session.heartbeat()
            else:
                self._ping()
            silent = 0.0
        due = inf if session.deadline is None else max(session.deadline - now, 0) / 1000
        self._set_timer(min(interval - silent, due), self._watch)

    def _ping(self) -> None:
        self._last_write = self._loop.time()
        self._note("in", b"", "ping")
        self._transport.write(Frame(Opcode.PING, b"").serialize(mask=False))

    def _control(self, frame: Frame) -> None:
        """Record a ping or pong. `websockets` itself answers pings and closes."""
        if frame.opcode is Opcode.PING:
            self._note("out", bytes(frame.data), "ping")
            self._note("in", bytes(frame.data), "pong")
        elif frame.opcode is Opcode.PONG:
            self._note("out", bytes(frame.data), "pong")

    def _note(self, direction: Direction, raw: str | bytes, kind: Kind = "frame") -> None:
        """Record what crosses the wire, if the service has a transcript."""
        if transcript := self._service.transcript:
            transcript.record(self._name, direction, raw, kind)

    def _give_up(self) -> None:
        """Disconnect a client that does not read what it is sent, before it costs more memory."""
        self._giving_up = True
        error = AblyError(
            42915, f"More than {MAX_WAITING} bytes are waiting for this client: it must read faster"
        )
        if self._session:
            self._session.disconnect(error, 1013)

    def _set_timer(self, seconds: float, callback: Any) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, callback)
