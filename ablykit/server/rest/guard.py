"""What a request passes before any endpoint sees it, and an answer on its way out.

From the outside in: the page's origin is checked; starlette's CORSMiddleware lets that page read the answer,
whatever it is; every failure becomes an error of Ably's form; the host is checked; and the body is counted
while it arrives, so that no client can make the service hold more than it should.
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
"""How many bytes a request's body may have: as many as the largest that Ably takes, a batch."""

MOST_ARRIVING = 16 * LONGEST_BODY
"""How many bytes the bodies of all requests may have together while they arrive and are worked on."""

EXPOSED = ("Link", "X-Ably-ErrorCode", "X-Ably-ErrorMessage")
"""The headers of an answer that a web page may read, beyond those that it always may."""


def guarded(door: Door, refuse: Refuse) -> list[Middleware]:
    """The middleware of an app whose requests `door` decides on, and whose errors `refuse` answers."""
    handlers: dict[Any, Refuse] = {AblyError: refuse, ClientDisconnect: refuse, Exception: _logged(refuse)}
    return [
        Middleware(Checked, check=lambda headers: door.check_origins(headers.getlist("origin"))),
        Middleware(
            Cors,
            door=door,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],  # it answers with the names that are asked for: `*` leaves Authorization out
            allow_credentials=True,  # ably-js asks so whenever it sends Authorization
            expose_headers=EXPOSED,
        ),
        Middleware(ExceptionMiddleware, handlers=handlers),
        Middleware(Checked, check=lambda headers: door.check_hosts(headers.getlist("host"))),
        Middleware(Bounded),
    ]


class Checked:
    """Refuses requests whose headers do not pass a check."""

    def __init__(self, app: ASGIApp, check: Callable[[Headers], None]) -> None:
        self._app, self._check = app, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks."""
        try:
            self._check(Headers(scope=scope))
        except AblyError as error:
            await respond_error(Request(scope), error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Bounded:
    """Refuses bodies that are too long, or too many at once, before they are held in memory.

    An endpoint reads a body when it wants to, which most do only once they know who asks. Until then uvicorn
    stops reading from the socket.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks. Raises `AblyError` 40009 or 50004."""
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
                raise AblyError(50004, "Too many requests with long bodies at once: try again shortly")
            return message

        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and (len(declared) > 15 or int(declared) > LONGEST_BODY):
            raise _too_long()
        try:
            await self._app(scope, counted, send)
        finally:
            self._arriving -= taken


def _too_long() -> AblyError:
    return AblyError(40009, f"The request's body has more than {LONGEST_BODY} bytes: send it in parts", 413)


class Cors(CORSMiddleware):
    """Starlette's, which lets those pages read answers that may ask."""

    def __init__(self, app: ASGIApp, door: Door, **options: Any) -> None:
        super().__init__(app, **options)
        self._door = door

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether a page of this origin may read answers."""
        return self._door.allows_origin(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight; a refusal has Ably's form, as every other one has."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        request = Request({"type": "http", "headers": request_headers.raw, "query_string": b""})
        why = bytes(answer.body).decode()
        refusal = respond_error(request, AblyError(40000, f"A web page may not ask this way: {why}"))
        refusal.headers.update({k: v for k, v in answer.headers.items() if not k.startswith("content-")})
        return refusal


def _logged(refuse: Refuse) -> Refuse:
    """Answer an exception that nobody foresaw, and log it with its traceback, secrets redacted."""

    async def answer(request: Request, error: Exception) -> Response:
        trace = "".join(traceback.format_exception(error))
        quiet_logger("ablykit.server").log(
            logging.ERROR, "%s %s failed\n%s", request.method, request.url.path, trace
        )
        return await refuse(request, error)

    return answer
