"""WebSockets and tokens, as a machine asks for them: all that the client waits for."""

import asyncio
import contextlib
import inspect
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from ablykit.protocol import AblyError
from ablykit.protocol.redaction import quiet_logger
from ablykit.protocol.tokens import TokenDetails
from ablykit.protocol.url import DEFAULT_ENDPOINT

CLOSE_TIMEOUT = 1.0
"""How long the other side may take to answer the closing of a WebSocket, in seconds."""

LOGGER = quiet_logger("ablykit.client")

Token = str | TokenDetails | Mapping[str, Any]
AuthCallback = Callable[[], Token | Awaitable[Token]]


def address_of(endpoint: str | None, scheme: str) -> str:
    """Return the URL of an endpoint (REC1): a whole URL, a host, or a name of Ably's such as `main`.

    `scheme` is `ws` or `http`; a URL of the other kind is rewritten. Raises `ValueError` for any other.
    """
    endpoint = endpoint or DEFAULT_ENDPOINT
    if "://" not in endpoint:
        is_host = "." in endpoint or ":" in endpoint or endpoint == "localhost"
        endpoint = f"wss://{endpoint if is_host else f'{endpoint}.realtime.ably.net'}"
    parts = urlsplit(endpoint)
    if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
        raise ValueError(f"An endpoint is a host or a URL such as wss://HOST, not {endpoint.split('?')[0]!r}")
    secure = "s" if parts.scheme in ("wss", "https") else ""
    return parts._replace(scheme=scheme + secure).geturl()


class Socket:
    """One WebSocket. `received` gets each message, and `lost` is called with the reason once it is over."""

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext | None,
        received: Callable[[str | bytes], None],
        lost: Callable[[str], None],
    ) -> None:
        self._received, self._lost = received, lost
        self._outgoing: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(url, tls))

    def send(self, raw: str | bytes) -> None:
        """Send a message after all earlier ones."""
        self._outgoing.put_nowait(raw)

    def close(self) -> None:
        """Close the WebSocket. Nothing is received any more."""
        self._task.cancel()

    async def closed(self) -> None:
        """Wait until it is over."""
        await asyncio.wait([self._task])

    async def _run(self, url: str, tls: ssl.SSLContext | None) -> None:
        why = "The service closed the WebSocket"
        context = tls if url.startswith("wss:") else None
        try:
            # The protocol has heartbeats and limits of its own, and Ably does not compress.
            async with connect(
                url,
                ssl=context,
                compression=None,
                max_size=None,
                ping_interval=None,
                open_timeout=None,
                close_timeout=CLOSE_TIMEOUT,
                logger=LOGGER,
            ) as websocket:
                writer = asyncio.create_task(self._write(websocket.send))
                try:
                    async for raw in websocket:
                        self._received(raw)
                finally:
                    writer.cancel()
        except (OSError, WebSocketException) as error:
            why = f"{type(error).__name__}: {error}"
        self._lost(why)

    async def _write(self, send: Callable[[str | bytes], Awaitable[None]]) -> None:
        with contextlib.suppress(WebSocketException):  # the reader finds out, too
            while True:
                await send(await self._outgoing.get())


async def token_from(callback: AuthCallback) -> str:
    """Return the token that a callback gives. Raises `AblyError`, 80019 if the callback fails (RSA4c)."""
    try:
        given = callback()
        token = await given if inspect.isawaitable(given) else given
        if isinstance(token, Mapping):
            return str(token["token"])
        return token.token if isinstance(token, TokenDetails) else str(cast(object, token))
    except AblyError:
        raise
    except Exception as error:
        raise AblyError(80019, f"The auth_callback failed: {type(error).__name__}: {error}", 401) from error
