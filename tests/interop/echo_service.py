"""A stand-in for the servers on the internet that the test suites of Ably's SDKs use, above all Ably's echo service.

A hosts file leads their names here (`offline.py`). Tests of `authUrl` fetch tokens and JWTs from it, and connectivity
checks learn that the internet is up.
"""

import asyncio
import base64
import json
import ssl
import time
from urllib.parse import parse_qsl

import jwt
import trustme
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn import Config, Server

NAMES = ("echo.ably.io", "example.com", "internet-up.ably-realtime.com", "ws-up.ably-realtime.com")
"""The names it answers for."""

TYPES = {"json": "application/json; charset=utf-8", "jwt": "application/jwt", "text": "text/plain"}
"""The types of an answer, by the names that the suites have for them."""

KEEP_ALIVE = 120
"""How long an idle connection is kept, in seconds: longer than any test takes to use it again."""


async def respond_with(request: Request) -> Response:
    """Answer with the body, type and status that the query asks for; a form that is posted is a JSON body.

    A request that asks for nothing is a bad one.
    """
    if request.url.hostname == "example.com":
        return HTMLResponse("<h1>Example Domain</h1>", 404 if request.url.path == "/404" else 200)
    asked, form = request.query_params, dict(parse_qsl((await request.body()).decode()))
    body = asked.get("body", json.dumps(form) if form else "")
    status = int(asked.get("status", "200" if asked or form else "400"))
    return Response(body, status, media_type=TYPES.get(asked.get("type", ""), "text/html"))


async def qs_to_body(request: Request) -> Response:
    """Answer with the query itself, as JSON."""
    return JSONResponse(dict(request.query_params))


async def create_jwt(request: Request) -> Response:
    """Answer with a JWT signed by the given key, or with one around the token given as `innerToken`."""
    asked, now = request.query_params, int(time.time())
    claims = {"x-ably-clientId": asked.get("clientId"), "x-ably-capability": asked.get("capability")}
    claims |= {"iat": now, "exp": now + int(asked.get("expiresIn", "3600"))}
    header = {"x-ably-token": asked["innerToken"]} if "innerToken" in asked else {"kid": asked["keyName"]}
    if "encrypted" in asked:  # Ably can read the header of such a JWT only
        sealed = base64.urlsafe_b64encode(json.dumps({"alg": "dir", "enc": "A128GCM", **header}).encode())
        token = f"{sealed.decode().rstrip('=')}..aXY.Y2lwaGVydGV4dA.dGFn"
    else:
        given = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(given, asked["keySecret"], "HS256", headers=header)
    return Response(token, media_type=TYPES["jwt" if asked.get("returnType") == "jwt" else "text"])


async def methods(request: Request) -> Response:
    """Answer with the method of the request."""
    return JSONResponse({"method": request.method.lower()})


async def internet_up(_: Request) -> Response:
    """Say that the internet is up."""
    return PlainTextResponse("yes")


async def ws_up(websocket: WebSocket) -> None:
    """Accept a WebSocket, which is all that is wanted."""
    await websocket.accept()
    await websocket.close()


EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE"]
app = Starlette(
    routes=[
        Route("/qs_to_body", qs_to_body),
        Route("/createJWT", create_jwt),
        Route("/methods", methods, methods=EVERY),
        Route("/is-the-internet-up.txt", internet_up),
        WebSocketRoute("/", ws_up),
        Route("/{path:path}", respond_with, methods=EVERY),
    ]
)


async def serve(host: str, ca: trustme.CA) -> None:
    """Answer on the usual ports of `host`, with certificates by `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*NAMES).configure_cert(context)
    plain, secure = (
        Config(app, host=host, port=port, log_level="warning", timeout_keep_alive=KEEP_ALIVE)
        for port in (80, 443)
    )
    secure.load()
    secure.ssl = context
    await asyncio.gather(Server(plain).serve(), Server(secure).serve())
