"""The HTTP side of a service, on the same port as the WebSocket."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ablykit.protocol import AblyError
from ablykit.server import rest_channels, rest_keys
from ablykit.server.http import CORS, Caller, caller, list_of, object_of, respond, respond_error
from ablykit.server.service import Service

Endpoint = Callable[[Request], Awaitable[Response]]


def rest_app(service: Service) -> Starlette:
    """The HTTP side of a service, as an ASGI app."""

    async def time(request: Request) -> Response:
        return respond(request, [service.clock.now()])

    async def create_app(request: Request) -> Response:
        if not service.sandbox:
            raise AblyError(40400, "Apps can be made only in a sandbox: start with --sandbox")
        return respond(request, provision(service, await object_of(request), request), 201)

    async def request_token(request: Request) -> Response:
        return await rest_keys.request_token(service, request)

    def known(answer: Callable[[Caller, Request], Awaitable[Response]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            who = caller(service, request)
            try:
                answered = await answer(who, request)
            except AblyError:
                who.identity.app.stats.count("apiRequests.all.failed")
                raise
            who.identity.app.stats.count("apiRequests.all.succeeded")
            return answered

        return endpoint

    async def refuse(request: Request, error: Exception) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=CORS)
        return respond_error(request, error if isinstance(error, AblyError) else _http_error(error))

    return Starlette(
        routes=[
            Route("/time", time, methods=["GET"]),
            Route("/apps", create_app, methods=["POST"]),
            Route("/keys/{key}/requestToken", request_token, methods=["POST"]),
            *(
                Route(path, known(answer), methods=[method])
                for (method, path), answer in {**rest_channels.ROUTES, **rest_keys.ROUTES}.items()
            ),
        ],
        exception_handlers={AblyError: refuse, HTTPException: refuse},
    )


def provision(service: Service, wanted: dict[str, Any], request: Request) -> dict[str, Any]:
    """Make an app as `POST /apps` describes it: its keys, each with its capability."""
    keys = wanted.get("keys", [{}])
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):  # type: ignore[reportUnknownVariableType]
        raise AblyError(40001, "keys is a list of objects, each with its capability or empty")
    app = service.add_app(mutable=_mutable(wanted.get("namespaces")))
    added = [
        service.add_key(app, key.get("capability"), revocable_tokens=key.get("revocableTokens") is True)  # type: ignore[reportUnknownMemberType]
        for key in keys  # type: ignore[reportUnknownVariableType]
    ]
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


def _mutable(namespaces: Any) -> list[str]:
    """The names of the namespaces whose messages can be revised."""
    listed = [cast("dict[str, Any]", each) for each in list_of(namespaces) if isinstance(each, dict)]
    return [str(each.get("id")) for each in listed if each.get("mutableMessages") is True]


def _http_error(error: Exception) -> AblyError:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return AblyError(40500, "This address does not take that HTTP method")
    if status == 404:
        return AblyError(40400, "Nothing at this address")
    return AblyError(50000, "The request failed")
