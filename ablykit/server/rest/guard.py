"""The middleware that every request passes before an endpoint sees it, and every response on its way out.

From the outside in:

1. The web page's origin is checked, before anything else happens.
2. Starlette's CORSMiddleware allows that page to read the response, whether it is a result or an error.
3. Every exception becomes a response with an error of Ably's form.
4. The host is checked. This is inside 2 and 3, so that a page can read why it was refused.
5. The body is counted while it arrives, so that no client can make the service hold too much.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ablykit.machine.browsers import Door
from ablykit.protocol import AblyError
from ablykit.protocol.redaction import quiet_logger
from ablykit.server.rest.http import respond_error

Refuse = Callable[[Request, Exception], Awaitable[Response]]

LONGEST_BODY = 2 * 1024 * 1024
"""The most bytes that a request's body may have: as many as Ably allows for a batch."""

MOST_ARRIVING = 16 * LONGEST_BODY
"""The most bytes that the bodies of all unfinished requests may have together."""

EXPOSED = ("Link", "X-Ably-ErrorCode", "X-Ably-ErrorMessage")
"""The response headers that a web page may read, besides those that browsers always allow."""


def guarded(door: Door, refuse: Refuse) -> list[Middleware]:
    """Return the middleware of an app. `door` decides which pages and hosts may use it; `refuse` answers
    errors."""
    handlers: dict[Any, Refuse] = {AblyError: refuse, ClientDisconnect: refuse, Exception: _logged(refuse)}
    return [
        Middleware(Checked, check=lambda headers: door.check_origins(headers.getlist("origin"))),
        Middleware(
            Cors,
            door=door,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            # Starlette answers `*` with the names that were asked for: a literal `*` omits Authorization.
            allow_headers=["*"],
            allow_credentials=True,  # ably-js sends credentials whenever it sends Authorization
            expose_headers=EXPOSED,
        ),
        Middleware(ExceptionMiddleware, handlers=handlers),
        Middleware(Checked, check=lambda headers: door.check_hosts(headers.getlist("host"))),
        Middleware(Bounded),
    ]


class Checked:
    """Middleware that refuses a request if a check of its headers raises `AblyError`."""

    def __init__(self, app: ASGIApp, check: Callable[[Headers], None]) -> None:
        self._app, self._check = app, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (the ASGI interface)."""
        try:
            self._check(Headers(scope=scope))
        except AblyError as error:
            await respond_error(Request(scope), error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Bounded:
    """Middleware that refuses bodies that are too long, or too many at once, before they take up memory.

    An endpoint decides when to read the body, and most authenticate the client first. Until then uvicorn
    stops reading from the socket.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (the ASGI interface). Raises `AblyError` 40009 or 50004."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            size = len(message.get("body", b""))
            taken += size
            self._arriving += size
            if taken > LONGEST_BODY:
                raise _too_long()
            if self._arriving > MOST_ARRIVING:
                raise AblyError(50004, "Too many requests with long bodies arrive at once: try again shortly")
            return message

        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and (len(declared) > 15 or int(declared) > LONGEST_BODY):
            raise _too_long()
        try:
            await self._app(scope, counted, send)
        finally:
            self._arriving -= taken


def _too_long() -> AblyError:
    return AblyError(
        40009, f"The request's body has more than {LONGEST_BODY} bytes: send several smaller ones", 413
    )


class Cors(CORSMiddleware):
    """Starlette's CORSMiddleware, with the door deciding which origins may read responses."""

    def __init__(self, app: ASGIApp, door: Door, **options: Any) -> None:
        super().__init__(app, **options)
        self._door = door

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether a page of this origin may read responses."""
        return self._door.allows_origin(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight request. A refusal has Ably's form, like every other error."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        request = Request({"type": "http", "headers": request_headers.raw, "query_string": b""})
        why = bytes(answer.body).decode()
        refusal = respond_error(request, AblyError(40000, f"A web page may not send this request: {why}"))
        refusal.headers.update({k: v for k, v in answer.headers.items() if not k.startswith("content-")})
        return refusal


def _logged(refuse: Refuse) -> Refuse:
    """Return a handler that logs an unexpected exception, secrets redacted, and then refuses the request."""

    async def answer(request: Request, error: Exception) -> Response:
        trace = "".join(traceback.format_exception(error))
        quiet_logger("ablykit.server").log(
            logging.ERROR, "%s %s failed\n%s", request.method, request.url.path, trace
        )
        return await refuse(request, error)

    return answer
