"""uvicorn's HTTP protocol, with a limit on how long a client may take to send a request.

uvicorn itself waits for ever for a request that has begun. A client could open many sockets and send nothing,
or one byte a minute, and keep them all.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

TIMEOUTS = {h11.IDLE: 10.0, h11.SEND_BODY: 30.0}
"""How long the head and the body of a request may take to arrive, in seconds."""

LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Accepting(H11Protocol):
    """One HTTP connection, until it is upgraded to a WebSocket."""

    _timer: asyncio.TimerHandle | None = None
    _awaited: object = None
    """The h11 state for which the timer runs."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a request on a new connection."""
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request, and restart the timer if its head is complete."""
        super().data_received(data)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer when the connection is gone."""
        super().connection_lost(exc)
        self._stop_timer()

    def _await_request(self) -> None:
        upgraded = self.transport.get_protocol() is not self
        between = self.timeout_keep_alive_task is not None  # uvicorn's own timer runs between requests
        state = None if upgraded or between else self.conn.their_state
        if state is self._awaited and self._timer:
            return
        self._stop_timer()
        self._awaited = state
        if state in TIMEOUTS:
            self._timer = self.loop.call_later(TIMEOUTS[state], self._give_up)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.write(LATE)
        self.transport.close()
