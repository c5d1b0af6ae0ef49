"""A relay: it stands between any client and any Ably, and records the frames that pass.

    with Relay(ably.tls_url) as relay:
        relay.tls_url, relay.url          # where a client, such as an SDK, connects instead
        FrameInspector(relay)

It forwards the bytes of a WebSocket unchanged, as they arrive, and only reads along. Frames, pings and the
closing handshake reach the other side in the same order and with the same codes, and each side answers for
itself. In the upgrade request, the relay changes only the headers that concern one hop. It does not offer
compression, since it could not read compressed frames. HTTP requests, which an SDK makes besides its
WebSocket, pass too (see `http`), but are not recorded.

A relay must never add anything to what a client sends, least of all a secret: any program on this machine,
and any web page in its browser, can reach it. The user's own client (`wire.connect_async`, `ablykit connect`)
fills in the stars of a key. It finds the keys in the relay's notice (see `runtime`).
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from urllib.parse import urlsplit
from weakref import WeakSet

import h11
from websockets.datastructures import Headers
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Protocol, Side, State
from websockets.server import ServerProtocol

from ablykit.machine import runtime
from ablykit.machine.browsers import Door
from ablykit.machine.local_ca import LocalCA
from ablykit.machine.loop import LoopThread
from ablykit.protocol import AblyError
from ablykit.protocol.redaction import quiet_logger, redact
from ablykit.record.transcript import Direction, Kind, Transcript
from ablykit.relay import http
from ablykit.wire.connection import OPEN_TIMEOUT, client_tls
from ablykit.wire.frame import why_not_opened

MAX_FRAME = 64 * 1024 * 1024
"""The longest frame, in bytes, that is recorded. A longer one passes unrecorded, and so does all that follows
it."""

NOT_CLOSED = "1006"
"""The close code that is recorded for a connection without a close frame (RFC 6455 §7.1.5)."""

_LOG = quiet_logger("ablykit.relay.relay")


class Relay:
    """A relay on its own thread, ready when the constructor returns.

    `to` is the service to forward to, `ws://` or `wss://`. `host`, `port` and `tls_port` are where the relay
    listens; port 0 means any free port. For TLS it has its own certificate, which is trusted as that of an
    embedded Ably is. By default only this machine's programs and web pages may use it: `allow_hosts` and
    `allow_origins` are other names of this machine and other pages (see `ablykit.machine.browsers.Door`).

    Raises `OSError` if a port is taken, `ValueError` if `to` is not the URL of a WebSocket service, or for an
    invalid host or origin.
    """

    def __init__(
        self,
        to: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        transcript: Transcript | None = None,
        allow_hosts: Iterable[str] = (),
        allow_origins: Iterable[str] = (),
    ) -> None:
        parts = urlsplit(to)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"A relay forwards to ws://HOST or wss://HOST, not to {redact(to)}")
        if parts.path.strip("/") or parts.query:
            raise ValueError(
                f"A relay forwards to a host, and each client brings its own path and key. Give it "
                f"{parts.scheme}://{parts.netloc} in place of {redact(to)}"
            )
        self._to = to.rstrip("/")
        self._target = runtime.find(to)
        # Made only once: reading the system's certificates takes a while, and would hold up every connection.
        self._tls = client_tls(self._to, self._target.ca_pem if self._target else None)
        self._door = Door(host, allow_hosts, allow_origins)
        self.host, self._ports = host, (port, tls_port)
        self.transcript = Transcript() if transcript is None else transcript
        self._names = itertools.count(1)
        self._passing: set[asyncio.Task[None]] = set()
        self._transports: WeakSet[asyncio.WriteTransport] = WeakSet()
        """The sockets of both sides. With TLS, a closed socket still waits for its peer, so `stop` aborts
        it."""
        self._ca = LocalCA()
        self._thread = LoopThread("ablykit-relay", self._serving)

    @property
    def url(self) -> str:
        """The URL without TLS, `ws://HOST:PORT`."""
        return runtime.in_url("ws", runtime.here(self.host), self.port)

    @property
    def tls_url(self) -> str:
        """The URL with TLS, `wss://HOST:PORT`."""
        return runtime.in_url("wss", runtime.here(self.host), self.tls_port)

    @property
    def ca_file(self) -> str:
        """The path of a PEM file with the certificate to trust for `tls_url`."""
        return self._ca.file

    def stop(self) -> None:
        """Close all connections, and end the thread."""
        self._thread.stop()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Relay {self.tls_url} to {redact(self._to)}>"

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncGenerator[None]:
        """Open everything that the relay needs, and close it again when the relay stops."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._ca.close)
            tls = self._ca.server_context(self.host)
            plain, secure = [
                await stack.enter_async_context(
                    await asyncio.start_server(self._accept, self.host, port, ssl=ssl)
                )
                for port, ssl in zip(self._ports, (None, tls), strict=True)
            ]
            self.port, self.tls_port = _port(plain), _port(secure)
            keys = self._target.keys if self._target else ()
            notice = runtime.Notice(self.port, self.tls_port, keys, self._ca.pem)
            runtime.announce(notice)
            stack.callback(runtime.withdraw, notice)
            yield
            for task in list(self._passing):
                task.cancel()
            await asyncio.gather(*self._passing, return_exceptions=True)
            for transport in list(self._transports):
                transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one socket until it ends, or `stop` cancels it: asyncio would print a traceback for that."""
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError), self._closing(writer):
                await self._answer(http.Client(reader, writer))
        finally:
            self._passing.discard(task)

    async def _answer(self, client: http.Client) -> None:
        """Answer a socket's requests one after another, until a WebSocket takes over or one is refused."""
        try:
            while request := await client.request():
                self._door.check(http.values(request, b"host"), http.values(request, b"origin"))
                if http.is_upgrade(request, "websocket"):
                    await self._websocket(request, client)
                else:
                    await self._http(request, client)
        except AblyError as error:
            await client.refuse(http.HttpError(403, error.message))
        except http.HttpError as error:
            await client.refuse(error)
        await client.finish()

    @contextlib.contextmanager
    def _closing(self, writer: asyncio.StreamWriter) -> Generator[None]:
        """Close a connection at the end of the block. With TLS it then waits for its peer, until the relay
        stops."""
        self._transports.add(writer.transport)
        try:
            yield
        finally:
            _close(writer)

    @contextlib.asynccontextmanager
    async def _onward(self, request: h11.Request, *, upgrade: bool = False) -> AsyncGenerator[http.Service]:
        """Connect to the service, forward the request's head, and yield the service. Raises `OSError`."""
        to = urlsplit(self._to)
        async with asyncio.timeout(OPEN_TIMEOUT):
            reader, writer = await asyncio.open_connection(
                to.hostname, to.port or (443 if self._tls else 80), ssl=self._tls
            )
        with self._closing(writer):
            service = http.Service(reader, writer)
            await service.send(http.onward(request, to.netloc, upgrade=upgrade))
            yield service

    async def _http(self, request: h11.Request, client: http.Client) -> None:
        """Forward one HTTP request, and its response."""
        try:
            async with self._onward(request) as service:
                await http.exchange(client, service)
        except OSError as error:
            raise http.HttpError(502, redact(why_not_opened(self._to, error))) from None

    async def _websocket(self, request: h11.Request, client: http.Client) -> None:
        """Forward one WebSocket: its opening handshake, then bytes in both directions until either side
        ends."""
        watch = _Watch(self.transcript, f"client {next(self._names)}")
        watch.note("out", redact(f"{self._to}{request.target.decode()}"), "open")
        try:
            async with self._onward(request, upgrade=True) as service:
                await self._pass_websocket(client, service, watch)
        except (OSError, http.HttpError) as error:
            why = str(error) if isinstance(error, http.HttpError) else why_not_opened(self._to, error)
            watch.closed = f"1014 {redact(why)}"
            if client.http.our_state is h11.SEND_RESPONSE:
                client.writer.write(_closed(request, 1014, redact(why)))
                await client.writer.drain()
        finally:
            watch.note("in", watch.closed, "close")

    async def _pass_websocket(self, client: http.Client, service: http.Service, watch: "_Watch") -> None:
        await client.body()
        await service.send(h11.EndOfMessage())
        async with asyncio.timeout(OPEN_TIMEOUT):
            answer = await service.answer(client)
        if isinstance(answer, h11.Response):
            watch.closed += f" HTTP/1.1 {answer.status_code} {answer.reason.decode('latin-1')}".rstrip()
            await http.pass_answer(answer, service, client, last=True)
        else:
            await client.send(answer)
            await asyncio.gather(
                _copy(client, service, watch.reader("out")), _copy(service, client, watch.reader("in"))
            )


class _Watch:
    """Records the frames of one connection from the bytes that pass, and how it was closed."""

    def __init__(self, transcript: Transcript, name: str) -> None:
        self._transcript, self._name = transcript, name
        self.closed = NOT_CLOSED
        """The code and reason of the first close frame, from either side."""

    def note(self, direction: Direction, raw: str | bytes, kind: Kind = "frame") -> None:
        """Record an entry of this connection."""
        self._transcript.record(self._name, direction, raw, kind)

    def reader(self, direction: Direction) -> Callable[[bytes], None]:
        """Return a function that takes the bytes of one direction, in order, and records their frames."""
        side = Side.SERVER if direction == "out" else Side.CLIENT  # the side that receives these bytes
        protocol = Protocol(side, max_size=MAX_FRAME, logger=_LOG)
        message: list[bytes] = []
        opcode = Opcode.TEXT

        def take(frame: Frame) -> None:
            nonlocal opcode
            data = bytes(frame.data)
            if frame.opcode is Opcode.CLOSE:
                self._close(Close.parse(data))
            elif frame.opcode in _CONTROL:
                self.note(direction, data, _CONTROL[frame.opcode])
            else:
                opcode = opcode if frame.opcode is Opcode.CONT else frame.opcode
                message.append(data)
                if frame.fin:
                    whole = b"".join(message)
                    message.clear()
                    self.note(direction, whole.decode("utf-8", "replace") if opcode is Opcode.TEXT else whole)

        def read(data: bytes) -> None:
            protocol.receive_data(data)
            protocol.data_to_send()  # its answers to pings and closes, thrown away: the two sides answer
            for frame in protocol.events_received():
                assert isinstance(frame, Frame)
                take(frame)

        return read

    def _close(self, close: Close) -> None:
        if self.closed == NOT_CLOSED:
            self.closed = f"{int(close.code)} {close.reason}".rstrip()


_CONTROL: dict[Opcode, Kind] = {Opcode.PING: "ping", Opcode.PONG: "pong"}


def _close(writer: asyncio.StreamWriter) -> None:
    """Close a socket, but only once: after a second time, asyncio could no longer abort its TLS."""
    if not writer.is_closing():
        writer.close()


async def _copy(source: http.Peer, sink: http.Peer, watch: Callable[[bytes], None]) -> None:
    """Forward bytes from one side to the other until there are no more, and call `watch` with them first."""
    with contextlib.suppress(OSError):
        data = source.unread()
        while data := data or await source.reader.read(1 << 16):
            watch(data)
            sink.writer.write(data)
            await sink.writer.drain()
            data = b""
    _close(sink.writer)


def _closed(request: h11.Request, code: int, why: str) -> bytes:
    """Return the bytes that accept a WebSocket and close it at once.

    Clients show the reason in a close frame to their users. Few of them show an HTTP error.
    """
    protocol = ServerProtocol(logger=_LOG)
    headers = Headers((name.decode(), value.decode("latin-1")) for name, value in request.headers.raw_items())
    protocol.send_response(protocol.accept(Request(request.target.decode(), headers)))
    if protocol.state is State.OPEN:  # otherwise the upgrade was invalid, and the response says so
        protocol.send_close(code, why.encode()[:120].decode(errors="ignore"))
    return b"".join(protocol.data_to_send())


def _port(server: asyncio.Server) -> int:
    return next(iter(server.sockets)).getsockname()[1]
