"""The HTTP API of a service as an ASGI app: its routes, and how an exception becomes a response."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from ablykit.machine.browsers import Door
from ablykit.protocol import AblyError
from ablykit.protocol.codec import plain
from ablykit.server.access.app import App
from ablykit.server.access.registry import no_app
from ablykit.server.channels import metachannels
from ablykit.server.common.sources import Clock
from ablykit.server.rest import channels as rest_channels
from ablykit.server.rest import keys as rest_keys
from ablykit.server.rest.guard import guarded
from ablykit.server.rest.http import Caller, caller, object_of, respond, respond_error
from ablykit.server.rest.provision import provision
from ablykit.server.service import Service

Endpoint = Callable[[Request], Awaitable[Response]]

_ESCAPED = re.compile("%2f", re.IGNORECASE)
_STAND_IN = "\udc2f"
"""A character that replaces an escaped slash while routes are matched. No URL can contain it: it is not
UTF-8."""


def rest_app(service: Service, door: Door | None = None) -> Starlette:
    """Return the HTTP API of a service as an ASGI app. `door` decides which web pages may use it."""

    async def time(request: Request) -> Response:
        return respond(request, [await time_between(service.clock)])

    async def create_app(request: Request) -> Response:
        if not service.sandbox:
            raise AblyError(40400, "Apps can be made only in a sandbox: start the server with --sandbox")
        where = {
            "endpoint": request.url.hostname,
            "port": request.url.port,
            "tls": request.url.scheme == "https",
        }
        return respond(request, provision(service, await object_of(request)) | where, 201)

    async def delete_app(request: Request) -> Response:
        identity = caller(service, request).identity
        if not service.sandbox:
            raise AblyError(40400, "Apps can be deleted only in a sandbox: start the server with --sandbox")
        if identity.is_token or request.path_params["app"] != identity.app.id:
            raise AblyError(40100, "Deleting an app needs one of the app's own keys")
        service.remove_app(identity.app)
        return Response(status_code=204)

    async def request_token(request: Request) -> Response:
        return await rest_keys.request_token(service, request)

    def known(answer: Callable[[Caller, Request], Awaitable[Response]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            client = caller(service, request)
            app, refusal = client.identity.app, None
            try:
                return await answer(client, request)
            except Exception as error:
                refusal = _refusal(error)
                raise
            finally:
                app.stats.count("apiRequests.failed" if refusal else "apiRequests.succeeded")
                announce_request(app, request, refusal)

        return endpoint

    async def refuse(request: Request, error: Exception) -> Response:
        key = request.path_params.get("key")
        if key is not None and service.named(key)[0] is None:  # this matters more than a wrong method
            error = no_app(key)
        refusal = _refusal(error)
        service.denials.note(refusal, getattr(request.state, "identity", None))
        return respond_error(request, refusal)

    app = Starlette(
        routes=[
            Address("/time", time, methods=["GET"]),
            Address("/apps", create_app, methods=["POST"]),
            Address("/apps/{app}", delete_app, methods=["DELETE"]),
            Address("/keys/{key}/requestToken", request_token, methods=["POST"]),
            *(
                Address(path, known(answer), methods=[method])
                for (method, path), answer in {**rest_channels.ROUTES, **rest_keys.ROUTES}.items()
            ),
        ],
        middleware=guarded(door or Door(), refuse),
        exception_handlers={HTTPException: refuse},
    )
    app.router.redirect_slashes = False  # the redirect would repeat a key that is in the query
    return app


async def time_between(clock: Clock) -> int:
    """Return a time, in ms since 1970, that separates earlier timestamps from later ones.

    A client asks for the time to mark a point in the history. On one machine it could publish, ask and
    publish again within one millisecond, which is impossible over a network. So this takes two milliseconds,
    and returns a time that no message in that history has.
    """
    if clock.is_seeded:
        return clock.now()
    asked = clock.wall()
    await asyncio.sleep(0.002)
    return max(asked + 1, clock.wall() - 1)


class Address(Route):
    """A route that distinguishes a slash, which separates the parts of a path, from `%2F`, which is part of a
    name.

    Without this, the history of the channel `a/messages` could not be read: its path would be that of a
    message on the channel `a`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether the route matches a request, and the parts of its path, unescaped."""
        raw = scope["raw_path"].decode("ascii")
        if not _ESCAPED.search(raw):
            return super().matches(scope)
        path = unquote(_ESCAPED.sub(_STAND_IN, raw))
        match, found = super().matches({**scope, "path": path})
        parts = {name: text.replace(_STAND_IN, "/") for name, text in found.get("path_params", {}).items()}
        return match, {**found, "path_params": parts} if found else found


def announce_request(app: App, request: Request, refusal: AblyError | None) -> None:
    """Publish an HTTP request on the app's metachannel for requests."""
    name = request.path_params.get("channel")
    data = {
        "host": request.url.hostname,
        "headers": metachannels.shown(request.headers),
        "query": metachannels.shown(request.query_params),
        "path": request.url.path,
        "channels": [name] if name else None,
        "error": plain(refusal.info) if refusal else None,
    }
    event = "request.refused" if refusal else "request.succeeded"
    app.announce(metachannels.REQUEST_EVENTS, event, data)


def _refusal(error: Exception) -> AblyError:
    """Return the error to answer with when an endpoint raises an exception."""
    if isinstance(error, AblyError):
        return error
    if isinstance(error, ClientDisconnect):
        return AblyError(40000, "The client disconnected before its whole request had arrived")
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return AblyError(40500, "This path does not support the request's HTTP method")
    if status == 404:
        return AblyError(40400, "The service has nothing at this path: check the URL")
    return AblyError(50000, "The request failed inside the service: the server's log says why")
