"""A running service: its thread, its two ports, its certificate and its sockets.

A `Service` is plain objects, without a thread or a socket. A `Running` puts it on the network and keeps its
time. One port answers `ws://` and `http://`, the other `wss://` and `https://`, and everything on the agenda
is done when it is due. Programs of the same user find the service by its notice (see `runtime`).

    running = Running(service, max_frame_size=262_144)
    running.call(lambda: service.add_key(app))      # on the service's own thread, where it must be called
    running.stop()
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from math import inf
from typing import Any, TypeVar, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from ablykit.machine import runtime
from ablykit.machine.browsers import Door
from ablykit.machine.local_ca import LocalCA
from ablykit.machine.loop import LoopThread, fast_loop
from ablykit.protocol import AblyError, ApiKey, ProtocolMessage
from ablykit.protocol.credentials import forget, remember
from ablykit.server.accepting import Accepting
from ablykit.server.access.app import App
from ablykit.server.rest.routes import rest_app
from ablykit.server.service import Service
from ablykit.server.websocket import WebSocket

T = TypeVar("T")

CALL_TIMEOUT = 10.0
"""How long a call may take on the server's thread, in seconds."""

KEEP_ALIVE = 3600
"""How long an idle HTTP connection stays open, in seconds: longer than any client keeps one.

If the service closed it first, a client could send its next request at that very moment, and would get an
error.
"""

STOP_TIMEOUT = 1.0
"""How long clients may take to close their sockets when the service stops, in seconds."""

HANDSHAKE_TIMEOUT = 10.0
"""How long a client may take for the TLS handshake, in seconds."""


class Running:
    """A service on its own thread, ready when the constructor returns.

    `max_frame_size` is in bytes. The other arguments are those of `LocalAbly`. Raises `OSError` if a port is
    taken, `ValueError` for an invalid host or origin to allow.
    """

    def __init__(
        self,
        service: Service,
        *,
        max_frame_size: int,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        allow_hosts: Iterable[str] = (),
        allow_origins: Iterable[str] = (),
    ) -> None:
        self.service = service
        self.host, self.port, self.tls_port = host, port, tls_port
        self.sockets: set[WebSocket] = set()
        """The open WebSockets."""
        self.ca = LocalCA()
        self._max_frame_size = max_frame_size
        self._allow_hosts = tuple(allow_hosts)
        self._door = Door(host, self._allow_hosts, allow_origins)
        self._wake = asyncio.Event()
        self.thread = LoopThread(
            "ablykit-server",
            self._serving,
            new_loop=fast_loop,
            stopped="This embedded Ably has been stopped, and what it kept is gone: start another one",
        )

    # -- where it is

    @property
    def address(self) -> str:
        """The host to connect to from this machine."""
        host = runtime.here(self.host)
        return f"[{host}]" if ":" in host else host

    @property
    def url(self) -> str:
        """The URL without TLS, `ws://HOST:PORT`."""
        return f"ws://{self.address}:{self.port}"

    @property
    def tls_url(self) -> str:
        """The URL with TLS, `wss://HOST:PORT`."""
        return f"wss://{self.address}:{self.tls_port}"

    # -- from other threads

    def call(self, what: Callable[[], T]) -> T:
        """Call a function on the server's thread and return its result. Raises `RuntimeError` if it has
        stopped."""
        return self.thread.call(what, CALL_TIMEOUT)

    def add_key(self, app: App, capability: object = None, *, revocable_tokens: bool = False) -> ApiKey:
        """Add an API key with this capability (a dict or JSON text) to an app, and return it."""

        def add() -> ApiKey:
            added = self.service.add_key(app, capability, revocable_tokens=revocable_tokens).api_key
            remember(added)
            runtime.withdraw(self._notice)
            self._announce()
            return added

        return self.call(add)

    def cut(self, app: App | None = None, client_id: str | None = None, *, forget: bool = False) -> int:
        """Cut sockets as a dead network does, without a close frame, and return how many.

        They are those of a clientId in an app, all of an app, or all there are. With `forget`, their
        connections can't be resumed.
        """

        def cut() -> int:
            found = [sock for sock in self.sockets if app is None or sock.belongs_to(app, client_id)]
            for sock in found:
                if forget:
                    sock.forget()
                sock.abort()
            return len(found)

        return self.call(cut)

    def send(self, frame: ProtocolMessage, app: App, client_id: str | None = None) -> int:
        """Send a frame to an app's connections, or those of one clientId, and return how many there are."""

        def send() -> int:
            found = [sock for sock in self.sockets if sock.belongs_to(app, client_id)]
            for sock in found:
                sock.send(frame)
            return len(found)

        return self.call(send)

    def advance(self, seconds: float) -> None:
        """Move the service's clock forward. Raises `ValueError` for a negative or infinite number."""
        if not 0 <= seconds < inf:
            raise ValueError(f"A clock moves forward only: give 0 or more seconds, not {seconds}")

        def advance() -> None:
            self.service.advance(seconds * 1000)
            for sock in list(self.sockets):
                sock.time_moved(seconds)

        self.call(advance)

    def stop(self) -> None:
        """Send DISCONNECTED 80003 to all clients, close all sockets, and end the thread."""
        self.thread.stop()

    # -- on its thread

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncGenerator[None]:
        """Open everything that the server needs, and close it again when the server stops."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.ca.close)
            plain, tls = (stack.enter_context(sock) for sock in _listen(self.host, self.port, self.tls_port))
            self.port, self.tls_port = _port(plain), _port(tls)
            await self._accept(stack, plain, tls)
            timekeeper = asyncio.create_task(self._keep_time())
            stack.callback(timekeeper.cancel)
            for key in self._keys():
                remember(key)
            self._announce()
            stack.callback(self._withdraw)
            yield

    async def _accept(
        self, stack: contextlib.AsyncExitStack, plain: socket.socket, tls: socket.socket
    ) -> None:
        """Accept connections on both ports, until the stack is closed."""
        config = Config(
            rest_app(self.service, self._door),
            http=Accepting,
            ws=cast(Any, partial(self._websocket)),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        config.load()
        # uvicorn would log every request that is not valid HTTP. Anybody can send one, so that is no error.
        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
        state = ServerState()
        protocol: Any = partial(
            cast(Any, config.http_protocol_class), config=config, server_state=state, app_state={}
        )
        loop = asyncio.get_running_loop()
        context = self.ca.server_context(self.host, *self._other_names())
        servers = [
            await loop.create_server(protocol, sock=plain),
            await loop.create_server(
                protocol, sock=tls, ssl=context, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
            ),
        ]

        async def close() -> None:
            for server in servers:
                server.close()
            for connection in list(state.connections):
                connection.shutdown()
            await self._close_sockets()

        stack.push_async_callback(close)

    def _websocket(self, **_: Any) -> WebSocket:
        return WebSocket(self.service, self.sockets, self._max_frame_size, self._door)

    def _other_names(self) -> set[str]:
        """Return the allowed host names for the certificate: for `.lan`, both `lan` and `*.lan`."""
        endings = {f"*{host}" for host in self._allow_hosts if host.startswith(".")}
        return {host.removeprefix(".") for host in self._allow_hosts} | endings

    async def _keep_time(self) -> None:
        """Run the agenda: do everything when it is due."""
        self.service.agenda.wake = self._wake.set
        while True:
            self._wake.clear()
            now = self.service.monotonic()
            self.service.sweep(now)
            due = self.service.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(due - now, 0) / 1000):
                    await self._wake.wait()

    async def _close_sockets(self) -> None:
        loop = asyncio.get_running_loop()
        goodbye = AblyError(80003, "The service is shutting down", 503)
        for sock in list(self.sockets):
            sock.shut_down(goodbye)
        deadline = loop.time() + STOP_TIMEOUT
        while self.sockets and loop.time() < deadline:
            await asyncio.sleep(0.01)
        for sock in list(self.sockets):
            sock.abort()
        while self.sockets:
            await asyncio.sleep(0)

    # -- its notice

    def _announce(self) -> None:
        keys = tuple(key.reveal() for key in self._keys())
        self._notice = runtime.Notice(self.port, self.tls_port, keys, self.ca.pem)
        runtime.announce(self._notice)

    def _withdraw(self) -> None:
        runtime.withdraw(self._notice)
        for key in self._keys():
            forget(key)

    def _keys(self) -> list[ApiKey]:
        return [key.api_key for app in self.service.apps.values() for key in app.keys.values()]


def _listen(host: str, *ports: int) -> list[socket.socket]:
    """Return a bound socket for each port. Raises `OSError` naming the port if one is taken."""
    sockets: list[socket.socket] = []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            for opened in (*sockets, sock):
                opened.close()
            why = (
                f"Can't listen on {host} port {port}: {error.strerror}. Choose another, or 0 for any free one"
            )
            raise OSError(error.errno, why) from error
        sockets.append(sock)
    return sockets


def _port(sock: socket.socket) -> int:
    return sock.getsockname()[1]
