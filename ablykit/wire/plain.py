"""The same connection by plain calls, for a notebook's cells.

It runs on a thread with an event loop of its own instead of inside the notebook's loop: frames
are noted at the moment they come, even while a cell computes, and asyncio need not be patched.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

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
    connection = Connection(_wait(connect_async(url, **options)))
    _thread.hold(connection)
    return connection


class _Thread:
    """The event loop that plain calls run on. It is there while a connection is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._held: set[int] = set()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            loop = self._loop or self._start()
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            with self._lock:
                self._stop_if_unused()
            raise

    def hold(self, connection: Connection) -> None:
        with self._lock:
            self._held.add(id(connection))

    def release(self, connection: Connection) -> None:
        with self._lock:
            self._held.discard(id(connection))
            self._stop_if_unused()

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(loop,), name="ablykit-wire", daemon=True)
        self._thread.start()
        return loop

    def _stop_if_unused(self) -> None:
        loop, thread = self._loop, self._thread
        if self._held or loop is None or thread is None:
            return
        self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


_thread = _Thread()


def _wait(coroutine: Coroutine[Any, Any, T]) -> T:
    return _thread.run(coroutine)
