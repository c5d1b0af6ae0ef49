"""The HTTP side of a service, on the same port as the WebSocket."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ablykit.browsers import Door
from ablykit.protocol import AblyError
from ablykit.protocol.codec import plain
from ablykit.server import metachannels, rest_channels, rest_keys
from ablykit.server.app import App
from ablykit.server.guard import guarded
from ablykit.server.http import Caller, caller, object_of, respond, respond_error
from ablykit.server.provision import provision
from ablykit.server.service import Service

Endpoint = Callable[[Request], Awaitable[Response]]


def rest_app(service: Service, door: Door | None = None) -> Starlette:
    """The HTTP side of a service, as an ASGI app; `door` decides whose requests it answers."""

    async def time(request: Request) -> Response:
        return respond(request, [await service.clock.between()])

    async def create_app(request: Request) -> Response:
        if not service.sandbox:
            raise AblyError(40400, "Apps can be made only in a sandbox: start with --sandbox")
        where = {
            "endpoint": request.url.hostname,
            "port": request.url.port,
            "tls": request.url.scheme == "https",
        }
        return respond(request, provision(service, await object_of(request)) | where, 201)

    async def delete_app(request: Request) -> Response:
        identity = caller(service, request).identity
        if not service.sandbox:
            raise AblyError(40400, "Apps can be deleted only in a sandbox: start with --sandbox")
        if identity.is_token or request.path_params["app"] != identity.app.id:
            raise AblyError(40100, "An app is deleted with one of its own keys")
        service.remove_app(identity.app)
        return Response(status_code=204)

    async def request_token(request: Request) -> Response:
        return await rest_keys.request_token(service, request)

    def known(answer: Callable[[Caller, Request], Awaitable[Response]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            who = caller(service, request)
            app, refusal = who.identity.app, None
            try:
                return await answer(who, request)
            except Exception as error:
                refusal = _refusal(error)
                raise
            finally:
                app.stats.count("apiRequests.failed" if refusal else "apiRequests.succeeded")
                tell_request(app, request, refusal)

        return endpoint

    async def refuse(request: Request, error: Exception) -> Response:
        key = request.path_params.get("key")
        if key is not None and key.partition(".")[0] not in service.apps:  # before: not for this method
            error = AblyError(40400, f"No app {key.partition('.')[0][:40]!r} here")
        refusal = _refusal(error)
        service.denials.note(refusal, getattr(request.state, "identity", None))
        return respond_error(request, refusal)

    return Starlette(
        routes=[
            Route("/time", time, methods=["GET"]),
            Route("/apps", create_app, methods=["POST"]),
            Route("/apps/{app}", delete_app, methods=["DELETE"]),
            Route("/keys/{key}/requestToken", request_token, methods=["POST"]),
            *(
                Route(path, known(answer), methods=[method])
                for (method, path), answer in {**rest_channels.ROUTES, **rest_keys.ROUTES}.items()
            ),
        ],
        middleware=guarded(door or Door(), refuse),
        exception_handlers={HTTPException: refuse},
    )


def tell_request(app: App, request: Request, refusal: AblyError | None) -> None:
    """Tell who listens to the metachannel of an app's HTTP requests."""
    name = request.path_params.get("channel")
    told = {
        "host": request.url.hostname,
        "headers": metachannels.shown(request.headers),
        "query": metachannels.shown(request.query_params),
        "path": request.url.path,
        "channels": [name] if name else None,
        "error": plain(refusal.info) if refusal else None,
    }
    event = "request.refused" if refusal else "request.succeeded"
    app.tell(metachannels.REQUEST_EVENTS, event, told)


def _refusal(error: Exception) -> AblyError:
    """What is answered when an endpoint raises this."""
    if isinstance(error, AblyError):
        return error
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return AblyError(40500, "This address does not take that HTTP method")
    if status == 404:
        return AblyError(40400, "Nothing at this address")
    return AblyError(50000, "The request failed")
