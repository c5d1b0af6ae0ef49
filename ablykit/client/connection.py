"""The connection of a client: sockets come and go, and it stays (RTN).

`protocol.states.CLIENT_TRANSITIONS` is its whole life, and `_go` the only way through it: an event that the
table has no row for raises `KeyError`, because it is a mistake here and not the service's. Sockets are
numbered, and what comes from any but the newest is ignored: a lost socket may still have something to say.

What stands on a connection (`machine.Machine`, with its channels and publishes) learns of it by
`on_connected`, `on_lost`, `on_end` and `on_frame`.
"""

from collections.abc import Callable
from typing import ClassVar

from ablykit.client.link import TOKEN_ERRORS, Options, as_error
from ablykit.client.outputs import CloseSocket, NeedToken, OpenSocket, Output, Send, StateChange
from ablykit.client.timers import Timers, backoff
from ablykit.protocol import (
    AblyError,
    Action,
    AuthDetails,
    ConnectionDetails,
    NotAFrame,
    ProtocolMessage,
    decode,
)
from ablykit.protocol.states import CLIENT_TRANSITIONS

Handler = Callable[["Connection", ProtocolMessage, float], None]
TABLE = {(way.start, way.why): way.end for way in CLIENT_TRANSITIONS}


class Connection:
    """The state of a connection, through all its sockets."""

    def __init__(self, options: Options, jitter: Callable[[], float]) -> None:
        self.options, self.jitter = options, jitter
        self.times, self.format = options.times, options.format
        self.state = "initialized"
        self.error: AblyError | None = None
        self.connection_id: str | None = None
        self.client_id = options.client_id
        self.details = ConnectionDetails()
        self.timers = Timers()
        self._token, self._recover = options.token, options.recover
        self._asking = self._renewed = False
        """Whether a token was asked for; and whether it was renewed since the last CONNECTED."""
        self._socket, self._is_open = 0, False
        self._attempts = 0
        self._owes_close = False
        self._is_over = False
        """Whether connectionStateTtl has passed, so that nothing is left to resume."""
        self._outputs: list[Output] = []

    def on_connected(self, now: float, *, same: bool) -> None:
        """Take note that frames can be sent; `same` if the connection was resumed or recovered."""

    def on_lost(self) -> None:
        """Take note that the socket is gone, and another one will be opened."""

    def on_end(self, state: str, error: AblyError) -> None:
        """Take note that the connection is `suspended`, `closed` or `failed`: no answer will come."""

    def on_frame(self, frame: ProtocolMessage, now: float) -> None:
        """Take a frame in that is not about the connection itself."""

    # -- what the application asks for

    def connect(self, now: float) -> None:
        """Open the connection, once (RTN3)."""
        if self.state == "initialized":
            self.timers.at("ttl", now + self._ttl, self._on_ttl)
            self._go("open")
            self._open(now)

    def close(self, now: float) -> None:
        """Close the connection for good (RTN12). The state `closed` says that it is done."""
        if self.state in ("closing", "closed", "failed"):
            return
        self.timers.clear()
        self._owes_close = not self.send(ProtocolMessage(action=Action.CLOSE))
        self._go("CLOSE")
        if self.state == "closed" or not self._is_open:
            self._closed()
        else:
            self.timers.at("close", now + self.times.realtime_request, lambda now: self._closed())

    # -- what happens

    @property
    def due(self) -> float | None:
        """When `tick` is wanted next, in ms; None for never."""
        return self.timers.due

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.timers.run(now)

    def outputs(self) -> list[Output]:
        """Take what is to be done, in order."""
        taken, self._outputs = self._outputs, []
        return taken

    def emit(self, output: Output) -> None:
        """Add an output."""
        self._outputs.append(output)

    def send(self, frame: ProtocolMessage) -> bool:
        """Send a frame if the connection is connected; return whether it is."""
        if self.state == "connected":
            self.emit(Send(self._socket, frame))
        return self.state == "connected"

    def token(self, token: str, now: float) -> None:
        """Take the token that `NeedToken` asked for."""
        self._asking, self._token = False, token
        if self.state == "connecting" and not self._is_open:
            self._open(now)
        else:
            self.send(ProtocolMessage(action=Action.AUTH, auth=AuthDetails(access_token=token)))  # RTC8

    def token_failed(self, error: AblyError, now: float) -> None:
        """Take note that there is no token (RSA4c, RSA4d). An open connection lasts while its token does."""
        self._asking = False
        if self.state == "connecting" and not self._is_open:
            if error.status == 403:
                self._fail(error)
            else:
                self._no_answer(now, error)

    def lost(self, number: int, now: float, why: str = "The socket was lost") -> None:
        """Take note that a socket is gone, or could not be opened."""
        if number == self._socket and self._is_open:
            self._lose(now, AblyError(80003, why))

    def received(self, number: int, raw: str | bytes, now: float) -> None:
        """Take a WebSocket message in. What is not a frame, or has an unknown action, is ignored (RTF1)."""
        try:
            frame = decode(raw, self.format)
        except NotAFrame:
            return
        if number != self._socket or not self._is_open:
            return
        self._watch(now)
        handler = self._HANDLERS.get(frame.action)
        if handler is None or (frame.action == Action.ERROR and frame.channel is not None):  # RTN15i
            self.on_frame(frame, now)
        else:
            handler(self, frame, now)

    def _on_connected(self, frame: ProtocolMessage, now: float) -> None:
        self.details = details = frame.connection_details or ConnectionDetails()
        self.client_id = details.client_id if details.client_id not in (None, "*") else self.options.client_id
        error = frame.error and as_error(frame.error)
        if self.state == "closing":
            if self._owes_close:  # it was closed while it was opening (RTN12f)
                self.emit(Send(self._socket, ProtocolMessage(action=Action.CLOSE)))
            self._owes_close = False
            return
        anew = self.state == "connecting"
        same = frame.connection_id == self.connection_id or (self._recover is not None and error is None)
        self.connection_id = frame.connection_id
        self.timers.cancel("connect", "retry", "ttl")
        self._attempts, self._renewed, self._is_over, self._recover = 0, False, False, None
        self._watch(now)
        self._go("CONNECTED", error)
        if anew:
            self.on_connected(now, same=same)

    def _on_disconnected(self, frame: ProtocolMessage, now: float) -> None:
        self._lose(now, as_error(frame.error))

    def _on_error(self, frame: ProtocolMessage, now: float) -> None:
        error = as_error(frame.error)
        can_wait = error.status >= 500 or error.code in TOKEN_ERRORS
        if self.state == "closing" or (self.state == "connecting" and can_wait):
            self._lose(now, error)
        else:
            self._fail(error)

    def _on_auth(self, frame: ProtocolMessage, now: float) -> None:
        if self.options.renewable:
            self._need_token()  # RTN22

    _HANDLERS: ClassVar[dict[int, Handler]] = {
        Action.CONNECTED: _on_connected,
        Action.DISCONNECTED: _on_disconnected,
        Action.CLOSED: _on_disconnected,
        Action.ERROR: _on_error,
        Action.AUTH: _on_auth,
    }

    # -- sockets

    @property
    def _ttl(self) -> float:
        return self.details.connection_state_ttl or self.times.connection_state_ttl

    def _open(self, now: float) -> None:
        """Open a socket; get a token first if there is none (RSA4)."""
        too_late = self._lose_by(80014, "The connection was not opened in time")
        self.timers.at("connect", now + self.times.realtime_request, too_late)
        if self.options.renewable and self._token is None:
            self._need_token()
            return
        self._socket, self._is_open = self._socket + 1, True
        key = self.details.connection_key
        url = self.options.url_for(self._token, resume=key, recover=None if key else self._recover)
        self.emit(OpenSocket(self._socket, url))

    def _need_token(self) -> None:
        if not self._asking:
            self._asking = True
            self.emit(NeedToken())

    def _watch(self, now: float) -> None:
        """Give the service until then to say something, if only HEARTBEAT (RTN23a)."""
        if self._is_open and (idle := self.details.max_idle_interval):
            silent = self._lose_by(80003, "The service was silent for too long")
            self.timers.at("idle", now + idle + self.times.realtime_request, silent)

    def _lose_by(self, code: int, why: str) -> Callable[[float], None]:
        return lambda now: self._lose(now, AblyError(code, why))

    def _close_socket(self) -> None:
        if self._is_open:
            self.emit(CloseSocket(self._socket))
        self._is_open = False
        self.timers.cancel("idle", "connect")

    def _lose(self, now: float, error: AblyError) -> None:
        """Go on without a socket: try again, with a new token if that was the reason (RTN15a, RTN15h)."""
        self._close_socket()
        if self.state == "closing":
            self._closed()
            return
        if error.code in TOKEN_ERRORS:
            self._token = None
            if not self.options.renewable:
                self._fail(error)  # RTN14b, RTN15h1
                return
        if self.state == "connecting":
            if error.code in TOKEN_ERRORS and not self._renewed:
                self._renewed = True
                self._open(now)
            else:
                self._no_answer(now, error)
            return
        self._go("DISCONNECTED, or cut", error)
        self.on_lost()
        self.timers.at("ttl", now + self._ttl, self._on_ttl)
        self.timers.at("retry", now, self._retry)

    def _no_answer(self, now: float, error: AblyError) -> None:
        """Wait before the next try (RTN14d); once connectionStateTtl has passed, suspended (RTN14e)."""
        self._close_socket()
        if self._is_over:
            self._suspend(now, error)
            return
        self._attempts += 1
        self._go("no answer", error)
        wait = backoff(self.times.disconnected_retry, self._attempts, self.jitter())
        self.timers.at("retry", now + wait, self._retry)

    def _retry(self, now: float) -> None:
        self._go("retry")
        self._open(now)

    def _on_ttl(self, now: float) -> None:
        self._is_over = True
        if self.state == "disconnected":
            self._suspend(now, AblyError(80002, "The connection could not be resumed in time"))

    def _suspend(self, now: float, error: AblyError) -> None:
        self.details, self._recover = ConnectionDetails(), None
        self._go("connectionStateTtl", error)
        self.timers.at("retry", now + self.times.suspended_retry, self._retry)
        self.on_end("suspended", error)

    # -- how it gets from state to state

    def _go(self, why: str, error: AblyError | None = None) -> None:
        """Take the transition that the table has for `why`. CONNECTED while connected is an update
        (RTN24)."""
        is_update = self.state == "connected" and why == "CONNECTED"
        previous, self.state = self.state, self.state if is_update else TABLE[self.state, why]
        self.error = error
        self.emit(StateChange(previous, self.state, why, error))

    def _closed(self) -> None:
        self._close_socket()
        if self.state == "closing":
            self._go("CLOSED")
        self.timers.clear()
        self.on_end("closed", AblyError(80017, "The connection is closed"))

    def _fail(self, error: AblyError) -> None:
        self._close_socket()
        self._go("ERROR", error)
        self.timers.clear()
        self.on_end("failed", error)
