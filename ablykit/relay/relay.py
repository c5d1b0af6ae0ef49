"""A relay: it stands between any client and any Ably, and records the frames that pass.

    with Relay(ably.tls_url) as relay:
        relay.tls_url, relay.url          # where a client, such as an SDK, connects instead
        FrameInspector(relay)

It forwards the bytes of a WebSocket unchanged, as they arrive, and only reads along, as long as no fault rule
is set (see `line`). Frames, pings and the closing handshake reach the other side in the same order and with
the same codes, and each side answers for itself. In the upgrade request, the relay changes only the headers
that concern one hop. It does not offer compression, since it could not read compressed frames. HTTP requests,
which an SDK makes besides its WebSocket, pass too (see `http`), but are not recorded.

A relay must never add anything to what a client sends, least of all a secret: any program on this machine,
and any web page in its browser, can reach it. The user's own client (`wire.connect_async`, `ablykit connect`)
fills in the stars of a key. It finds the keys in the relay's notice (see `runtime`).
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Generator, Iterable
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import h11
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from ablykit.faults import Fault, Faults, On, Rule
from ablykit.faults.rule import AnyRule, Side
from ablykit.machine import runtime
from ablykit.machine.browsers import Door
from ablykit.machine.local_ca import LocalCA
from ablykit.machine.loop import LoopThread
from ablykit.protocol import AblyError
from ablykit.protocol.codec import pack
from ablykit.protocol.redaction import quiet_logger, redact
from ablykit.record.transcript import Transcript
from ablykit.relay import http
from ablykit.relay.line import Held, Line, Way, close_once
from ablykit.relay.message import Message
from ablykit.wire.connection import OPEN_TIMEOUT, client_tls
from ablykit.wire.frame import why_not_opened

_LOG = quiet_logger("ablykit.relay.relay")


class Relay:
    """A relay on its own thread, ready when the constructor returns.

    `to` is the service to forward to, `ws://` or `wss://`. `host`, `port` and `tls_port` are where the relay
    listens; port 0 means any free port. For TLS it has its own certificate, which is trusted as that of an
    embedded Ably is. By default only this machine's programs and web pages may use it: `allow_hosts` and
    `allow_origins` are other names of this machine and other pages (see `ablykit.machine.browsers.Door`).

    `rules` are fault rules (see `ablykit.faults`), and `seed` decides their chances: with the same seed, the
    same frames of a connection are lost.

        with Relay(ably.tls_url, rules=["drop action=ACK nth=2"]) as relay:
            relay.add("delay direction=in ms=200")

    Raises `OSError` if a port is taken, `ValueError` if `to` is not the URL of a WebSocket service, or for an
    invalid host, origin or rule.
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
        rules: Iterable[AnyRule] = (),
        seed: int = 0,
    ) -> None:
        self.faults = Faults(rules, seed=seed)
        """The fault rules, in the order in which they are tried."""
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
        self._names, self._holds = itertools.count(1), itertools.count(1)
        self._lines: set[Line] = set()
        self._held: dict[int, Held] = {}
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
            close_once(writer)

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
        """Forward one HTTP request, and its response, if no fault rule says otherwise."""
        if self.faults and (fault := self._line("http", request).opening(On.HTTP)):
            await asyncio.sleep(fault.wait / 1000)
            if fault.rule.do == "cut":
                client.writer.transport.abort()
                return
            if fault.rule.do == "respond":
                await client.answer(*_response(fault.rule))
                return
        try:
            async with self._onward(request) as service:
                await http.exchange(client, service)
        except OSError as error:
            raise http.HttpError(502, redact(why_not_opened(self._to, error))) from None

    async def _websocket(self, request: h11.Request, client: http.Client) -> None:
        """Forward one WebSocket: its opening handshake, then both directions until each has ended."""
        line = self._line(f"client {next(self._names)}", request)
        line.note("out", redact(f"{self._to}{request.target.decode()}"), "open")
        try:
            if (fault := line.opening()) and await self._ends_as_it_opens(request, client, line, fault):
                return
            async with self._onward(request, upgrade=True) as service:
                self._lines.add(line)
                await self._pass_websocket(client, service, line)
        except (OSError, http.HttpError) as error:
            why = str(error) if isinstance(error, http.HttpError) else why_not_opened(self._to, error)
            line.closed = f"1014 {redact(why)}"
            if client.http.our_state is h11.SEND_RESPONSE:
                client.writer.write(_closed(request, 1014, redact(why)))
                await client.writer.drain()
        finally:
            self._lines.discard(line)
            line.note("in", line.closed, "close")

    async def _ends_as_it_opens(
        self, request: h11.Request, client: http.Client, line: Line, fault: Fault
    ) -> bool:
        """Do what a rule says to a connection that opens; return whether that was its end."""
        rule = fault.rule
        if rule.do == "delay":
            await asyncio.sleep(fault.wait / 1000)
            return False
        if rule.do == "silence":
            await client.gone()
        elif rule.status is not None:
            line.closed += f" HTTP/1.1 {rule.status}"
            await client.answer(rule.status, b"", "text/plain; charset=utf-8")
        elif rule.close is not None:
            line.closed = f"{rule.close} {rule.reason or ''}".rstrip()
            client.writer.write(_closed(request, rule.close, rule.reason or ""))
            await client.writer.drain()
        else:
            client.writer.transport.abort()
        return True

    def _line(self, name: str, request: h11.Request) -> Line:
        return Line(name, request.target.decode(), self.transcript, self.faults, self._hold)

    async def _pass_websocket(self, client: http.Client, service: http.Service, line: Line) -> None:
        await client.body()
        await service.send(h11.EndOfMessage())
        async with asyncio.timeout(OPEN_TIMEOUT):
            answer = await service.answer(client)
        if isinstance(answer, h11.Response):
            line.closed += f" HTTP/1.1 {answer.status_code} {answer.reason.decode('latin-1')}".rstrip()
            await http.pass_answer(answer, service, client, last=True)
        else:
            await client.send(answer)
            await line.forward(client, service)

    # -- faults by hand

    def add(self, rule: AnyRule, *, first: bool = False) -> int:
        """Add a fault rule, after the others or before them, and return its number.

        It works from the next whole frame on, on connections that are open as well. A rule is a `Rule`, its
        members as a dict, or a line such as `"drop action=ACK nth=2"`. Raises `ValueError` for any other.
        """
        return self.faults.add(rule, first=first)

    def heal(self) -> None:
        """Remove all rules, and let go of all frames that are held. What was cut stays cut."""
        self.faults.clear()
        for held in self.held:
            self.release(held.number)

    @property
    def held(self) -> list[Held]:
        """The frames that rules hold, oldest first."""
        return [*self._held.values()]

    def release(self, number: int, frame: dict[str, Any] | None = None) -> None:
        """Let a held frame go on, or another frame in its place.

        Raises `LookupError` if no frame of this number is held. If its connection has ended, it is lost.
        """

        async def release() -> None:
            held = self._take_held(number)
            with contextlib.suppress(OSError):
                await held.release(frame)

        self._thread.run(release())

    def discard(self, number: int) -> None:
        """Drop a held frame for good. Raises `LookupError` if no frame of this number is held."""
        self._thread.call(lambda: self._take_held(number))

    def inject(self, frame: dict[str, Any], *, to: Side = "client", client: str = "*") -> int:
        """Send a frame to the client or to the service, on each connection whose clientId fits the pattern.

        Return on how many.
        """

        async def inject() -> int:
            found = self._lines_of(client)
            for line in found:
                with contextlib.suppress(OSError):
                    await line.ways["in" if to == "client" else "out"].inject(line.message(frame))
            return len(found)

        return self._thread.run(inject())

    def cut(self, client: str = "*", *, close: int | None = None, reason: str = "") -> int:
        """End each connection whose clientId fits the pattern, and return how many there were.

        With `close`, clients get a close frame with this code; otherwise the sockets end without a word.
        Raises `ValueError` for a code or reason that no close frame can have.
        """
        rule = Rule("cut", close=close, reason=reason)

        def cut() -> int:
            found = self._lines_of(client)
            for line in found:
                line.end(rule.close, reason)
            return len(found)

        return self._thread.call(cut)

    def _lines_of(self, client: str) -> list[Line]:
        return [line for line in self._lines if line.ways and fnmatchcase(line.client, client)]

    def _hold(self, way: Way, message: Message) -> None:
        number = next(self._holds)
        held = Held(number, way.line.name, way.direction, message.frame, way, message)
        self._held[number] = held

    def _take_held(self, number: int) -> Held:
        try:
            return self._held.pop(number)
        except KeyError:
            raise LookupError(f"No frame {number} is held: it may have been released already") from None


def _response(rule: Rule) -> tuple[int, bytes, str]:
    """Return the status, body and content type that a rule answers with: text as it is, all else as JSON."""
    if isinstance(rule.body, str):
        return rule.status or 500, rule.body.encode(), "text/plain; charset=utf-8"
    return rule.status or 500, b"" if rule.body is None else pack(rule.body), "application/json"


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
