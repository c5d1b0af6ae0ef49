"""A client of Ably for asyncio: the machine, with a socket, a clock and a timer around it.

    async with Realtime("main", key="app.key:secret", client_id="me") as ably:
        channel = ably.channel("chat")
        await channel.attach()
        await channel.publish("hello")              # returns once the service has acknowledged it
        async for message in channel.messages():
            print(message.client_id, message.data)

Everything that the protocol asks for is decided in `machine`. Here every event goes through `Realtime.do`,
which tells the machine the time, does what it wants done, and sets the timer by `due`.
"""

import asyncio
import random
import secrets
import ssl
from collections.abc import Callable
from typing import Any, Self, TypeVar

from ablykit.client.channels import RealtimeChannel
from ablykit.client.link import Options, Times
from ablykit.client.machine import Machine
from ablykit.client.outputs import (
    CloseSocket,
    Delivered,
    NeedToken,
    OpenSocket,
    Output,
    Promise,
    Send,
    StateChange,
)
from ablykit.client.sockets import AuthCallback, Socket, address_of, token_from
from ablykit.protocol import AblyError, ApiKey, Format, encode

T = TypeVar("T")

ENDS = ("suspended", "closed", "failed")


class Realtime:
    """A connection to Ably, and its channels.

    `endpoint` is a URL (`wss://HOST:PORT`), a host, or the name of one of Ably's (`main`). The client
    authenticates by `key`, by `token`, or by an `auth_callback` that returns a token, awaited or not,
    whenever one is needed. `recover` is the `recovery_key` of another process (RTN16). `echo` says whether
    its own messages come back, `tls` whose certificates to trust, and `times` how long to wait, in ms.

    Raises `ValueError` for an endpoint that is none, `AblyError` 40106 without any way to authenticate.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        key: str | ApiKey | None = None,
        token: str | None = None,
        auth_callback: AuthCallback | None = None,
        client_id: str | None = None,
        format: Format = Format.MSGPACK,
        echo: bool = True,
        recover: str | None = None,
        tls: ssl.SSLContext | None = None,
        times: Times | None = None,
    ) -> None:
        if key is None and token is None and auth_callback is None:
            raise AblyError(40106, "Give a key, a token or an auth_callback to authenticate with")
        options = Options(
            address_of(endpoint, "ws"),
            key=key.reveal() if isinstance(key, ApiKey) else key,
            token=token,
            renewable=auth_callback is not None,
            client_id=client_id,
            echo=echo,
            format=format,
            recover=recover,
            times=times or Times(),
        )
        self._machine = Machine(options, random.random, lambda: secrets.token_urlsafe(9))
        self._callback, self._tls = auth_callback, tls
        self._channels: dict[str, RealtimeChannel] = {}
        self._sockets: dict[int, Socket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[Callable[[StateChange], object]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._working = False

    # -- the connection

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def connect(self, timeout: float = 10_000) -> None:
        """Connect, and wait until the connection is there.

        Raises `AblyError` if the service refuses it, or if it is not there after `timeout` ms, with the code
        80014 or that of the last failure. The client goes on trying then.
        """
        self.do(self._machine.connect)
        try:
            async with asyncio.timeout(timeout / 1000):
                await self.when("connected")
        except TimeoutError:
            raise self.error or AblyError(80014, f"There was no answer within {timeout:g} ms") from None

    async def close(self) -> None:
        """Close the connection, and wait until the service has agreed (RTN12). Publishes without an answer
        fail."""
        self.do(self._machine.close)
        if self.state != "failed":
            await self.when("closed")
        for task in self._tasks:
            task.cancel()
        for socket in list(self._sockets.values()):
            await socket.closed()

    async def when(self, state: str) -> None:
        """Wait for a state of the connection (RTN4). Raises `AblyError` in one from which it can't come."""
        reached = asyncio.get_running_loop().create_future()

        def look(change: StateChange | None = None) -> None:
            if not reached.done() and self.state == state:
                reached.set_result(None)
            elif not reached.done() and self.state in ENDS:
                why = AblyError(80000, f"The connection is {self.state}")
                reached.set_exception(self.error or why)

        forget = self.on_state(look)
        try:
            look()
            await reached
        finally:
            forget()

    def on_state(self, listener: Callable[[StateChange], object]) -> Callable[[], None]:
        """Call a function with each change of the connection's state. Return a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def channel(self, name: str, *, modes: int = 0, params: dict[str, str] | None = None) -> RealtimeChannel:
        """Return the channel of this name.

        `modes` (`Flag`s, added) and `params` (such as `rewind`) are those of the first call.
        """
        if name not in self._channels:
            machine = self._machine.channel(name, modes, params)
            self._channels[name] = RealtimeChannel(machine, self)
        return self._channels[name]

    @property
    def state(self) -> str:
        """The state of the connection (RTN4), such as `connected`."""
        return self._machine.state

    @property
    def error(self) -> AblyError | None:
        """Why the connection is in its state, if there is a reason (RTN25)."""
        return self._machine.error

    @property
    def connection_id(self) -> str | None:
        """The id of the connection (RTN8)."""
        return self._machine.connection_id

    @property
    def client_id(self) -> str | None:
        """Who this client is, as the service has confirmed it (RSA12)."""
        return self._machine.client_id

    @property
    def recovery_key(self) -> str | None:
        """What another process needs to go on with this connection (RTN16g), within two minutes."""
        return self._machine.recovery_key

    # -- events to the machine, and what it wants done

    def new_id(self) -> str:
        """Return an id to publish under."""
        return self._machine.new_id()

    def do(self, event: Callable[[float], T]) -> T:
        """Give the machine an event, with the time in ms, and do what it wants done."""
        now = asyncio.get_running_loop().time() * 1000
        result = event(now)
        self._work()
        return result

    async def wait(self, promise: Promise) -> Any:
        """Return what a promise comes to, or raise its error."""
        settled = asyncio.get_running_loop().create_future()
        promise.then(lambda error: None if settled.done() else settled.set_result(None))
        await settled
        if promise.error:
            raise promise.error
        return promise.value

    def _work(self) -> None:
        """Do what the machine wants done, in order, also if a listener gives it further events meanwhile."""
        if self._working:
            return
        self._working = True
        try:
            while outputs := self._machine.outputs():
                for output in outputs:
                    self._perform(output)
        finally:
            self._working = False
        self._set_timer()

    def _perform(self, output: Output) -> None:
        match output:
            case OpenSocket(number, url):
                self._sockets[number] = Socket(
                    url,
                    self._tls,
                    lambda raw: self.do(lambda now: self._machine.received(number, raw, now)),
                    lambda why: self.do(lambda now: self._machine.lost(number, now, why)),
                )
            case Send(number, frame):
                raw = encode(frame, self._machine.format)
                is_text = self._machine.format is Format.JSON
                self._sockets[number].send(raw.decode() if is_text else raw)
            case CloseSocket(number):
                self._sockets[number].close()
            case NeedToken():
                task = asyncio.create_task(self._get_token())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case StateChange(channel=name):
                if name is None:
                    self.tell(self._listeners, output)
                else:
                    self._channels[name].changed(output)
            case Delivered(name, item):
                self._channels[name].deliver(item)
            case Promise():
                pass  # whoever waits for it has heard (see `wait`)

    def tell(self, listeners: "list[Callable[[T], object]]", item: T) -> None:
        """Call the application's functions. One that fails is reported, and stops nothing."""
        for listener in list(listeners):
            try:
                listener(item)
            except Exception as error:
                what = {"message": f"A listener failed: {listener!r}", "exception": error}
                asyncio.get_running_loop().call_exception_handler(what)

    async def _get_token(self) -> None:
        assert self._callback, "the machine asks only if there is one"
        try:
            token = await token_from(self._callback)
        except AblyError as error:
            failed = error
            self.do(lambda now: self._machine.token_failed(failed, now))
        else:
            self.do(lambda now: self._machine.token(token, now))

    def _set_timer(self) -> None:
        """Have the machine ticked when it asks for it, or earlier, which does nothing.

        Each frame puts off the time at which silence has lasted too long. The timer that is set already is
        kept then: setting another one for each frame would cost more than one tick too many.
        """
        due, timer = self._machine.due, self._timer
        if timer and due is not None and timer.when() <= due / 1000:
            return
        if timer:
            timer.cancel()
        self._timer = None if due is None else asyncio.get_running_loop().call_at(due / 1000, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.do(self._machine.tick)
