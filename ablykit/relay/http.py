"""HTTP for a relay: parse each message completely, and write it anew for the next hop.

A relay sits between a client and a service, and either may disagree with it about where a message ends. An
attacker who can make them disagree can hide one request inside another (request smuggling). So the relay
never forwards the bytes of a head or of chunk framing: one `h11` parses a message into events, and another
writes these events in a form that can be read in one way only. Messages that could be read in two ways are
refused, and trailers are dropped.

    client = Client(reader, writer)
    while request := await client.request():
        service = Service(*await asyncio.open_connection(...))
        await service.send(onward(request, "host:80"))
        await exchange(client, service)

Every wait has a limit. A request's head must arrive within `patience` seconds. While a body passes, each read
from the client and each write may take `stall` seconds. A service may take as long as it likes to answer,
because its client can leave at any time: `exchange` notices that and ends.

This module knows nothing of WebSockets or recordings. After a 101 response, `unread` has the bytes that
follow it.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from http import HTTPStatus
from http.client import responses

import h11

MAX_HEAD = 64 * 1024
"""The longest head of a message, in bytes. The URL is part of it, and may have a token with a large
capability."""

PATIENCE = 10.0
"""How long a request's head may take, and how long a client may wait before its next request, in seconds."""

STALL = 60.0
"""How long one read of a request's body, or one write, may take, in seconds."""

LINGER = 2.0
"""How long to read from a client after its last answer, in seconds.

If the relay closed while the client still sends, TCP would reset the connection, and the client could lose
the answer.
"""

_READ = 1 << 16
_HOP_BY_HOP = frozenset(
    b"host connection keep-alive proxy-connection te trailer upgrade sec-websocket-extensions".split()
)
"""The headers that concern one hop only (RFC 9110 §7.6.1). `onward` writes new ones for the next hop.

The last one would compress the frames of a WebSocket, and the relay could not read them.
"""

_FRAMING = frozenset((b"content-length", b"transfer-encoding"))
"""The headers that say where a body ends. They are kept even if a `Connection` header lists them, as an
attack may."""

_WITHOUT_BODY = frozenset((HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED))
"""Statuses whose answers have no body (RFC 9110 §6.4.1)."""

_Message = h11.Request | h11.Response | h11.InformationalResponse


class HttpError(Exception):
    """The error for a message that is not forwarded: an HTTP status, and a text for the response."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Peer:
    """One end of an exchange: a socket, and the state that `h11` keeps of the messages on it."""

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
        """Write an event. Raises `OSError` if the other end is gone, or reads nothing for too long."""
        data = self.http.send(event)
        if self.writer.is_closing():  # asyncio would only log a warning for writing to it
            raise ConnectionResetError("The connection is closed")
        self.writer.write(data or b"")
        async with asyncio.timeout(self._stall):
            await self.writer.drain()

    def unread(self) -> bytes:
        """Return the bytes that arrived after the last message."""
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
    """The end that sends requests."""

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
        self._is_head = False
        """Whether the request is a HEAD, whose answer has no body (RFC 9110 §9.3.2)."""

    async def request(self) -> h11.Request | None:
        """Return the next request's head, or None if there are no more requests.

        Raises `HttpError` for a request that is not forwarded, `EOFError` if the client leaves in the middle
        of one.
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
        self._is_head = event.method == b"HEAD"
        _check(event)
        return event

    async def body(self) -> h11.Data | h11.EndOfMessage:
        """Return the next piece of the request's body, or its end. Raises `HttpError` and `EOFError`."""
        try:
            async with asyncio.timeout(self._stall):
                return await self._piece()
        except TimeoutError:
            raise HttpError(
                408, f"No more of the request's body arrived for {self._stall:g} seconds"
            ) from None

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
        """Wait until the client is gone, then raise `EOFError`. Requests that it sends meanwhile are kept.

        At most `MAX_HEAD` bytes of these are read. After that, the relay can't notice any more that the
        client leaves.
        """
        while len(self.unread()) < MAX_HEAD:
            await self._read()
        await asyncio.Event().wait()

    async def refuse(self, error: HttpError) -> None:
        """Answer with an error, as the last answer. This does nothing if an answer has begun already."""
        if self.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self.answer(error.status, str(error).encode(), "text/plain; charset=utf-8")

    async def answer(self, status: int, body: bytes, content_type: str) -> None:
        """Answer a request in the service's place, as the last answer."""
        body = b"" if status in _WITHOUT_BODY else body
        headers = [
            ("Content-Type", content_type), ("Content-Length", str(len(body))), ("Connection", "close"),
        ]  # fmt: skip
        phrase = responses.get(status, "").encode()
        await self.send(h11.Response(status_code=status, reason=phrase, headers=headers))
        await self.send(h11.Data(data=b"" if self._is_head else body))
        await self.send(h11.EndOfMessage())

    async def finish(self) -> None:
        """End the connection in a way that lets the last answer arrive even if the client is still
        sending."""
        with contextlib.suppress(OSError):
            if self.writer.can_write_eof():
                self.writer.write_eof()
                async with asyncio.timeout(LINGER):
                    while await self.reader.read(_READ):
                        pass


class Service(Peer):
    """The end that answers requests. Each one answers a single request, and is then closed."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, stall: float = STALL
    ) -> None:
        super().__init__(h11.CLIENT, reader, writer, stall)
        self._ended = False

    async def answer(self, client: Client) -> h11.Response | h11.InformationalResponse:
        """Return the head of the answer, or of a 101. Interim answers before it, such as a 100, go to
        `client`.

        Raises `HttpError` if the answer is not HTTP, `OSError` if the connection breaks.
        """
        while True:
            event = await self._event()
            assert isinstance(event, h11.Response | h11.InformationalResponse)
            if isinstance(event, h11.Response) or event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                return event
            if client.http.their_http_version != b"1.0":  # HTTP/1.0 has no interim answers (RFC 9110 §15.2)
                await client.send(
                    h11.InformationalResponse(
                        status_code=event.status_code, reason=event.reason, headers=_end_to_end(event)
                    )
                )

    async def body(self) -> h11.Data | h11.EndOfMessage:
        """Return the next piece of the answer's body, or its end. Raises the errors of `answer`."""
        return await self._piece()

    async def _read(self) -> None:
        data = await self.reader.read(_READ)
        self._ended = not data
        self.http.receive_data(data)  # an empty one too: a body may end where the connection ends

    def _fault(self, error: h11.RemoteProtocolError) -> HttpError:
        if self._ended:
            return HttpError(502, "The service closed the connection before its answer was complete")
        return HttpError(502, f"The service does not answer in HTTP/1.1: {_reason(error)}")


def onward(request: h11.Request, host: str, *, upgrade: bool = False) -> h11.Request:
    """Return a request as the next hop gets it. Its connection is upgraded, or closed after the answer."""
    kept = _end_to_end(request, (b"upgrade",) if upgrade else ())
    own = [(b"Host", host.encode()), (b"Connection", b"Upgrade" if upgrade else b"close")]
    return h11.Request(method=request.method, target=request.target, headers=[*own, *kept])


def values(request: h11.Request, name: bytes) -> list[str]:
    """Return every value of a header, whose name is given in lower case."""
    return [value.decode("latin-1") for found, value in request.headers if found == name]


def is_upgrade(request: h11.Request, protocol: str) -> bool:
    """Return whether a request asks to upgrade to a protocol, whatever its `Connection` header says."""
    offered = ",".join(values(request, b"upgrade")).lower().split(",")
    return request.method == b"GET" and protocol in (name.strip() for name in offered)


async def exchange(client: Client, service: Service) -> None:
    """Forward a request's body and, at the same time, its answer.

    It must be at the same time: a service may answer before the body is complete, and a client may wait for a
    100 before it sends the body. Raises `HttpError` if either is not HTTP, `EOFError` if the client leaves,
    `OSError` if a connection breaks.
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
    """Forward an answer's head and body. After the `last` one the client's connection ends."""
    own = [(b"Connection", b"close")] if last else []
    headers = [*_end_to_end(answer), *own]
    await client.send(h11.Response(status_code=answer.status_code, reason=answer.reason, headers=headers))
    while isinstance(event := await service.body(), h11.Data):
        await client.send(h11.Data(data=event.data))
    await client.send(h11.EndOfMessage())


async def _pass_up(client: Client, service: Service) -> None:
    """Forward the request's body, then wait for the client to leave."""
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
    """Raise `HttpError` for a request that h11 accepts but that could be read in two ways (RFC 9112 §3.2,
    §6.1)."""
    if request.http_version not in (b"1.0", b"1.1"):
        raise HttpError(505, "This relay speaks HTTP/1.1 only")
    if request.method == b"CONNECT" or not request.target.startswith(b"/"):
        raise HttpError(400, "This relay is not a proxy for other hosts: request a path, such as /time")
    framed = {name for name, _ in request.headers} & _FRAMING
    if len(framed) == 2:
        raise HttpError(400, "A request may have a Content-Length or a Transfer-Encoding, but not both")
    if b"transfer-encoding" in framed and request.http_version == b"1.0":
        raise HttpError(400, "An HTTP/1.0 request can't have a Transfer-Encoding")
    if framed and is_upgrade(request, "websocket"):
        raise HttpError(400, "A request that opens a WebSocket can't have a body")


def _end_to_end(message: _Message, kept: Iterable[bytes] = ()) -> list[tuple[bytes, bytes]]:
    """Return the headers to forward: all but those that concern one hop only."""
    listed = b",".join(value for name, value in message.headers if name == b"connection").lower()
    named = {name.strip() for name in listed.split(b",")} - _FRAMING
    dropped = (_HOP_BY_HOP | named).difference(kept)
    return [(name, value) for name, value in message.headers.raw_items() if name.lower() not in dropped]


def _reason(error: h11.RemoteProtocolError) -> str:
    """Return the reason that h11 gives, without the bytes that it quotes: these may contain a key."""
    return str(error).partition(": bytearray")[0]
