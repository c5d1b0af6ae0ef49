"""A client under test that is a Python object: `factory(url, key=…, client_id=…, on_message=…)` makes one.

The object has `connect()`, `attach(channel)`, `detach(channel)`, `publish(channel, data)`, `enter(channel,
data)`, `leave(channel)`, `close()` and, for the workload `presence`, `members(channel)`. Instead it may have
`channel(name)`, which returns an object with these methods for one channel: `channel("c").publish(data)`.
Each may be a coroutine or a plain function. Returning means done, and for a publish acknowledged; raising
means failed, with the `code` that the exception has. A message that arrives is handed to
`on_message(channel, data, client_id=None)`.

Coroutines run on a loop that all objects of a run share, apart from the judge's own: a client that blocks it
holds up its peers, and not the judge. Plain functions of one object run on a thread of its own, one after
another. Both kinds of thread are daemons, since nothing can end a function that never returns.
"""

import asyncio
import atexit
import inspect
import logging
import queue
import threading
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from ablykit.judge.client import Client, Listener, Place
from ablykit.judge.lines import Order, Report
from ablykit.machine.loop import LoopThread

STOP_TIMEOUT = 2.0
"""How long the loop of the objects may take to stop, in seconds."""

_log = logging.getLogger(__name__)

Factory = Callable[..., Any]


class Objects:
    """Makes clients of a factory, on a loop that they share. `stop` ends it."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._thread = LoopThread("ablykit-clients")
        self._thread.loop.set_exception_handler(_note)

    def __call__(self, place: Place, listener: Listener) -> Client:
        """Return the client for a place (see `client.Start`)."""
        return PythonObject(self._factory, place, listener, self._thread.loop)

    def stop(self) -> None:
        """End the loop. One that a client blocks for ever is left to itself."""
        stopping = threading.Thread(target=self._thread.stop, daemon=True)
        stopping.start()
        stopping.join(STOP_TIMEOUT)
        if stopping.is_alive():
            atexit.unregister(self._thread.stop)  # it would wait there for ever


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what failed where nobody awaits it, such as a client's own task.

    asyncio would print a traceback in the middle of the card. What matters of it shows in what the client
    does or doesn't report.
    """
    _log.debug("%s", context["message"], exc_info=context.get("exception"))


class PythonObject:
    """A client that is an object. Its methods are called by the judge, on the judge's loop."""

    def __init__(
        self, factory: Factory, place: Place, listener: Listener, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.name = place.client_id
        self._factory, self._place, self._listener = factory, place, listener
        self._loop, self._own = loop, asyncio.get_running_loop()
        self._object: Any = None
        self._plain = _Worker(f"ablykit-{self.name}")
        self._running: set[asyncio.Task[None]] = set()
        self._tokens: asyncio.Queue[str] = asyncio.Queue()
        self._closed = asyncio.Event()

    async def open(self) -> None:
        """Nothing: the object is made by the order `start`."""

    def tell(self, order: Order) -> None:
        """Begin to carry an order out."""
        if order.do == "token":
            self._tokens.put_nowait(order.token or "")
            return
        task = asyncio.get_running_loop().create_task(self._carry_out(order))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self, patience: float) -> None:
        """Wait until `close` has returned, and end what goes on."""
        try:
            async with asyncio.timeout(patience):
                await self._closed.wait()
        except TimeoutError:
            text = f"close() had not returned {patience:g} s after it was called"
            self._listener.trouble(self.name, "never-exited", text)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._plain.stop()

    # -- orders

    async def _carry_out(self, order: Order) -> None:
        try:
            report = await self._do(order)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            report = self._failed(order, error)
        finally:
            if order.do == "close":
                self._closed.set()
        if report is not None:
            self._listener.hear(self.name, report)

    async def _do(self, order: Order) -> Report | None:
        data = order.data or ""
        match order.do:
            case "start":
                self._object = await self._on_loop(self._make)
                await self._call("connect")
                return Report(state="connected")
            case "attach" | "detach":
                await self._call(order.do, order.channel)
                return Report(did=order.do, channel=order.channel)
            case "publish" | "enter":
                await self._call(order.do, order.channel, data)
                return Report(did=order.do, id=order.id, ok=True)
            case "leave":
                await self._call("leave", order.channel)
                return Report(did="leave", id=order.id, ok=True)
            case "members":
                found: Any = await self._call("members", order.channel)
                return Report(members=[str(each) for each in found], id=order.id)
            case _:
                await self._call("close")
                return Report(state="closed")

    def _failed(self, order: Order, error: BaseException) -> Report | None:
        """Return what is reported for an order that raised."""
        says = f"{order.do} raised {type(error).__name__}: {error}"
        if order.do in ("publish", "enter", "leave"):
            with warnings.catch_warnings():  # some libraries deprecate the code of their exceptions
                warnings.simplefilter("ignore", DeprecationWarning)
                code = getattr(error, "code", None)
            code = code if isinstance(code, int) else None
            return Report(did=order.do, id=order.id, ok=False, code=code, log=says)
        self._listener.trouble(self.name, "crashed" if order.do == "start" else "raised", says)
        return None

    # -- calls

    async def _make(self) -> Any:
        """Make the object, on the loop of the objects. It is given the arguments that it takes."""
        place = self._place
        offered: dict[str, object] = {
            "key": place.key,
            "client_id": place.client_id,
            "rest_url": place.rest_url,
            "ca_file": place.ca_file,
            "on_message": self._on_message,
            "on_state": self._on_state,
            "get_token": self._get_token,
        }
        made = self._factory(place.url, **_taken(self._factory, offered))
        made = await made if inspect.isawaitable(made) else made
        if not _takes(self._factory, "on_message"):
            made.on_message = self._on_message
        return made

    async def _call(self, name: str, channel: str | None = None, *arguments: object) -> object:
        """Call a method of the object or of its channel where its kind belongs; return what it returns."""

        async def find() -> tuple[Callable[..., Any], tuple[object, ...]]:
            made = self._object
            if channel is None:
                return getattr(made, name), arguments
            if hasattr(made, name) or not hasattr(made, "channel"):
                return getattr(made, name), (channel, *arguments)
            return getattr(made.channel(channel), name), arguments

        method, arguments = await self._on_loop(find)
        if inspect.iscoroutinefunction(method):
            return await self._on_loop(lambda: method(*arguments))
        found = await self._plain.run(lambda: method(*arguments))
        if not inspect.isawaitable(found):
            return found

        async def wait() -> object:
            return await found

        return await self._on_loop(wait)

    async def _on_loop(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine on the loop of the objects."""

        async def run() -> Any:
            try:
                return await make()
            except (SystemExit, KeyboardInterrupt) as error:  # they would end the loop for everybody
                raise RuntimeError(f"it raised {type(error).__name__}") from error

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._loop))

    # -- what the object calls, from any thread

    def _on_message(self, channel: str, data: object, client_id: str | None = None) -> None:
        report = Report(got=str(channel), data=str(data), sender=client_id)
        self._own.call_soon_threadsafe(self._listener.hear, self.name, report)

    def _on_state(self, state: str, code: int | None = None) -> None:
        self._own.call_soon_threadsafe(self._listener.hear, self.name, Report(state=state, code=code))

    async def _get_token(self) -> str:
        async def ask() -> str:
            self._listener.hear(self.name, Report(need_token=True))
            return await self._tokens.get()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ask(), self._own))


class _Worker:
    """Calls plain functions one after another on a thread, which is started by the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[[], Any]) -> Any:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        future: Future[Any] = Future()
        self._calls.put((function, future))
        return await asyncio.wrap_future(future)

    def stop(self) -> None:
        self._calls.put(None)

    def _work(self) -> None:
        while call := self._calls.get():
            function, future = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)


def _takes(factory: Factory, name: str) -> bool:
    """Return whether a factory has a parameter of this name, or takes any."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # some of C's have no signature
        return True
    return any(each.name == name or each.kind is each.VAR_KEYWORD for each in parameters)


def _taken(factory: Factory, offered: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in offered.items() if _takes(factory, name)}
