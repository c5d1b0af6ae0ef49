"""HTTP endpoints of keys and of the app: issue and revoke tokens, read statistics."""

import re
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from ablykit.protocol import AblyError, ChannelName, NotAFrame
from ablykit.protocol.codec import convert, plain
from ablykit.protocol.tokens import LONGEST_REVOCABLE_TTL, TokenRequest
from ablykit.server.access.auth import give_token
from ablykit.server.access.identity import Identity, Revocation, target
from ablykit.server.common.stats import moment, nested
from ablykit.server.rest.http import (
    Caller,
    batch,
    caller,
    list_of,
    object_of,
    one_or_more,
    respond,
    respond_page,
    stretch,
    value_of,
    version_of,
)
from ablykit.server.service import Service

FLAT = 3
"""The first protocol version whose statistics have flat names with dots (TS12r)."""

REAUTH_MARGIN = 30_000
"""How much time `allowReauthMargin` gives a client to get a new token, in ms."""

_WHOLE = re.compile("0|-?[1-9][0-9]{0,15}")

MOST_TARGETS = 100
"""The most targets that one request may revoke."""


async def request_token(service: Service, request: Request) -> Response:
    """`POST /keys/K/requestToken`: issue a token for a signed request, or to the key's holder (RSA8,
    RSA9)."""
    body = await object_of(request)
    for name in ("ttl", "timestamp"):
        body[name] = _whole(name, body.get(name))
    if isinstance(body.get("capability"), dict):
        raise AblyError(40000, "`capability` must be text: an object encoded as JSON within the JSON")
    try:
        asked = convert(body, TokenRequest)
    except NotAFrame as error:
        raise AblyError(40000, error.message) from error
    holder: Identity | None = (
        caller(service, request).identity if "authorization" in request.headers else None
    )
    name = request.path_params["key"]
    app, _ = service.named(name)
    try:
        given = give_token(service, name, asked, holder)
    except AblyError:
        if app:
            app.stats.count("tokenRequests.failed")
        raise
    if app:
        app.stats.count("tokenRequests.succeeded")
    return respond(request, given, 201)


def _whole(name: str, value: Any) -> Any:
    """Return a value that came as text as a whole number (RSA8c1); any other value unchanged.

    Raises `AblyError` 40003 for text that is not written as a whole number is. It must be exactly the text
    that the mac was made of, so `007` or ` 7` won't do.
    """
    if value == "" or not isinstance(value, str):
        return None if value == "" else value
    if not _WHOLE.fullmatch(value):
        raise AblyError(40003, f"{name} must be a whole number of milliseconds, not {value[:40]!r}")
    return int(value)


async def revoke(caller: Caller, request: Request) -> Response:
    """`POST /keys/K/revokeTokens`: revoke tokens of the key that authenticates the request (RSA17)."""
    key = caller.identity.key
    if caller.identity.is_token:
        raise AblyError(40162, "A token can't revoke tokens: authenticate with the API key itself")
    if request.path_params["key"] != key.api_key.name:
        raise AblyError(
            40101, "The key in the URL differs from the key that authenticates the request: use the same"
        )
    if not key.revocable_tokens:
        raise AblyError(40163, "Tokens of this key can't be revoked: make the key with revocableTokens")
    body = await object_of(request)
    targets = list_of(body.get("targets"))
    if not 0 < len(targets) <= MOST_TARGETS:
        raise AblyError(40000, f"`targets` must be a list of 1 to {MOST_TARGETS} targets such as clientId:x")
    if not all(isinstance(each, str) for each in targets):
        raise AblyError(40000, "Each of the `targets` must be text such as clientId:x")
    now = caller.service.clock.wall()
    before: Any = body.get("issuedBefore", now + 1)
    if not isinstance(before, int) or not now - LONGEST_REVOCABLE_TTL <= before <= now + 1:
        raise AblyError(40003, "issuedBefore must be a time within the last hour, in ms since 1970")
    margin = REAUTH_MARGIN if body.get("allowReauthMargin") is True else 0
    applies_at = caller.service.monotonic() + margin
    results: list[dict[str, Any]] = []
    made: list[Revocation] = []
    for each in targets:
        try:
            made.append(Revocation(*target(each), before, applies_at, key))
        except AblyError as error:
            results.append({"target": each, "error": plain(error.info)})
        else:
            results.append({"target": each, "appliesAt": now + margin, "issuedBefore": before})
    caller.service.revoke(caller.identity.app, made)
    return respond(request, batch(results), 201)


async def stats(caller: Caller, request: Request) -> Response:
    """`GET /stats`: return the app's statistics, interval by interval (RSC6)."""
    _check_stats(caller)
    start, end, forwards = stretch(request, moment)
    unit = request.query_params.get("unit") or request.query_params.get("by") or "minute"
    app = caller.identity.app
    found = [{**each, "appId": app.id} for each in app.stats.intervals(unit, start, end)]
    ordered = found if forwards else found[::-1]
    is_flat = version_of(request) >= FLAT
    return respond_page(
        request,
        ordered,
        lambda each: str(each["intervalId"]),
        lambda each: each if is_flat else nested(each),
    )


async def add_stats(caller: Caller, request: Request) -> Response:
    """`POST /stats`: add made-up counts, in a sandbox only."""
    if not caller.service.sandbox:
        raise AblyError(40400, "Statistics can be made up only in a sandbox: start the server with --sandbox")
    _check_stats(caller)
    for fixture in one_or_more(await value_of(request)):
        if not isinstance(fixture, dict):
            raise AblyError(40000, "A fixture must be an object with an `intervalId` and counts")
        caller.identity.app.stats.add(cast("dict[str, Any]", fixture))
    return respond(request, {}, 201)


def _check_stats(caller: Caller) -> None:
    caller.identity.check("stats", ChannelName("*"))


ROUTES: dict[tuple[str, str], Any] = {
    ("POST", "/keys/{key}/revokeTokens"): revoke,
    ("GET", "/stats"): stats,
    ("POST", "/stats"): add_stats,
}
"""The endpoint of each method and path: a function of the caller and the request."""
