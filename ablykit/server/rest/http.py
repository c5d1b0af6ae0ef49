"""What all HTTP endpoints share: who asks, what they sent, and how they are answered."""

import asyncio
import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ablykit.protocol import AblyError, ChannelName, Format, NotAFrame, PublishResult, url
from ablykit.protocol.codec import plain, read
from ablykit.protocol.frames import Wire
from ablykit.server.access.auth import by_header, by_key, by_token
from ablykit.server.access.identity import ANYONE, Identity
from ablykit.server.answers import LATE, PATIENCE, Answer
from ablykit.server.channels import metachannels
from ablykit.server.rules.publishing import Publisher
from ablykit.server.service import Service

T = TypeVar("T")

MEDIA = {Format.JSON: "application/json", Format.MSGPACK: "application/x-msgpack"}
_ENCODE: dict[Format, Callable[[Any], bytes]] = {
    Format.JSON: msgspec.json.encode,
    Format.MSGPACK: msgspec.msgpack.encode,
}

DIRECTIONS = ("backwards", "forwards")
NEWEST = 6
"""The newest version of the protocol that is known here."""

FOREVER = 10**15
"""A time in ms that is after all others."""

DEFAULT_PAGE, LONGEST_PAGE = 100, 1_000
"""How many items a page has without saying, and at most (RSL2b3)."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request, and the service it is for."""

    service: Service
    identity: Identity
    client_id: str | None

    @property
    def publisher(self) -> Publisher:
        """Who publishes by this request."""
        return Publisher(
            self.identity,
            self.identity.app.limits,
            self.client_id,
            self.service.connections.get,
            self.service.enforce_rates,
        )

    def refused(self, error: AblyError, channel: str) -> dict[str, Any]:
        """What is told of one channel of several on which something is refused."""
        self.service.denials.note(error, self.identity, channel=channel)
        return {"channel": channel, "error": plain(error.info)}

    def channel(self, request: Request, *operations: str) -> ChannelName:
        """Return the channel of the address.

        Raises `AblyError` 40010, or 40160 when the caller may do none of these operations there.
        """
        name = ChannelName.parse(request.path_params["channel"])
        self.identity.check_any(operations, name)
        return name


def caller(service: Service, request: Request) -> Caller:
    """Who sent a request. Raises `AblyError` 40101 and what `identify` raises."""
    identity = _identity(service, request)
    header = request.headers.get("x-ably-clientid")
    client_id = request.query_params.get("clientId") if header is None else _from_base64(header)
    if client_id == identity.client_id == ANYONE:
        client_id = None  # who may be anyone says so
    request.state.identity = identity
    return Caller(service, identity, identity.named(client_id))


def _identity(service: Service, request: Request) -> Identity:
    secure = request.url.scheme == "https"
    query = request.query_params
    if authorization := request.headers.get("authorization"):
        return by_header(service, authorization, secure=secure)
    if key := query.get("key"):
        return by_key(service, key, secure=secure)
    if token := query.get("accessToken", query.get("access_token")):
        return by_token(service, token)
    raise AblyError(40101, "No authentication information provided")


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError as error:  # binascii.Error, UnicodeDecodeError, and what is not ASCII
        raise AblyError(40012, f"X-Ably-ClientId is a clientId in base64: {error}") from error


async def value_of(request: Request) -> Any:
    """The request's body, read. Raises `AblyError` 40001 when it can't be."""
    raw = await request.body()
    format = Format.MSGPACK if "msgpack" in request.headers.get("content-type", "") else Format.JSON
    try:
        return read(raw, format)
    except NotAFrame as error:
        raise AblyError(40001, f"The body can't be read: {error.message}") from error


async def object_of(request: Request) -> dict[str, Any]:
    """The request's body as an object. Raises `AblyError` 40001 when it is none."""
    value = await value_of(request)
    if not isinstance(value, dict):
        raise AblyError(40001, "The body is an object")
    return value  # type: ignore[reportUnknownVariableType]


class _Awaited:
    """The answer to a publish of a request, which waits for it (see `answers.Answer`)."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[PublishResult] = asyncio.get_running_loop().create_future()

    def ack(self, result: PublishResult | None = None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(result or PublishResult())

    def nack(self, error: AblyError) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


async def decided(publish: Callable[[Answer], None]) -> PublishResult:
    """Publish, and return what the log's answer says. Raises `AblyError`: why it was refused; 50003 where the
    log does not answer in time."""
    answer = _Awaited()
    publish(answer)
    try:
        async with asyncio.timeout(PATIENCE / 1000):
            return await answer.outcome
    except TimeoutError:
        raise AblyError(50003, LATE) from None


def list_of(value: Any) -> list[Any]:
    """A value that is a list; an empty one where it is none."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def one_or_more(value: Any) -> list[Any]:
    """A list as it is; anything else as the one thing in a list."""
    return list_of(value) if isinstance(value, list) else [value]


def batch(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What several operations came to, each with its result or its error (BPR, BGR, TRS)."""
    failed = sum("error" in result for result in results)
    return {"successCount": len(results) - failed, "failureCount": failed, "results": results}


def format_for(request: Request) -> Format:
    """The format that the client accepts."""
    accepted = request.headers.get("accept", "")
    wants_msgpack = "msgpack" in accepted or request.query_params.get("format") == "msgpack"
    return Format.MSGPACK if wants_msgpack else Format.JSON


def version_of(request: Request) -> int:
    """The protocol's version that the client speaks (CSV2): the newest, if it does not say."""
    try:
        return url.version_of(request.headers.get("x-ably-version", ""))
    except AblyError:
        return NEWEST


def respond(
    request: Request,
    value: Any,
    status: int = 200,
    headers: dict[str, str] | None = None,
    format: Format | None = None,
) -> Response:
    """An answer in the format the client accepts, or in another one."""
    format = format_for(request) if format is None else format
    return Response(_ENCODE[format](_plain(value)), status, headers, media_type=MEDIA[format])


def respond_error(request: Request, error: AblyError, **more: Any) -> Response:
    """An error as an answer, its code and message in headers too, and what more there is to say.

    SDKs of version 1 read errors as JSON, whatever they ask for.
    """
    info = error.info
    headers = {
        "X-Ably-ErrorCode": str(info.code),
        "X-Ably-ErrorMessage": _header_text(info.message or ""),
    }
    format = Format.JSON if version_of(request) < 2 else None
    return respond(request, {"error": plain(info), **more}, error.status, headers, format)


def _header_text(text: str) -> str:
    """Text as a header may have it: ASCII in one line."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def _plain(value: Any) -> Any:
    if isinstance(value, Wire):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value  # type: ignore[reportUnknownVariableType]


def number_param(
    request: Request, name: str, default: int, *, least: int = 0, most: int | None = None
) -> int:
    """A number in the query. Raises `AblyError` 40003 for anything else, or one that is out of bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise AblyError(40003, f"{name} is a whole number, not {text[:40]!r}")
    if int(text) < least or (most is not None and int(text) > most):
        raise AblyError(40003, f"{name} is {least} to {most}, not {text}")
    return int(text)


def stretch(
    request: Request, moment: Callable[[str], int | None] = lambda text: None
) -> tuple[int, int, bool]:
    """From when to when is asked for (ms since 1970), and whether the oldest comes first (RSL2b).

    `moment` reads times that are not numbers. Raises `AblyError` 40003 for what is no stretch of time or
    no direction.
    """
    direction = request.query_params.get("direction", "backwards")
    if direction not in DIRECTIONS:
        raise AblyError(40003, f"direction is backwards or forwards, not {direction[:40]!r}")
    start, end = (
        number_param(request, name, usual)
        if (named := moment(request.query_params.get(name, ""))) is None
        else named
        for name, usual in (("start", 0), ("end", FOREVER))
    )
    if start > end:
        raise AblyError(40003, f"start is not after end: {start} is after {end}")
    return start, end, direction == "forwards"


def respond_page(
    request: Request, items: Iterable[T], key_of: Callable[[T], str], shown: Callable[[T], Any]
) -> Response:
    """A page of items, and by its Link header the way to the next one (RSC, PaginatedResult).

    `key_of` names an item so that the next page can go on after it.
    """
    limit = number_param(request, "limit", DEFAULT_PAGE, least=1, most=LONGEST_PAGE)
    after = request.query_params.get("cursor")
    left = iter(items)
    if after is not None and all(key_of(item) != after for item in left):  # `left` goes on after it
        raise AblyError(40003, "The page to go on from is no longer kept: begin again")
    page = list(islice(left, limit + 1))
    rest = len(page) > limit
    page = page[:limit]
    links = [_link(request, "first", None), _link(request, "current", after)]
    if rest:
        links.append(_link(request, "next", key_of(page[-1])))
    return respond(request, [shown(item) for item in page], headers={"Link": ", ".join(links)})


def _link(request: Request, relation: str, cursor: str | None) -> str:
    params = metachannels.shown(request.query_params)  # whoever follows it has credentials of its own
    params.pop("cursor", None)
    if cursor is not None:
        params["cursor"] = cursor
    last = quote(request.scope["path"].rpartition("/")[2])  # older starlettes end request.url.path at a `?`
    return f'<./{last}?{urlencode(params)}>; rel="{relation}"'
