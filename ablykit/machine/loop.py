"""An event loop on a thread, for code that must keep running while its caller does something else.

A cell that computes for a minute must not stop a server's heartbeats, and a blocking call must work where a
loop is already running. So the server, the relay and blocking connections each run on a `LoopThread`:

    with LoopThread("worker") as worker:
        worker.run(fetch())                    # a coroutine, from any other thread
        worker.call(lambda: counter.total)     # a function, on the thread that owns `counter`

A thread that serves something is given a context manager. The thread enters it before the constructor
returns, and leaves it when it stops, so that each resource is released by the code that acquired it:

    @asynccontextmanager
    async def serving():
        async with await asyncio.start_server(accept, "127.0.0.1", port):
            yield

    worker = LoopThread("server", serving)     # raises OSError here if the port is taken

However the loop ends, by `stop`, by the interpreter's exit or by a failure, its tasks are cancelled, its
async generators are closed, and every caller that is still waiting gets an error. A call must never wait for
a loop that is gone.
"""

import asyncio
import atexit
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Self, TypeVar

T = TypeVar("T")

START_TIMEOUT = 10.0
"""How long a thread may take to be ready, in seconds."""


class LoopStopped(RuntimeError):
    """The error for a call to a loop that has stopped."""


class LoopThread:
    """An event loop on a daemon thread, ready when the constructor returns.

    The loop enters `during` before anything else, and leaves it last. `new_loop` makes the loop (see
    `fast_loop`). `stopped` is the message of the error for callers once the loop has stopped. Raises the
    error that entering `during` raises, and `TimeoutError` if that takes longer than `START_TIMEOUT`.
    """

    def __init__(
        self,
        name: str,
        during: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
        *,
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
        stopped: str = "",
    ) -> None:
        self.loop = new_loop()
        self._stopped = stopped or f"The thread {name} has been stopped"
        self._stop, self._ready = asyncio.Event(), Future[None]()
        self._lock, self._ended = threading.Lock(), False
        self._waited_for: set[Future[Any]] = set()
        self._thread = threading.Thread(target=self._run, args=(during,), name=name, daemon=True)
        self._thread.start()
        atexit.register(self.stop)
        try:
            wait([self._ready], START_TIMEOUT)
        finally:
            if not self._ready.done():
                self._request_stop()  # it stops as soon as it can
        if not self._ready.done():
            raise TimeoutError(f"The thread {name} was not ready within {START_TIMEOUT:g} s")
        if self._ready.exception():
            self.stop()
        self._ready.result()

    # -- from other threads

    @property
    def is_running(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop, and return its result or raise its error.

        The coroutine is cancelled after `timeout` seconds, or by Ctrl+C. Raises `LoopStopped` if the loop has
        stopped or stops meanwhile. Raises `RuntimeError` on the loop's own thread, which would otherwise wait
        for itself for ever.
        """
        try:
            self._check_thread("await the coroutine instead")
            with self._lock:  # so that it is either refused, or found when the loop stops
                if self._ended:
                    raise LoopStopped(self._stopped)
                future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
                self._waited_for.add(future)
        except BaseException:
            coroutine.close()
            raise
        try:
            return future.result(timeout)
        except BaseException as error:
            future.cancel()
            if isinstance(error, CancelledError) and self._ended:
                raise LoopStopped(self._stopped) from None
            raise
        finally:
            self._waited_for.discard(future)

    def call(self, function: Callable[[], T], timeout: float | None = None) -> T:
        """Call a function on the loop's thread and return its result. Raises the errors of `run`."""

        async def call() -> T:
            return function()

        return self.run(call(), timeout)

    def stop(self) -> None:
        """Stop the loop and wait until the thread has ended. Calling this again does nothing."""
        self._check_thread("stop it from another thread")
        self._request_stop()
        self._thread.join()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _request_stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self.loop.call_soon_threadsafe(self._stop.set)

    def _check_thread(self, instead: str) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                f"This call is on the thread {self._thread.name}, which can't wait for itself: {instead}"
            )

    # -- on its thread

    def _run(self, during: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        runner = asyncio.Runner(loop_factory=lambda: self.loop)
        try:
            runner.run(self._main(during))
        finally:
            # Ending an executor takes a thread, and from Python 3.12 on none can be started at the
            # interpreter's exit.
            with contextlib.suppress(RuntimeError):
                runner.close()
            for future in list(self._waited_for):  # the loop failed before it could start their tasks
                if not future.done():
                    future.set_exception(LoopStopped(self._stopped))

    async def _main(self, during: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        try:
            async with during():
                self._ready.set_result(None)
                await self._stop.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            with self._lock:
                self._ended = True
            await asyncio.sleep(0)  # coroutines that were handed over become tasks, which can be cancelled


def fast_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop from uvloop if it is installed, and otherwise from asyncio."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
