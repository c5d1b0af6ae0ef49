"""A relay: it stands between any client and any Ably, and writes down what passes.

    with Relay(ably.tls_url) as relay:
        relay.tls_url, relay.url          # where a client, such as an SDK, connects instead
        FrameInspector(relay)

It passes a WebSocket's bytes on as they come, and only looks at them: frames, pings and the closing
handshake reach the other side in the order and with the codes they had, and each side answers for itself. Of
the upgrade request only what belongs to one hop is changed, and compression is not offered, so that frames
can be read.
HTTP requests, such as an SDK makes beside its WebSocket, pass too (see `http`); they are not written down.

A relay adds nothing to what a client sends, a secret least of all: any program on this machine, and any
web page in its browser, can reach it. Stars for a key's secret are filled in by the user's own client
(`wire.connect_async`, `ablykit connect`), which finds the keys in the relay's notice (see `runtime`).
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
"""Bytes of a frame that are still written down; a longer one passes unseen, and so does what follows it."""

NOT_CLOSED = "1006"
"""How a connection ended on which no close frame was seen (RFC 6455 §7.1.5)."""

_LOG = quiet_logger("ablykit.relay.relay")


class Relay:
    """A relay on a thread of its own, ready when the constructor returns.

    `to` is where frames go on to, `ws://` or `wss://`. `host` and ports (0 = any free one) are where
    it listens; with TLS it has a certificate of its own, trusted as an embedded Ably's is. Requests are
    passed on when they come from this machine's programs and web pages: `allow_hosts` and `allow_origins`
    are further names of this machine and further pages, as `ablykit.machine.browsers.Door` takes them.
    Raises `OSError` when a port is taken, `ValueError` when `to` is no WebSocket URL, or for a host or an
    origin that cannot be one.
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
            raise ValueError(f"A relay goes on to ws://HOST or wss://HOST, not to {redact(to)}")
        if parts.path.strip("/") or parts.query:
            raise ValueError(
                f"A relay goes on to a host; the path and the key come from each client. Give it "
                f"{parts.scheme}://{parts.netloc} in place of {redact(to)}"
            )
        self._to = to.rstrip("/")
        self._target = runtime.find(to)
        # Made once: reading the system's certificates takes a while, in which nothing would pass.
        self._tls = client_tls(self._to, self._target.ca_pem if self._target else None)
        self._door = Door(host, allow_hosts, allow_origins)
        self.host, self._ports = host, (port, tls_port)
        self.transcript = Transcript() if transcript is None else transcript
        self._names = itertools.count(1)
        self._passing: set[asyncio.Task[None]] = set()
        self._transports: WeakSet[asyncio.WriteTransport] = WeakSet()
        """The sockets of both sides: with TLS, one that is closed still waits for its peer to close it."""
        self._ca = LocalCA()
        self._thread = LoopThread("ablykit-relay", self._serving)

    @property
    def url(self) -> str:
        """Where to connect without TLS."""
        return runtime.in_url("ws", runtime.here(self.host), self.port)

    @property
    def tls_url(self) -> str:
        """Where to connect with TLS."""
        return runtime.in_url("wss", runtime.here(self.host), self.tls_port)

    @property
    def ca_file(self) -> str:
        """The certificate to trust for `tls_url`, as a file in PEM."""
        return self._ca.file

    def stop(self) -> None:
        """Close what is open, and end."""
        self._thread.stop()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Relay {self.tls_url} to {redact(self._to)}>"

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncGenerator[None]:
        """Everything that goes when the relay stops."""
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
        """Serve one socket to its end; that may be `stop`, of which asyncio would print a traceback."""
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
        """Close a connection in the end. With TLS, it then waits for its peer, until the relay stops."""
        self._transports.add(writer.transport)
        try:
            yield
        finally:
            _close(writer)

    @contextlib.asynccontextmanager
    async def _onward(self, request: h11.Request, *, upgrade: bool = False) -> AsyncGenerator[http.Service]:
        """Yield the service, which has been asked for the same. Raises `OSError`."""
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
        """Pass one HTTP request on, and its answer back."""
        try:
            async with self._onward(request) as service:
                await http.exchange(client, service)
        except OSError as error:
            raise http.HttpError(502, redact(why_not_opened(self._to, error))) from None

    async def _websocket(self, request: h11.Request, client: http.Client) -> None:
        """One WebSocket: its opening handshake, then bytes both ways until either side ends."""
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
    """Writes down one connection's frames from the bytes that pass, and how it was closed."""

    def __init__(self, transcript: Transcript, name: str) -> None:
        self._transcript, self._name = transcript, name
        self.closed = NOT_CLOSED
        """Code and reason of the first close frame, whoever sent it."""

    def note(self, direction: Direction, raw: str | bytes, kind: Kind = "frame") -> None:
        """Write something down."""
        self._transcript.record(self._name, direction, raw, kind)

    def reader(self, direction: Direction) -> Callable[[bytes], None]:
        """What is to be called with all bytes of one direction, in the order they come."""
        side = Side.SERVER if direction == "out" else Side.CLIENT  # whose eyes they are read with
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
            protocol.data_to_send()  # it answers pings and closes, which is for the two sides to do
            for frame in protocol.events_received():
                assert isinstance(frame, Frame)
                take(frame)

        return read

    def _close(self, close: Close) -> None:
        if self.closed == NOT_CLOSED:
            self.closed = f"{int(close.code)} {close.reason}".rstrip()


_CONTROL: dict[Opcode, Kind] = {Opcode.PING: "ping", Opcode.PONG: "pong"}


def _close(writer: asyncio.StreamWriter) -> None:
    """Close a socket once. A second time, asyncio would forget its TLS, and could not abort it any more."""
    if not writer.is_closing():
        writer.close()


async def _copy(source: http.Peer, sink: http.Peer, watch: Callable[[bytes], None]) -> None:
    """Pass bytes from one side to the other until it has no more; `watch` sees them first."""
    with contextlib.suppress(OSError):
        data = source.unread()
        while data := data or await source.reader.read(1 << 16):
            watch(data)
            sink.writer.write(data)
            await sink.writer.drain()
            data = b""
    _close(sink.writer)


def _closed(request: h11.Request, code: int, why: str) -> bytes:
    """What accepts a WebSocket and closes it again, so that every client can tell its user why."""
    protocol = ServerProtocol(logger=_LOG)
    headers = Headers((name.decode(), value.decode("latin-1")) for name, value in request.headers.raw_items())
    protocol.send_response(protocol.accept(Request(request.target.decode(), headers)))
    if protocol.state is State.OPEN:  # else the request was none for a WebSocket, as the response says
        protocol.send_close(code, why.encode()[:120].decode(errors="ignore"))
    return b"".join(protocol.data_to_send())


def _port(server: asyncio.Server) -> int:
    return next(iter(server.sockets)).getsockname()[1]
