"""Ably over HTTP: publish, read history, get the time and tokens. It needs `httpx` (`ablykit[rest]`).

async with Rest("main", key="app.key:secret") as ably:
    await ably.publish("chat", "hello")
    page = await ably.history("chat", limit=10)
    while page:
        print([message.data for message in page.items])
        page = await page.next()
"""

import base64
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast
from urllib.parse import quote, urljoin

import httpx

from ablykit.client.data import decoded, encoded
from ablykit.client.link import as_error
from ablykit.client.sockets import address_of
from ablykit.protocol import AblyError, ApiKey, ErrorInfo, Format, Message, NotAFrame
from ablykit.protocol.codec import convert, plain, read
from ablykit.protocol.tokens import TokenDetails, token_request

HEADERS = {"X-Ably-Version": "5", "Accept": "application/json"}


@dataclass(frozen=True)
class Page:
    """Some messages of a history, and a way to the next page (TG)."""

    items: list[Message]
    _next: Callable[[], Awaitable["Page"]] | None = None

    async def next(self) -> "Page | None":
        """Return the next page; None after the last (TG4). Raises as `Rest.history` does."""
        return await self._next() if self._next else None


class Rest:
    """Ably's HTTP interface. `endpoint`, `key`, `token` and `tls` are as for `Realtime`; `timeout` is in ms.

    Every call raises `AblyError`: the service's, or 80003 if there was no answer.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        key: str | ApiKey | None = None,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 10_000,
    ) -> None:
        self._key = ApiKey.parse(key) if isinstance(key, str) else key
        self._client = httpx.AsyncClient(
            base_url=address_of(endpoint, "http"),
            headers=HEADERS | _credentials(self._key, token),
            verify=tls or True,
            timeout=timeout / 1000,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._client.aclose()

    async def time(self) -> int:
        """Return the service's time, in ms since 1970 (RSC16)."""
        return (await self._ask("GET", "/time"))[0][0]

    async def publish(
        self, channel: str, data: Any = None, *, name: str | None = None, extras: dict[str, Any] | None = None
    ) -> list[str]:
        """Publish a message and return its serial, in a list (RSL1).

        The message has an id (RSL1k), so that publishing it again after a lost answer does not double it.
        """
        message = encoded(Message(data=data, name=name, extras=extras), Format.JSON)
        body = plain(message.replace(id=f"{secrets.token_urlsafe(9)}:0"))
        answer, _ = await self._ask("POST", f"/channels/{quote(channel, safe='')}/messages", body)
        return answer.get("serials", [])

    async def history(
        self,
        channel: str,
        *,
        limit: int = 100,
        direction: Literal["backwards", "forwards"] = "backwards",
        start: int | None = None,
        end: int | None = None,
    ) -> Page:
        """Return the first page of what was published, the newest first unless `direction` says otherwise
        (RSL2).

        `start` and `end` are in ms since 1970; a page has at most `limit` messages.
        """
        asked = {"limit": limit, "direction": direction, "start": start, "end": end}
        query = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
        return await self._page(f"/channels/{quote(channel, safe='')}/messages?{query}")

    async def request_token(
        self, *, client_id: str | None = None, ttl: int | None = None, capability: object = None
    ) -> TokenDetails:
        """Return a token for a client that must not know the key (RSA8e). `ttl` is in ms.

        Raises `AblyError` 40106 without a key.
        """
        if self._key is None:
            raise AblyError(40106, "A token is requested with a key: give one to Rest")
        timestamp = await self.time()
        request = token_request(
            self._key, client_id=client_id, ttl=ttl, capability=capability, timestamp=timestamp
        )
        answer, _ = await self._ask("POST", f"/keys/{self._key.name}/requestToken", plain(request))
        return convert(answer, TokenDetails)

    async def _page(self, path: str) -> Page:
        listed, link = await self._ask("GET", path)
        items = [decoded(convert(each, Message)) for each in listed]
        return Page(items, None if link is None else lambda: self._page(urljoin(path, link)))

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[Any, str | None]:
        """Return the body of an answer, and the URL of the next page if there is one."""
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise AblyError(80003, f"There was no answer: {type(error).__name__}: {error}") from error
        try:
            value = read(answer.content, Format.JSON)
        except NotAFrame as error:
            raise AblyError(50000, f"The answer with status {answer.status_code} is not JSON") from error
        if answer.is_error:
            told = cast("dict[str, Any]", value).get("error") if isinstance(value, dict) else None
            error = as_error(convert(told or {}, ErrorInfo))
            raise AblyError(error.code, error.message, answer.status_code)
        return value, answer.links.get("next", {}).get("url")


def _credentials(key: ApiKey | None, token: str | None) -> dict[str, str]:
    """Return the header that says who asks (RSA1, RSA3). Raises `AblyError` 40106 without key and token."""
    if token is None and key is None:
        raise AblyError(40106, "Give a key or a token to authenticate with")
    secret = token if token is not None else key.reveal() if key else ""
    kind = "Basic" if token is None else "Bearer"
    return {"Authorization": f"{kind} {base64.b64encode(secret.encode()).decode()}"}
