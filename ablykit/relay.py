"""A relay: it stands between any client and any Ably, and writes down what passes.

    with Relay(ably.tls_url) as relay:
        relay.tls_url, relay.url          # where a client, such as an SDK, connects instead
        FrameInspector(relay)

Frames pass as they are, text or binary, and so do close codes and pings. HTTP requests, such as an
SDK makes beside its WebSocket, pass too; they are not written down.
"""

import asyncio
import contextlib
import itertools
import re
import threading
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from ablykit import runtime
from ablykit.local_ca import LocalCA
from ablykit.protocol import AblyError
from ablykit.protocol.credentials import quiet_logger, redact, reveal
from ablykit.transcript import Direction, Kind, Transcript
from ablykit.wire.connection import OPEN_TIMEOUT, Listening, client_tls
from ablykit.wire.frame import why_not_opened

START_TIMEOUT = 10.0
CLOSABLE = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
"""Close codes that may be sent on; others only say that nothing was sent."""


class Relay:
    """A relay on a thread of its own, ready when the constructor returns.

    `to` is where frames go on to, `ws://` or `wss://`. `host` and ports (0 = any free one) are where
    it listens; with TLS it has a certificate of its own, trusted as an embedded Ably's is.
    Raises `OSError` when a port is taken, `ValueError` when `to` is no WebSocket URL.
    """

    def __init__(
        self,
        to: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        transcript: Transcript | None = None,
    ) -> None:
        if urlsplit(to).scheme not in ("ws", "wss"):
            raise ValueError(f"A relay goes on to ws:// or wss://, not to {redact(to)}")
        self._to = to.rstrip("/")
        self._target = runtime.find(to)
        self._host, self._ports = host, (port, tls_port)
        self.transcript = Transcript() if transcript is None else transcript
        self._names = itertools.count(1)
        self._pings: set[asyncio.Future[None]] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._ca = LocalCA()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="ablykit-relay", daemon=True)
        self._thread.start()
        self._ready.wait(START_TIMEOUT)
        if self._failure:
            self._thread.join()
            raise self._failure
        keys = self._target.keys if self._target else ()
        self._notice = runtime.Notice(self.port, self.tls_port, keys, self._ca.pem)
        runtime.announce(self._notice)

    @property
    def url(self) -> str:
        """Where to connect without TLS."""
        return f"ws://{self._host}:{self.port}"

    @property
    def tls_url(self) -> str:
        """Where to connect with TLS."""
        return f"wss://{self._host}:{self.tls_port}"

    @property
    def ca_file(self) -> str:
        """The certificate to trust for `tls_url`, as a file in PEM."""
        return self._ca.file

    def stop(self) -> None:
        """Close what is open, and end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            runtime.withdraw(self._notice)
            self._ca.close()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Relay {self.tls_url} to {redact(self._to)}>"

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            inner = serve(
                self._pass_on,
                "127.0.0.1",
                0,
                compression=None,
                max_size=None,
                ping_interval=None,
                logger=quiet_logger("ablykit.relay"),
            )
            self._inner_port = _port(await stack.enter_async_context(inner))
            tls = self._ca.server_context(self._host)
            plain, secure = [
                await stack.enter_async_context(
                    await asyncio.start_server(self._accept, self._host, port, ssl=ssl)
                )
                for port, ssl in zip(self._ports, (None, tls), strict=True)
            ]
            self.port, self.tls_port = _port(plain), _port(secure)
            self._ready.set()
            await self._stopping.wait()
            for task in list(self._passing):
                task.cancel()
            await asyncio.gather(*self._passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One socket: what it first says tells whether it is a WebSocket or HTTP."""
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._sort(reader, writer)
        finally:
            self._passing.discard(task)
            writer.close()

    async def _sort(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if re.search(rb"^upgrade:\s*websocket\s*$", head, re.IGNORECASE | re.MULTILINE):
            onward = await asyncio.open_connection("127.0.0.1", self._inner_port)
        else:
            to = urlsplit(self._to)
            tls = client_tls(self._to, self._target.ca_pem if self._target else None)
            port = to.port or (443 if tls else 80)
            try:
                onward = await asyncio.open_connection(to.hostname, port, ssl=tls)
            except OSError as error:
                why = redact(why_not_opened(self._to, error)).encode()
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\n\r\n%s" % (len(why), why))
                return await writer.drain()
            head = _for(to.netloc, head)
        onward[1].write(head)
        try:
            await asyncio.gather(_copy(reader, onward[1]), _copy(onward[0], writer))
        finally:
            onward[1].close()
        return None

    async def _pass_on(self, client: ServerConnection) -> None:
        """One client: open the same to the target, and pump both ways until either ends."""
        name = f"client {next(self._names)}"
        path = client.request.path if client.request else "/"
        self.transcript.record(name, "out", redact(f"{self._to}{path}"), "open")
        target = f"{self._to}{path}"
        try:
            service = await connect(
                reveal(target, self._target.api_keys if self._target else None),
                ssl=client_tls(self._to, self._target.ca_pem if self._target else None),
                create_connection=Listening,
                proxy=None if self._target else True,
                compression=None,
                max_size=None,
                ping_interval=None,
                open_timeout=OPEN_TIMEOUT,
                logger=quiet_logger("ablykit.relay"),
            )
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError, AblyError) as error:
            why = redact(why_not_opened(self._to, error))
            self.transcript.record(name, "in", f"1014 {why}", "close")
            await client.close(1014, why[:120])
            return
        assert isinstance(service, Listening)
        service.on_control = lambda kind, data: self._control(client, name, kind, data)
        pumps = (self._pump(client, service, name, "out"), self._pump(service, client, name, "in"))
        await asyncio.gather(*pumps)
        ended = service if service.close_code not in (None, 1006) else client
        self.transcript.record(name, "in", f"{ended.close_code} {ended.close_reason}".rstrip(), "close")

    def _control(self, client: ServerConnection, name: str, kind: Kind, data: bytes) -> None:
        """Note a ping or pong of the service. A ping goes on: to a client it is a sign of life."""
        self.transcript.record(name, "in", data, kind)
        if kind == "ping":
            self.transcript.record(name, "out", data, "pong")
            task = asyncio.ensure_future(self._ping(client))
            self._pings.add(task)
            task.add_done_callback(self._pings.discard)

    @staticmethod
    async def _ping(client: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await client.ping()

    async def _pump(self, source: Connection, sink: Connection, name: str, direction: Direction) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for raw in source:
                self.transcript.record(name, direction, raw)
                await sink.send(raw)
        code = source.close_code if source.close_code in CLOSABLE else 1011
        await sink.close(code, source.close_reason or "")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes from one side to the other, until it has no more."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def _for(host: str, head: bytes) -> bytes:
    """An HTTP request's head as its next host wants it; one request a connection, as the rest is not read."""
    lines = [
        line
        for line in head.rstrip(b"\r\n").split(b"\r\n")
        if line.partition(b":")[0].strip().lower() not in (b"host", b"connection", b"keep-alive")
    ]
    return b"\r\n".join([*lines, b"Host: " + host.encode(), b"Connection: close", b"", b""])


def _port(server: "Server | asyncio.Server") -> int:
    return next(iter(server.sockets)).getsockname()[1]
