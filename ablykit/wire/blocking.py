"""The same connection by plain calls, for a notebook's cells.

It runs on a thread with an event loop of its own instead of inside the notebook's loop: frames
are noted at the moment they come, even while a cell computes, and asyncio need not be patched.
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
    """A WebSocket to an Ably, by plain calls. Made by `connect`; see `AsyncConnection` for each."""

    def __init__(self, inner: AsyncConnection) -> None:
        self.asynchronous = inner
        self.url, self.name, self.transcript = inner.url, inner.name, inner.transcript

    def send(self, *frames: dict[str, Any] | ProtocolMessage | str | bytes) -> None:
        """Send frames, one after the other without waiting for answers between.

        Text and bytes go as they are. Raises `WireError` if the connection ended, `WireTimeout`
        if the other side does not read.
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
        """Return the next frame; with `action` (a number or a name) the next of that kind.

        `members` narrow it further: `recv("HEARTBEAT", id="ping 1")` passes over every heartbeat
        that came earlier. Unless a frame is asked for in one of these ways, HEARTBEATs are
        returned only with `heartbeats=True`. `timeout` is in seconds.

        Raises `WireTimeout` when no such frame arrives in time, and `WireError` when the connection
        ends first. Both say which frames arrived instead.
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
        """The next `count` frames, or all that come within `seconds`. Raises as `recv` does."""
        return _wait(self.asynchronous.frames(count, seconds=seconds, timeout=timeout, heartbeats=heartbeats))

    def close(self) -> None:
        """Close the WebSocket, as Ctrl+C does in a terminal: without a CLOSE frame."""
        if self.closed is None:
            _wait(self.asynchronous.close())
        _thread.release(self)

    def wait_closed(self, *, timeout: float = CLOSE_TIMEOUT) -> Closed:
        """How the connection ended, once it has. Raises `WireTimeout` if it is still open."""
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
    """Open a raw connection, by plain calls. Takes what `connect_async` takes, and raises what it raises."""
    opening = connect_async(url, **options)
    loop = _thread.hold(opening)
    try:
        connection = Connection(loop.run(opening))
        _thread.hold(connection)
        return connection
    finally:
        _thread.release(opening)


class _Thread:
    """The event loop that plain calls run on. It is there while a connection or a call is."""

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
