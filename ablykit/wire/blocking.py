"""A raw connection with blocking calls, for a notebook's cells.

It runs on a thread with its own event loop, not in the notebook's loop. So a frame is recorded at the moment
it arrives, even while a cell computes, and a blocking call works although the notebook's loop is running.
"""

import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from ablykit.machine.loop import LoopThread
from ablykit.protocol import ProtocolMessage
from ablykit.wire.connection import (
    CLOSE_TIMEOUT,
    RECV_TIMEOUT,
    AsyncConnection,
    Closed,
    connect_async,
)
from ablykit.wire.frame import Frame

T = TypeVar("T")


class Connection:
    """A WebSocket to an Ably, with blocking calls. Made by `connect`."""

    def __init__(self, inner: AsyncConnection) -> None:
        self.asynchronous = inner
        self.url, self.name, self.transcript = inner.url, inner.name, inner.transcript

    def send(self, *frames: dict[str, Any] | ProtocolMessage | str | bytes) -> None:
        """Send frames one after the other, without waiting for answers.

        Text and bytes are sent unchanged. Raises `WireError` if the connection has ended, `WireTimeout` if
        the other side does not read.
        """
        _wait(self.asynchronous.send(*frames))

    def recv(
        self,
        action: int | str | None = None,
        *,
        timeout: float = RECV_TIMEOUT,
        heartbeats: bool = False,
        **members: Any,
    ) -> Frame:
        """Return the next frame or, with `action` (a number or a name), the next frame with that action.

        `members` must match as well: `recv("HEARTBEAT", id="ping 1")` skips every other heartbeat. Without
        `action` and `members`, HEARTBEATs are skipped unless `heartbeats=True`. `timeout` is in seconds.

        Raises `WireTimeout` if no such frame arrives in time, and `WireError` if the connection ends first.
        Both say which frames arrived instead.
        """
        return _wait(self.asynchronous.recv(action, timeout=timeout, heartbeats=heartbeats, **members))

    def frames(
        self,
        count: int | None = None,
        *,
        seconds: float | None = None,
        timeout: float = RECV_TIMEOUT,
        heartbeats: bool = False,
    ) -> list[Frame]:
        """Return the next `count` frames, or all that arrive within `seconds`.

        Raises the errors of `recv` if `count` frames don't arrive within `timeout` seconds.
        """
        return _wait(self.asynchronous.frames(count, seconds=seconds, timeout=timeout, heartbeats=heartbeats))

    def close(self) -> None:
        """Close the WebSocket, as Ctrl+C does in a terminal: without a CLOSE frame."""
        if self.closed is None:
            _wait(self.asynchronous.close())
        _thread.release(self)

    def cut(self) -> None:
        """End the connection as a dead network does, without a close frame. The transcript shows code
        1006."""
        if self.closed is None:
            _wait(self.asynchronous.cut())
        _thread.release(self)

    def wait_closed(self, *, timeout: float = CLOSE_TIMEOUT) -> Closed:
        """Wait until the connection has ended, and return how. Raises `WireTimeout` after `timeout`
        seconds."""
        return _wait(self.asynchronous.wait_closed(timeout=timeout))

    @property
    def closed(self) -> Closed | None:
        """How the connection ended; None while it is open."""
        return self.asynchronous.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.asynchronous).replace("AsyncConnection", "Connection")


def connect(url: str, **options: Any) -> Connection:
    """Open a raw connection and return it. The options and errors are those of `connect_async`."""
    opening = connect_async(url, **options)
    loop = _thread.hold(opening)
    try:
        connection = Connection(loop.run(opening))
        _thread.hold(connection)
        return connection
    finally:
        _thread.release(opening)


class _Thread:
    """The thread that blocking calls run on. It exists only while a connection or a call needs it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: LoopThread | None = None
        self._held: set[int] = set()

    def hold(self, user: object) -> LoopThread:
        with self._lock:
            self._held.add(id(user))
            self._loop = self._loop or LoopThread("ablykit-wire")
            return self._loop

    def release(self, user: object) -> None:
        with self._lock:
            self._held.discard(id(user))
            if self._loop and not self._held:
                self._loop.stop()
                self._loop = None


_thread = _Thread()


def _wait(coroutine: Coroutine[Any, Any, T]) -> T:
    loop = _thread.hold(coroutine)
    try:
        return loop.run(coroutine)
    finally:
        _thread.release(coroutine)
