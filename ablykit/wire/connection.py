"""A raw connection with asyncio.

One task reads the socket for as long as it is open. It records each frame in the transcript at once, and puts
it into a queue from which `recv` takes it. So what a transcript says of times is true, however late the
program calls `recv`.

A frame that `recv` skips, because it waits for another action, is gone from the queue. The transcript still
has it, and the error of a `recv` that fails lists it.
"""

import asyncio
import contextlib
import itertools
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.protocol import Event, State

from ablykit.machine import runtime
from ablykit.protocol import Action, ProtocolMessage, connection_url
from ablykit.protocol.actions import name_of
from ablykit.protocol.credentials import reveal
from ablykit.protocol.redaction import quiet_logger, redact
from ablykit.record.transcript import Kind, Transcript
from ablykit.wire.frame import (
    Frame,
    WireError,
    WireTimeout,
    action_of,
    instead,
    received,
    to_send,
    why_not_opened,
)

OPEN_TIMEOUT = 10.0
SEND_TIMEOUT = 10.0
RECV_TIMEOUT = 5.0
CLOSE_TIMEOUT = 5.0


@dataclass(frozen=True)
class Closed:
    """How a WebSocket ended: the close code (1000 for a normal end) and the reason."""

    code: int
    reason: str


class Listening(ClientConnection):
    """A WebSocket that calls `on_control` with every ping and pong it receives."""

    on_control: Callable[[Kind, bytes], None] | None = None

    def process_event(self, event: Event) -> None:
        """Report a ping or pong, then let `websockets` handle the event."""
        if self.on_control and isinstance(event, WebSocketFrame) and event.opcode in _CONTROL:
            self.on_control(_CONTROL[event.opcode], bytes(event.data))
        super().process_event(event)


_CONTROL: dict[Opcode, Kind] = {Opcode.PING: "ping", Opcode.PONG: "pong"}


class AsyncConnection:
    """A WebSocket to an Ably, with asyncio. Made by `connect_async`."""

    def __init__(self, websocket: ClientConnection, url: str, name: str, transcript: Transcript) -> None:
        self.url = redact(url)
        self.name = name
        self.transcript = transcript
        self._websocket = websocket
        self.is_msgpack = "format=msgpack" in urlsplit(url).query.split("&")
        self._arrived: deque[Frame] = deque()
        self._news = asyncio.Event()
        self._closed: Closed | None = None
        transcript.record(name, "out", self.url, "open")
        if isinstance(websocket, Listening):
            websocket.on_control = self._note_control
        self._reader = asyncio.create_task(self._read())

    async def send(self, *frames: dict[str, Any] | ProtocolMessage | str | bytes) -> None:
        """Send frames one after the other, without waiting for answers.

        Text and bytes are sent unchanged. Raises `WireError` if the connection has ended, `WireTimeout` if
        the other side does not read.
        """
        for frame in frames:
            raw = to_send(frame, msgpack=self.is_msgpack)
            try:
                if self._websocket.state is State.OPEN:
                    self.transcript.record(self.name, "out", raw)  # now, so that it comes before its answer
                async with asyncio.timeout(SEND_TIMEOUT):
                    await self._websocket.send(raw)
            except TimeoutError:
                raise WireTimeout(
                    f"The other side read nothing for {SEND_TIMEOUT:g} s: it hangs, or the network is down"
                ) from None
            except ConnectionClosed:
                await self.wait_closed()
                raise WireError(f"Can't send: {self._how_it_ended()}") from None

    async def recv(
        self,
        action: int | str | None = None,
        *,
        timeout: float = RECV_TIMEOUT,
        heartbeats: bool = False,
        **members: Any,
    ) -> Frame:
        """Return the next frame or, with `action` (a number or a name), the next frame with that action.

        `members` must match as well: `recv("HEARTBEAT", id="ping 1")` skips every other heartbeat. Without
        `action` and `members`, HEARTBEATs are skipped unless `heartbeats=True`. `timeout` is in seconds.

        Raises `WireTimeout` if no such frame arrives in time, and `WireError` if the connection ends first.
        Both say which frames arrived instead.
        """
        wanted = action_of(action)
        expected = members if wanted is None else {"action": wanted, **members}
        passed: list[Frame] = []
        deadline = time.monotonic() + timeout
        while True:
            while self._arrived:
                frame = self._arrived.popleft()
                is_wanted = expected or heartbeats or frame.get("action") != Action.HEARTBEAT
                if is_wanted and all(frame.get(name) == value for name, value in expected.items()):
                    return frame
                passed.append(frame)
            what = name_of(wanted) if wanted is not None else "frame"
            what += "".join(f" with {name} {redact(repr(value))}" for name, value in members.items())
            if self._closed:
                raise WireError(f"No {what} can arrive: {self._how_it_ended()}. {instead(passed)}")
            if not await self._something_new(deadline - time.monotonic()):
                raise WireTimeout(f"No {what} arrived within {timeout:.3g} s. {instead(passed)}")

    async def frames(
        self,
        count: int | None = None,
        *,
        seconds: float | None = None,
        timeout: float = RECV_TIMEOUT,
        heartbeats: bool = False,
    ) -> list[Frame]:
        """Return the next `count` frames, or all that arrive within `seconds`.

        Raises the errors of `recv` if `count` frames don't arrive within `timeout` seconds.
        """
        if (count is None) == (seconds is None):
            raise ValueError("frames needs a count or a number of seconds: frames(3) or frames(seconds=1)")
        found: list[Frame] = []
        deadline = time.monotonic() + (timeout if seconds is None else seconds)
        while count is None or len(found) < count:
            left = max(deadline - time.monotonic(), 0.0)
            try:
                found.append(await self.recv(timeout=left, heartbeats=heartbeats))
            except WireError as error:
                if count is None:
                    if not isinstance(error, WireTimeout):
                        await asyncio.sleep(max(deadline - time.monotonic(), 0.0))
                    return found
                raise type(error)(f"{len(found)} of {count} frames arrived. {error}") from None
        return found

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Yield all frames, including heartbeats, until the connection ends."""
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if self._closed:
                return
            await self._something_new(None)

    async def close(self) -> None:
        """Close the WebSocket, as Ctrl+C does in a terminal: without a CLOSE frame."""
        await self._websocket.close()
        await self._reader

    async def cut(self) -> None:
        """End the connection as a dead network does, without a close frame. The transcript shows code
        1006."""
        self._websocket.transport.abort()
        await self._reader

    async def wait_closed(self, *, timeout: float = CLOSE_TIMEOUT) -> Closed:
        """Wait until the connection has ended, and return how. Raises `WireTimeout` after `timeout`
        seconds."""
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._reader)
        except TimeoutError:
            raise WireTimeout(f"The connection is still open after {timeout:g} s") from None
        return self._closed or Closed(1006, "")

    @property
    def closed(self) -> Closed | None:
        """How the connection ended; None while it is open."""
        return self._closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self._closed else 'open'}: {self.url}>"

    async def _read(self) -> None:
        try:
            with contextlib.suppress(ConnectionClosed):
                async for raw in self._websocket:
                    self.transcript.record(self.name, "in", raw)
                    self._arrived.append(received(raw))
                    self._news.set()
        except asyncio.CancelledError:  # the loop ends with the connection still open
            self._websocket.transport.abort()
            raise
        finally:
            code, reason = self._websocket.close_code or 1006, self._websocket.close_reason or ""
            self._closed = Closed(code, reason)
            self.transcript.record(self.name, "in", f"{code} {reason}".rstrip(), "close")
            self._news.set()

    def _note_control(self, kind: Kind, data: bytes) -> None:
        self.transcript.record(self.name, "in", data, kind)
        if kind == "ping":
            self.transcript.record(self.name, "out", data, "pong")  # `websockets` answers without being asked

    async def _something_new(self, timeout: float | None) -> bool:
        """Wait until a frame has arrived or the connection has ended. Return false after `timeout`
        seconds."""
        self._news.clear()
        if self._arrived or self._closed:
            return True
        if timeout is not None and timeout <= 0:
            await asyncio.sleep(0)
            return bool(self._arrived or self._closed)
        try:
            async with asyncio.timeout(timeout):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _how_it_ended(self) -> str:
        if self._closed is None:
            return "the connection is closing"
        reason = f" ({self._closed.reason})" if self._closed.reason else ""
        return f"the connection was closed with code {self._closed.code}{reason}"


_names = itertools.count(1)


async def connect_async(
    url: str,
    *,
    transcript: Transcript | None = None,
    name: str | None = None,
    ca_file: str | None = None,
    timeout: float = OPEN_TIMEOUT,
    **params: Any,
) -> AsyncConnection:
    """Open a raw connection and return it.

    `url` is as in the article, `wss://HOST?key=…`, and `params` are added to its query. The key may have
    stars in place of its secret, if this process knows the secret. An embedded Ably on this machine is
    trusted without further ado; give the CA of any other server as `ca_file`. `timeout` is in seconds.

    Raises `WireError`, saying why, if no WebSocket could be opened. Ably itself refuses a client differently:
    the connection opens, and an ERROR frame arrives.
    """
    url = connection_url(url, **params)
    local = runtime.find(url)
    full = reveal(url, local.api_keys if local else None)
    is_local = urlsplit(url).hostname in runtime.LOOPBACK
    try:
        websocket = await websocket_connect(
            full,
            ssl=client_tls(url, local.ca_pem if local else None, ca_file),
            create_connection=Listening,
            proxy=None if is_local else True,
            compression=None,
            open_timeout=timeout,
            max_size=None,
            ping_interval=None,
            logger=quiet_logger("ablykit.wire"),
        )
    except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
        raise WireError(redact(why_not_opened(url, error))) from None
    return AsyncConnection(websocket, full, name or f"client {next(_names)}", _own(transcript))


def _own(transcript: Transcript | None) -> Transcript:
    return Transcript() if transcript is None else transcript


def client_tls(url: str, ca_pem: str | None, ca_file: str | None = None) -> ssl.SSLContext | None:
    """Return the TLS context for a URL: it trusts the system's CAs and those given. None without TLS."""
    if urlsplit(url).scheme not in ("wss", "https"):
        return None
    context = ssl.create_default_context()
    if ca_pem:
        context.load_verify_locations(cadata=ca_pem)
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
