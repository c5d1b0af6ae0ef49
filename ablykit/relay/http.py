"""HTTP as a relay speaks it: each message is read in full, and written anew for the next hop.

A relay sits between a client and a service, and either may disagree with it about where a message ends.
Whoever can make them disagree can hide one request inside another (request smuggling). So no byte of a head
or of a chunk's frame is passed on as it came: `h11` reads a message into events, and a second `h11` writes
these events again, in the one form that leaves nothing to interpret. Messages that two readers could read in
two ways are refused, and trailers are dropped.

    client = Client(reader, writer)
    while request := await client.request():
        service = Service(*await asyncio.open_connection(...))
        await service.send(onward(request, "host:80"))
        await exchange(client, service)

Waits have an end. A request's head must arrive within `patience` seconds. While a body passes, each read from
the client and each write may take `stall` seconds. A service may think for as long as it likes, because its
client can leave at any time: `exchange` notices that and ends.

This module knows neither WebSockets nor recordings: after a 101, `unread` has the bytes that follow it.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from http import HTTPStatus

import h11

MAX_HEAD = 64 * 1024
"""Bytes that a head may have before it is complete. A token with a large capability is part of the URL."""

PATIENCE = 10.0
"""Seconds that a request's head may take, and that a client may wait before its next request."""

STALL = 60.0
"""Seconds that one read of a request's body, or one write, may take."""

LINGER = 2.0
"""Seconds that a client is heard after its last answer: closing while it sends could destroy the answer."""

_READ = 1 << 16
_HOP_BY_HOP = frozenset(
    b"host connection keep-alive proxy-connection te trailer upgrade sec-websocket-extensions".split()
)
"""Headers that concern two neighbours only (RFC 9110 §7.6.1); `onward` writes its own for the next two. The
last would compress a WebSocket's frames, which then could not be read."""

_FRAMING = frozenset((b"content-length", b"transfer-encoding"))
"""What says where a body ends; a `Connection` header that lists these would take that away."""

_Message = h11.Request | h11.Response | h11.InformationalResponse


class HttpError(Exception):
    """Why a message goes no further: an HTTP status, and a text for whoever reads the answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Peer:
    """One end of an exchange: a socket, and what `h11` knows of the messages on it."""

    def __init__(
        self,
        role: type[h11.CLIENT] | type[h11.SERVER],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        stall: float,
    ) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=MAX_HEAD)
        self.reader, self.writer, self._stall = reader, writer, stall

    async def send(self, event: h11.Event) -> None:
        """Write an event. Raises `OSError` when the other end is gone, or takes nothing for too long."""
        data = self.http.send(event)
        if self.writer.is_closing():  # writing would only make asyncio log a warning
            raise ConnectionResetError("The connection is closed")
        self.writer.write(data or b"")
        async with asyncio.timeout(self._stall):
            await self.writer.drain()

    def unread(self) -> bytes:
        """Return the bytes that came after the last message."""
        return self.http.trailing_data[0]

    async def _event(self) -> object:
        while True:
            try:
                event = self.http.next_event()
            except h11.RemoteProtocolError as error:
                raise self._fault(error) from None
            if event is not h11.NEED_DATA:
                return event
            await self._read()

    async def _piece(self) -> h11.Data | h11.EndOfMessage:
        event = await self._event()
        assert isinstance(event, h11.Data | h11.EndOfMessage)
        return event

    async def _read(self) -> None:
        raise NotImplementedError

    def _fault(self, error: h11.RemoteProtocolError) -> HttpError:
        raise NotImplementedError


class Client(Peer):
    """Whoever sends requests."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        patience: float = PATIENCE,
        stall: float = STALL,
    ) -> None:
        super().__init__(h11.SERVER, reader, writer, stall)
        self._patience = patience

    async def request(self) -> h11.Request | None:
        """Return the next request's head, or None when this client has sent its last.

        Raises `HttpError` for a request that is not passed on, `EOFError` when the client leaves inside one.
        """
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        if self.http.our_state is not h11.IDLE:
            return None
        try:
            async with asyncio.timeout(self._patience):
                event = await self._event()
        except (EOFError, TimeoutError) as error:
            if not self.unread():
                return None
            if isinstance(error, EOFError):
                raise
            raise HttpError(408, f"The request's head took longer than {self._patience:g} seconds") from None
        assert isinstance(event, h11.Request)
        _check(event)
        return event

    async def body(self) -> h11.Data | h11.EndOfMessage:
        """Return the next piece of the request's body, or its end. Raises `HttpError` and `EOFError`."""
        try:
            async with asyncio.timeout(self._stall):
                return await self._piece()
        except TimeoutError:
            raise HttpError(408, f"Nothing of the body came for {self._stall:g} seconds") from None

    def _fault(self, error: h11.RemoteProtocolError) -> HttpError:
        if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            why = f"The request's head is longer than {MAX_HEAD // 1024} KiB"
        else:
            why = f"This is not a valid HTTP/1.1 request: {_reason(error)}"
        return HttpError(error.error_status_hint, why)

    async def _read(self) -> None:
        data = await self.reader.read(_READ)
        if not data:
            raise EOFError("The client is gone")
        self.http.receive_data(data)

    async def gone(self) -> None:
        """Wait until the client is gone, then raise `EOFError`; keep the requests it sends meanwhile.

        No more of those are read than one head has room for: then nobody can say whether the client is there.
        """
        while len(self.unread()) < MAX_HEAD:
            await self._read()
        await asyncio.Event().wait()

    async def refuse(self, error: HttpError) -> None:
        """Answer with an error, and no further request; does nothing when an answer has begun already."""
        if self.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        text = str(error).encode()
        status = HTTPStatus(error.status)
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text))),
            ("Connection", "close"),
        ]  # fmt: skip
        await self.send(h11.Response(status_code=status, reason=status.phrase.encode(), headers=headers))
        await self.send(h11.Data(data=text))
        await self.send(h11.EndOfMessage())

    async def finish(self) -> None:
        """End the connection so that the last answer arrives, also at a client that is still sending."""
        with contextlib.suppress(OSError):
            if self.writer.can_write_eof():
                self.writer.write_eof()
                async with asyncio.timeout(LINGER):
                    while await self.reader.read(_READ):
                        pass


class Service(Peer):
    """Where requests go. It is asked for one thing, and then closed."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, stall: float = STALL
    ) -> None:
        super().__init__(h11.CLIENT, reader, writer, stall)
        self._ended = False

    async def answer(self, client: Client) -> h11.Response | h11.InformationalResponse:
        """Return the answer's head, or that of a 101; `client` gets what comes before it, such as a 100.

        Raises `HttpError` when no HTTP comes, `OSError` when the connection breaks.
        """
        while True:
            event = await self._event()
            assert isinstance(event, h11.Response | h11.InformationalResponse)
            if isinstance(event, h11.Response) or event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                return event
            if client.http.their_http_version != b"1.0":  # which has no such answers (RFC 9110 §15.2)
                await client.send(
                    h11.InformationalResponse(
                        status_code=event.status_code, reason=event.reason, headers=_end_to_end(event)
                    )
                )

    async def body(self) -> h11.Data | h11.EndOfMessage:
        """Return the next piece of the answer's body, or its end. Raises what `answer` raises."""
        return await self._piece()

    async def _read(self) -> None:
        data = await self.reader.read(_READ)
        self._ended = not data
        self.http.receive_data(data)  # no data can be the end of a body

    def _fault(self, error: h11.RemoteProtocolError) -> HttpError:
        if self._ended:
            return HttpError(502, "The service closed the connection before its answer was complete")
        return HttpError(502, f"The service does not answer in HTTP/1.1: {_reason(error)}")


def onward(request: h11.Request, host: str, *, upgrade: bool = False) -> h11.Request:
    """Return the request as its next host gets it: to be closed after the answer, or upgraded."""
    kept = _end_to_end(request, (b"upgrade",) if upgrade else ())
    own = [(b"Host", host.encode()), (b"Connection", b"Upgrade" if upgrade else b"close")]
    return h11.Request(method=request.method, target=request.target, headers=[*own, *kept])


def values(request: h11.Request, name: bytes) -> list[str]:
    """Return the values of a header, in lower case named, as often as it is there."""
    return [value.decode("latin-1") for found, value in request.headers if found == name]


def is_upgrade(request: h11.Request, protocol: str) -> bool:
    """Whether a request asks to go on in another protocol. `Connection` may say what it likes."""
    offered = ",".join(values(request, b"upgrade")).lower().split(",")
    return request.method == b"GET" and protocol in (name.strip() for name in offered)


async def exchange(client: Client, service: Service) -> None:
    """Pass a request's body on, and its answer back.

    Both at once: a service may answer before it has heard all, and a client may wait for 100 before it sends
    a body. Raises `HttpError` when either is not HTTP, `EOFError` when the client leaves, `OSError` when a
    connection breaks.
    """
    up = asyncio.create_task(_pass_up(client, service))
    down = asyncio.create_task(_pass_down(service, client))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        await (down if down.done() else up)
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def pass_answer(answer: h11.Response, service: Service, client: Client, *, last: bool = False) -> None:
    """Pass an answer on, head and body; after the `last` one the client's connection ends."""
    own = [(b"Connection", b"close")] if last else []
    headers = [*_end_to_end(answer), *own]
    await client.send(h11.Response(status_code=answer.status_code, reason=answer.reason, headers=headers))
    while isinstance(event := await service.body(), h11.Data):
        await client.send(h11.Data(data=event.data))
    await client.send(h11.EndOfMessage())


async def _pass_up(client: Client, service: Service) -> None:
    """Pass the request's body on, then wait for the client to leave."""
    while isinstance(event := await client.body(), h11.Data):
        with contextlib.suppress(
            ConnectionError
        ):  # the service may have answered and gone: its answer counts
            await service.send(h11.Data(data=event.data))
    with contextlib.suppress(ConnectionError):
        await service.send(h11.EndOfMessage())
    await client.gone()


async def _pass_down(service: Service, client: Client) -> None:
    answer = await service.answer(client)
    assert isinstance(answer, h11.Response)  # h11 refuses a 101 to a request that offers no upgrade
    await pass_answer(answer, service, client)


def _check(request: h11.Request) -> None:
    """Refuse what h11 accepts and two readers could read in two ways (RFC 9112 §3.2, §6.1)."""
    if request.http_version not in (b"1.0", b"1.1"):
        raise HttpError(505, "This speaks HTTP/1.1")
    if request.method == b"CONNECT" or not request.target.startswith(b"/"):
        raise HttpError(400, "This is not a proxy for other hosts. Ask it for a path, such as /time")
    framed = {name for name, _ in request.headers} & _FRAMING
    if len(framed) == 2:
        raise HttpError(400, "A request has a Content-Length or a Transfer-Encoding, not both")
    if b"transfer-encoding" in framed and request.http_version == b"1.0":
        raise HttpError(400, "HTTP/1.0 has no Transfer-Encoding")
    if framed and is_upgrade(request, "websocket"):
        raise HttpError(400, "A request that opens a WebSocket has no body")


def _end_to_end(message: _Message, kept: Iterable[bytes] = ()) -> list[tuple[bytes, bytes]]:
    """Return the headers that are not for two neighbours alone."""
    listed = b",".join(value for name, value in message.headers if name == b"connection").lower()
    named = {name.strip() for name in listed.split(b",")} - _FRAMING
    dropped = (_HOP_BY_HOP | named).difference(kept)
    return [(name, value) for name, value in message.headers.raw_items() if name.lower() not in dropped]


def _reason(error: h11.RemoteProtocolError) -> str:
    """What h11 says, without the bytes it quotes: there may be a key in them."""
    return str(error).partition(": bytearray")[0]
