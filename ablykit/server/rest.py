"""The HTTP endpoints, on the same port as the WebSocket."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ablykit.protocol import AblyError, Format, NotAFrame
from ablykit.protocol.codec import plain, read
from ablykit.server.service import Service

_MEDIA = {Format.JSON: "application/json", Format.MSGPACK: "application/x-msgpack"}
_ENCODE: dict[Format, Callable[[Any], bytes]] = {
    Format.JSON: msgspec.json.encode,
    Format.MSGPACK: msgspec.msgpack.encode,
}

Endpoint = Callable[[Request], Awaitable[Response]]


def rest_app(service: Service) -> Starlette:
    """The HTTP side of a service, as an ASGI app."""

    async def time(request: Request) -> Response:
        return respond(request, [service.clock.now()])

    async def create_app(request: Request) -> Response:
        if not service.sandbox:
            raise AblyError(40400, "Apps can be made only in a sandbox: start with --sandbox")
        return respond(request, provision(service, await body(request), request), 201)

    async def refuse(request: Request, error: Exception) -> Response:
        return respond_error(request, error if isinstance(error, AblyError) else _http_error(error))

    return Starlette(
        routes=[
            Route("/time", time, methods=["GET"]),
            Route("/apps", create_app, methods=["POST"]),
        ],
        exception_handlers={AblyError: refuse, HTTPException: refuse},
    )


def provision(service: Service, wanted: dict[str, Any], request: Request) -> dict[str, Any]:
    """Make an app as `POST /apps` describes it: its keys, each with its capability."""
    keys = wanted.get("keys", [{}])
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):  # type: ignore[reportUnknownVariableType]
        raise AblyError(40001, "keys is a list of objects, each with its capability or empty")
    app = service.add_app()
    added = [service.add_key(app, key.get("capability")) for key in keys]  # type: ignore[reportUnknownVariableType]
    return {
        "accountId": service.instance,
        "appId": app.id,
        "keys": [
            {
                "id": key.api_key.key_id,
                "value": key.api_key.secret,
                "keyName": key.api_key.name,
                "keySecret": key.api_key.secret,
                "keyStr": key.api_key.reveal(),
                "capability": msgspec.json.encode(key.capability.grants).decode(),
            }
            for key in added
        ],
        "namespaces": wanted.get("namespaces", []),
        "endpoint": request.url.hostname,
        "port": request.url.port,
        "tls": request.url.scheme == "https",
    }


async def body(request: Request) -> dict[str, Any]:
    """The request's body as an object. Raises `AblyError` 40001 when it is none."""
    raw = await request.body()
    media = request.headers.get("content-type", "")
    try:
        value = read(raw, Format.MSGPACK if "msgpack" in media else Format.JSON)
    except NotAFrame as error:
        raise AblyError(40001, f"The body can't be read: {error.message}") from error
    if not isinstance(value, dict):
        raise AblyError(40001, "The body is an object")
    return value  # type: ignore[reportUnknownVariableType]


def respond(
    request: Request, value: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer in the format the client accepts."""
    accepted = request.headers.get("accept", "")
    wants_msgpack = "msgpack" in accepted or request.query_params.get("format") == "msgpack"
    format = Format.MSGPACK if wants_msgpack else Format.JSON
    return Response(_ENCODE[format](value), status, headers, media_type=_MEDIA[format])


def respond_error(request: Request, error: AblyError) -> Response:
    """An error as an answer, its code and message in headers too."""
    info = error.info
    headers = {
        "X-Ably-ErrorCode": str(info.code),
        "X-Ably-ErrorMessage": (info.message or "").encode("ascii", "replace").decode(),
    }
    return respond(request, {"error": plain(info)}, error.status, headers)


def _http_error(error: Exception) -> AblyError:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return AblyError(40500, "This address does not take that HTTP method")
    if status == 404:
        return AblyError(40400, "Nothing at this address")
    return AblyError(50000, "The request failed")
