"""LocalAbly: the whole service on a thread of its own, for notebooks, tests and terminals."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from ablykit.machine import runtime
from ablykit.machine.browsers import Door
from ablykit.machine.local_ca import LocalCA
from ablykit.machine.loop import LoopThread, fast_loop
from ablykit.protocol import AblyError, ApiKey
from ablykit.protocol.credentials import forget, remember
from ablykit.record.transcript import Transcript
from ablykit.server.accepting import Accepting
from ablykit.server.access.app import App, namespaces
from ablykit.server.common.denials import Denial
from ablykit.server.local_app import LocalApp
from ablykit.server.rest.routes import rest_app
from ablykit.server.service import Service
from ablykit.server.websocket import WebSocket

T = TypeVar("T")

CALL_TIMEOUT = 10.0
"""How long a call may wait for its turn on the server's thread, in seconds."""

KEEP_ALIVE = 3600
"""How long an idle HTTP connection stays open, in seconds: longer than any client keeps one. A client that
sends its next request just as the service closes the connection gets an error instead of an answer."""

STOP_TIMEOUT = 1.0
HANDSHAKE_TIMEOUT = 10.0
"""How long a client may take to begin with TLS, in seconds."""

LIMITED = {"public:*": ["subscribe"]}
"""What `limited_key` may do: listen on channels below `public:`, nothing else."""


class LocalAbly:
    """An embedded Ably: a real server, on this machine, without an account.

        with LocalAbly() as ably:
            ably.tls_url, ably.key      # wss://127.0.0.1:PORT and an API key

    It has one port for `ws://` and `http://` and one for `wss://` and `https://`, on a thread of
    its own, and is ready when the constructor returns. Leaving the block, or `stop()`, ends it.

    `host` and ports (0 = any free one) are where it listens. `keys` are further API keys, as text
    `APPID.KEYID:SECRET`; without any, one is made. `heartbeat_interval` is in ms, at least 10.
    `limits` changes single limits of `ablykit.server.access.app.Limits`. `sandbox` accepts keys
    without TLS and lets anyone make apps; `enforce_rates` refuses what comes too fast. `seed`
    makes ids, keys, serials and timestamps the same on every run. `mutable` names the namespaces
    (what stands before a channel name's first colon) whose messages can be updated and deleted;
    `persisted` those whose messages are kept for a day instead of two minutes. Requests are answered
    when they come from this machine's programs and web pages: `allow_hosts` and `allow_origins` are
    further names of this machine and further pages, as `ablykit.machine.browsers.Door` takes them.

    Raises `OSError` when a port is taken, `AblyError` 40005 for a malformed key, `ValueError` for a
    host or an origin that cannot be one.
    """

    is_local = True

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        keys: Iterable[str] = (),
        seed: int | None = None,
        heartbeat_interval: int = 15_000,
        limits: Mapping[str, int] | None = None,
        sandbox: bool = False,
        enforce_rates: bool = False,
        mutable: Iterable[str] = (),
        persisted: Iterable[str] = (),
        allow_hosts: Iterable[str] = (),
        allow_origins: Iterable[str] = (),
    ) -> None:
        if heartbeat_interval < 10:
            raise ValueError(f"heartbeat_interval is in ms, at least 10, not {heartbeat_interval}")
        self._service = Service(
            lambda: time.monotonic() * 1000,
            seed=seed,
            heartbeat_interval=heartbeat_interval,
            sandbox=sandbox,
            enforce_rates=enforce_rates,
        )
        self._allow_hosts = tuple(allow_hosts)
        self._door = Door(host, self._allow_hosts, allow_origins)
        self._limits, self._namespaces = limits, namespaces(mutable=mutable, persisted=persisted)
        self._app, self.key = self._make_app(keys, limits)
        self.limited_key = self._service.add_key(self._app, LIMITED).api_key
        self._max_frame_size = self._app.limits.max_frame_size
        self._ca = LocalCA()
        self._sockets = _listen(host, port, tls_port)
        self.host = host
        self.port, self.tls_port = (sock.getsockname()[1] for sock in self._sockets)
        self._open_sockets: set[WebSocket] = set()
        self._wake = asyncio.Event()
        self._thread = LoopThread(
            "ablykit-server",
            self._serving,
            new_loop=fast_loop,
            stopped="This embedded Ably has been stopped, and what it kept is gone: start another one",
        )

    def _make_app(self, keys: Iterable[str], limits: Mapping[str, int] | None) -> tuple[App, ApiKey]:
        given = [ApiKey.parse(text) for text in keys]
        apps = [
            self._service.add_app(id, limits=limits, namespaces=self._namespaces)
            for id in dict.fromkeys(k.app_id for k in given)
        ]
        for key in given:
            self._service.add_key(self._service.apps[key.app_id], key=key)
        if given:
            return apps[0], given[0]
        app = self._service.add_app(limits=limits, namespaces=self._namespaces)
        return app, self._service.add_key(app).api_key

    # -- what one needs to connect

    @property
    def url(self) -> str:
        """Where to connect without TLS: `ws://HOST:PORT`."""
        return f"ws://{self.address}:{self.port}"

    @property
    def tls_url(self) -> str:
        """Where to connect with TLS: `wss://HOST:PORT`."""
        return f"wss://{self.address}:{self.tls_port}"

    @property
    def ca_pem(self) -> str:
        """The certificate to trust for `tls_url`, in PEM."""
        return self._ca.pem

    @property
    def ca_file(self) -> str:
        """`ca_pem` as a file, for programs that want a path; it goes when the server stops."""
        return self._ca.file

    @property
    def address(self) -> str:
        """The host to connect to: an address of this machine."""
        host = runtime.here(self.host)
        return f"[{host}]" if ":" in host else host

    @property
    def sandbox(self) -> bool:
        """Whether keys are taken without TLS, and apps made by anyone."""
        return self._service.sandbox

    def new_key(self, capability: object = None, *, revocable_tokens: bool = False) -> ApiKey:
        """Another API key of the same app, with this capability (a dict or JSON text)."""
        return self.add_key(self._app, capability, revocable_tokens=revocable_tokens)

    def add_key(self, app: App, capability: object = None, *, revocable_tokens: bool = False) -> ApiKey:
        """Another API key of an app."""
        made = self.call(lambda: self._service.add_key(app, capability, revocable_tokens=revocable_tokens))
        remember(made.api_key)
        runtime.withdraw(self._notice)
        self._announce()
        return made.api_key

    def new_app(
        self,
        *,
        limits: Mapping[str, int] | None = None,
        mutable: Iterable[str] | None = None,
        persisted: Iterable[str] | None = None,
    ) -> LocalApp:
        """Another app on the same server, with a key; nothing is shared between apps.

        What is not given is as the server was made with: `limits`, such as how long and how much is kept,
        and the namespaces that are `mutable` or `persisted`.
        """
        named = self._namespaces
        if mutable is not None or persisted is not None:
            named = namespaces(mutable=mutable or (), persisted=persisted or ())
        changed = {**(self._limits or {}), **(limits or {})}
        app = self.call(lambda: self._service.add_app(limits=changed, namespaces=named))
        return LocalApp(self, app, self.add_key(app))

    # -- for tests: what to connect with, and what went on inside

    @property
    def own(self) -> LocalApp:
        """The server's first app, whose key is `key`."""
        return LocalApp(self, self._app, self.key)

    def options(self, sdk: str) -> dict[str, Any]:
        """The client options an official SDK needs; see `LocalApp.options`."""
        return self.own.options(sdk)

    def published(self, channel: str) -> list[dict[str, Any]]:
        """The messages published on a channel; see `LocalApp.published`."""
        return self.own.published(channel)

    def nack_next(self, code: int, message: str = "Refused, as the test asked", count: int = 1) -> None:
        """Refuse the next publishes; see `LocalApp.nack_next`."""
        self.own.nack_next(code, message, count)

    def why(self, told: object) -> Denial:
        """Why something was refused: key, resource, operation, and the rule that decided.

        `told` is what told it: a frame with an error, an HTTP answer, an error itself. Raises `LookupError`
        for what is no denial of this server's.

            print(ably.why(nack))
        """
        return self.call(lambda: self._service.denials.find(told))

    def disconnect(self, client_id: str | None = None) -> int:
        """Cut the sockets of a clientId, or all; see `LocalApp.disconnect`."""
        return self.own.disconnect(client_id)

    def cut(self, app: App, client_id: str | None) -> int:
        """Cut the sockets of an app, of one clientId or all; tells how many."""

        def cut() -> int:
            found = [sock for sock in self._open_sockets if sock.belongs_to(app, client_id)]
            for sock in found:
                sock.abort()
            return len(found)

        return self.call(cut)

    def monotonic(self) -> float:
        """The service's running time, in ms."""
        return self._service.monotonic()

    @property
    def transcript(self) -> Transcript:
        """What crosses the wire of every connection, as this side sees it.

        It is written down from the first time that this is asked for, such as by a panel:

            FrameInspector(ably)
        """
        if self._service.transcript is None:
            self._service.transcript = Transcript()
        return self._service.transcript

    def disconnect_all(self) -> None:
        """Cut every socket without a word, as a dead network does."""
        self.call(lambda: [sock.abort() for sock in list(self._open_sockets)])

    # -- its life

    def stop(self) -> None:
        """End the server: clients are told (DISCONNECTED 80003), sockets closed, the thread joined."""
        self._thread.stop()

    def __enter__(self) -> "LocalAbly":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self._thread.is_running else "stopped"
        return f"<LocalAbly {state}: {self.tls_url}, key {self.key}>"

    def _announce(self) -> None:
        keys = tuple(key.reveal() for key in self._keys())
        self._notice = runtime.Notice(self.port, self.tls_port, keys, self.ca_pem)
        runtime.announce(self._notice)

    def _keys(self) -> list[ApiKey]:
        return [key.api_key for app in self._service.apps.values() for key in app.keys.values()]

    def _other_names(self) -> set[str]:
        """The names it is reached by besides its host; `.lan` among them is `lan` and `*.lan`."""
        endings = {f"*{host}" for host in self._allow_hosts if host.startswith(".")}
        return {host.removeprefix(".") for host in self._allow_hosts} | endings

    # -- on its thread

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncGenerator[None]:
        """Everything that goes when the server stops."""
        config = Config(
            rest_app(self._service, self._door),
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
        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())  # junk is no news
        state = ServerState()
        accept = cast(
            "Callable[[], asyncio.Protocol]",
            partial(
                cast(Any, config.http_protocol_class),
                config=config,
                server_state=state,
                app_state={},
            ),
        )
        loop = asyncio.get_running_loop()
        tls = self._ca.server_context(self.host, *self._other_names())
        servers = [
            await loop.create_server(accept, sock=self._sockets[0]),
            await loop.create_server(
                accept, sock=self._sockets[1], ssl=tls, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
            ),
        ]
        timekeeper = asyncio.create_task(self._keep_time())
        for key in self._keys():
            remember(key)
        self._announce()
        try:
            yield
        finally:
            timekeeper.cancel()
            for server in servers:
                server.close()
            for connection in list(state.connections):
                connection.shutdown()
            await self._close_sockets()
            runtime.withdraw(self._notice)
            for key in self._keys():
                forget(key)
            self._ca.close()

    def _websocket(self, **_: Any) -> WebSocket:
        return WebSocket(self._service, self._open_sockets, self._max_frame_size, self._door)

    async def _keep_time(self) -> None:
        """Do what is due, when it is."""
        self._service.agenda.wake = self._wake.set
        while True:
            self._wake.clear()
            now = self._service.monotonic()
            self._service.sweep(now)
            due = self._service.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(due - now, 0) / 1000):
                    await self._wake.wait()

    async def _close_sockets(self) -> None:
        loop = asyncio.get_running_loop()
        goodbye = AblyError(80003, "The service is shutting down", 503)
        for sock in list(self._open_sockets):
            sock.shut_down(goodbye)
        deadline = loop.time() + STOP_TIMEOUT
        while self._open_sockets and loop.time() < deadline:
            await asyncio.sleep(0.01)
        for sock in list(self._open_sockets):
            sock.abort()
        while self._open_sockets:
            await asyncio.sleep(0)

    def call(self, what: Callable[[], T]) -> T:
        """Run something on the server's thread and wait for it. Raises `RuntimeError` once it is stopped."""
        return self._thread.call(what, CALL_TIMEOUT)


def _listen(host: str, *ports: int) -> list[socket.socket]:
    """A listening socket for each port. Raises `OSError` that names a port already taken."""
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
