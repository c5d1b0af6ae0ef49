"""What all HTTP endpoints share: authenticating the request, reading it, and making the response."""

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
"""The newest version of the protocol that the service knows."""

FOREVER = 10**15
"""A time in ms that is later than any other."""

DEFAULT_PAGE, LONGEST_PAGE = 100, 1_000
"""The number of items on a page, by default and at most (RSL2b3)."""


@dataclass(frozen=True)
class Caller:
    """The client that sent a request, and the service that answers it."""

    service: Service
    identity: Identity
    client_id: str | None

    @property
    def publisher(self) -> Publisher:
        """The publisher of what this request publishes."""
        return Publisher(
            self.identity,
            self.identity.app.limits,
            self.client_id,
            self.service.connections.get,
            self.service.enforce_rates,
        )

    def refused(self, error: AblyError, channel: str) -> dict[str, Any]:
        """Return the result of one refused operation in a batch, and note the refusal."""
        self.service.denials.note(error, self.identity, channel=channel)
        return {"channel": channel, "error": plain(error.info)}

    def channel_name(self, request: Request, *operations: str) -> ChannelName:
        """Return the channel name in the request's URL.

        Raises `AblyError` 40010 for an invalid name, 40160 if the caller may do none of the operations there.
        """
        name = ChannelName.parse(request.path_params["channel"])
        self.identity.check_any(operations, name)
        return name


def caller(service: Service, request: Request) -> Caller:
    """Return the client that sent a request. Raises `AblyError` 40012, 40101, and the errors of
    `identify`."""
    identity = _identity(service, request)
    header = request.headers.get("x-ably-clientid")
    client_id = request.query_params.get("clientId") if header is None else _from_base64(header)
    if client_id == identity.client_id == ANYONE:
        client_id = (
            None  # SDKs send the `*` of a wildcard token; it stands for "any", and is nobody's clientId
        )
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
        raise AblyError(40012, f"X-Ably-ClientId must be a clientId in base64: {error}") from error


async def value_of(request: Request) -> Any:
    """Return the request's body, decoded from JSON or MessagePack. Raises `AblyError` 40001 if it can't
    be."""
    raw = await request.body()
    format = Format.MSGPACK if "msgpack" in request.headers.get("content-type", "") else Format.JSON
    try:
        return read(raw, format)
    except NotAFrame as error:
        raise AblyError(40001, f"The request's body can't be decoded: {error.message}") from error


async def object_of(request: Request) -> dict[str, Any]:
    """Return the request's body, which must be an object. Raises `AblyError` 40001 if it is not."""
    value = await value_of(request)
    if not isinstance(value, dict):
        raise AblyError(40001, "The request's body must be an object")
    return value  # type: ignore[reportUnknownVariableType]


class _Awaited:
    """The answer to a publish, for an HTTP request that waits for it (see `answers.Answer`)."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[PublishResult] = asyncio.get_running_loop().create_future()

    def ack(self, result: PublishResult | None = None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(result or PublishResult())

    def nack(self, error: AblyError) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


async def decided(publish: Callable[[Answer], None]) -> PublishResult:
    """Call `publish` with an answer, wait for the answer, and return its result.

    Raises `AblyError` if the publish is refused; 50003 if the log does not answer in time.
    """
    answer = _Awaited()
    publish(answer)
    try:
        async with asyncio.timeout(PATIENCE / 1000):
            return await answer.outcome
    except TimeoutError:
        raise AblyError(50003, LATE) from None


def list_of(value: Any) -> list[Any]:
    """Return a value if it is a list, and an empty list otherwise."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def one_or_more(value: Any) -> list[Any]:
    """Return a list unchanged, and any other value as a list of one."""
    return list_of(value) if isinstance(value, list) else [value]


def batch(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the response to a batch: the results, each with a value or an error, and their counts (BPR, BGR,
    TRS)."""
    failed = sum("error" in result for result in results)
    return {"successCount": len(results) - failed, "failureCount": failed, "results": results}


def format_for(request: Request) -> Format:
    """Return the format that the client accepts."""
    accepted = request.headers.get("accept", "")
    wants_msgpack = "msgpack" in accepted or request.query_params.get("format") == "msgpack"
    return Format.MSGPACK if wants_msgpack else Format.JSON


def version_of(request: Request) -> int:
    """Return the protocol version that the client speaks (CSV2), or the newest if it names none."""
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
    """Return a response in the given format, or in the one that the client accepts."""
    format = format_for(request) if format is None else format
    return Response(_ENCODE[format](_plain(value)), status, headers, media_type=MEDIA[format])


def respond_error(request: Request, error: AblyError, **more: Any) -> Response:
    """Return an error as a response, with its code and message in headers too. `more` are other members of
    the body.

    Clients of protocol v1 read errors as JSON, whichever format they accept.
    """
    info = error.info
    headers = {
        "X-Ably-ErrorCode": str(info.code),
        "X-Ably-ErrorMessage": _header_text(info.message or ""),
    }
    format = Format.JSON if version_of(request) < 2 else None
    return respond(request, {"error": plain(info), **more}, error.status, headers, format)


def _header_text(text: str) -> str:
    """Return text as a header can carry it: one line of ASCII, with `?` for anything else."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def _plain(value: Any) -> Any:
    if isinstance(value, Wire):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value  # type: ignore[reportUnknownVariableType]


def number_param(
    request: Request, name: str, default: int, *, least: int = 0, most: int | None = None
) -> int:
    """Return a whole number in the query. Raises `AblyError` 40003 for other text or a number out of
    bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise AblyError(40003, f"{name} must be a whole number, not {text[:40]!r}")
    if int(text) < least or (most is not None and int(text) > most):
        raise AblyError(40003, f"{name} must be from {least} to {most}, not {text}")
    return int(text)


def stretch(
    request: Request, moment: Callable[[str], int | None] = lambda text: None
) -> tuple[int, int, bool]:
    """Return the start and end in the query (ms since 1970), and whether the oldest item comes first (RSL2b).

    `moment` reads a time that is not a number, or returns None. Raises `AblyError` 40003 for an invalid time
    or direction.
    """
    direction = request.query_params.get("direction", "backwards")
    if direction not in DIRECTIONS:
        raise AblyError(40003, f"direction must be backwards or forwards, not {direction[:40]!r}")
    start, end = (
        number_param(request, name, usual)
        if (named := moment(request.query_params.get(name, ""))) is None
        else named
        for name, usual in (("start", 0), ("end", FOREVER))
    )
    if start > end:
        raise AblyError(40003, f"start must not be after end: {start} is after {end}")
    return start, end, direction == "forwards"


def respond_page(
    request: Request, items: Iterable[T], key_of: Callable[[T], str], shown: Callable[[T], Any]
) -> Response:
    """Return a page of items, with a Link header that leads to the next page (TG).

    `key_of` returns a name for an item: the next page starts after the item that the cursor names. `shown`
    returns an item as the response has it.
    """
    limit = number_param(request, "limit", DEFAULT_PAGE, least=1, most=LONGEST_PAGE)
    after = request.query_params.get("cursor")
    left = iter(items)
    if after is not None and all(key_of(item) != after for item in left):  # this moves `left` past that item
        raise AblyError(40003, "The page before this one is no longer kept: begin again with the first page")
    page = list(islice(left, limit + 1))
    rest = len(page) > limit
    page = page[:limit]
    links = [_link(request, "first", None), _link(request, "current", after)]
    if rest:
        links.append(_link(request, "next", key_of(page[-1])))
    return respond(request, [shown(item) for item in page], headers={"Link": ", ".join(links)})


def _link(request: Request, relation: str, cursor: str | None) -> str:
    params = metachannels.shown(request.query_params)  # no credentials in links: the client sends them again
    params.pop("cursor", None)
    if cursor is not None:
        params["cursor"] = cursor
    last = quote(request.scope["path"].rpartition("/")[2])  # older starlettes end request.url.path at a `?`
    return f'<./{last}?{urlencode(params)}>; rel="{relation}"'
