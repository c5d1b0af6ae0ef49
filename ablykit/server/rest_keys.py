"""HTTP endpoints about keys and the app: tokens given and revoked, statistics."""

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from ablykit.protocol import AblyError, ChannelName, NotAFrame
from ablykit.protocol.codec import convert, plain
from ablykit.protocol.tokens import TokenRequest
from ablykit.server.auth import Identity, give_token, revocation
from ablykit.server.http import (
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
)
from ablykit.server.service import Service


async def request_token(service: Service, request: Request) -> Response:
    """`POST /keys/K/requestToken`: a token for who signed for it, or holds the key (RSA8, RSA9)."""
    body = await object_of(request)
    if isinstance(body.get("capability"), dict):
        raise AblyError(40000, "capability is a text: JSON within JSON")
    try:
        asked = convert(body, TokenRequest)
    except NotAFrame as error:
        raise AblyError(40000, error.message) from error
    holder: Identity | None = (
        caller(service, request).identity if "authorization" in request.headers else None
    )
    return respond(request, give_token(service, request.path_params["key"], asked, holder), 201)


async def revoke(caller: Caller, request: Request) -> Response:
    """`POST /keys/K/revokeTokens` (RSA17)."""
    key = caller.identity.key
    if caller.identity.is_token:
        raise AblyError(40162, "Tokens are revoked with an API key, not with a token")
    if request.path_params["key"] != key.api_key.name:
        raise AblyError(40101, "The key in the address is not the one that asks")
    if not key.revocable_tokens:
        raise AblyError(40163, "Tokens of this key can't be revoked: make it with revocableTokens")
    body = await object_of(request)
    targets = list_of(body.get("targets"))
    if not targets:
        raise AblyError(40000, "targets is a list with at least one, such as clientId:x")
    now = caller.service.clock.wall()
    before: Any = body.get("issuedBefore", now + 1)
    if not isinstance(before, int) or before > now + 1:
        raise AblyError(40003, "issuedBefore is a time in the past, in ms since 1970")
    results: list[dict[str, Any]] = []
    for target in targets:
        try:
            made = revocation(target, before)
            caller.service.revoke(caller.identity.app, made)
            results.append({"target": target, "appliesAt": now, "issuedBefore": before})
        except AblyError as error:
            results.append({"target": target, "error": plain(error.info)})
    return respond(request, batch(results), 201)


async def stats(caller: Caller, request: Request) -> Response:
    """`GET /stats`: what happened in the app, interval by interval (RSC6)."""
    _check_stats(caller)
    start, end, forwards = stretch(request)
    unit = request.query_params.get("unit", "minute")
    app = caller.identity.app
    found = [{**each, "appId": app.id} for each in app.stats.told(unit, start, end)]
    ordered = found if forwards else found[::-1]
    return respond_page(request, ordered, lambda each: str(each["intervalId"]), lambda each: each)


async def add_stats(caller: Caller, request: Request) -> Response:
    """`POST /stats` in a sandbox: counts that are said to have happened."""
    if not caller.service.sandbox:
        raise AblyError(40400, "Statistics can be made up only in a sandbox: start with --sandbox")
    _check_stats(caller)
    for fixture in one_or_more(await value_of(request)):
        if not isinstance(fixture, dict):
            raise AblyError(40000, "A fixture is an object with an intervalId and counts")
        caller.identity.app.stats.add(cast("dict[str, Any]", fixture))
    return respond(request, {}, 201)


def _check_stats(caller: Caller) -> None:
    if "stats" not in caller.identity.operations(ChannelName("*")):
        raise AblyError(40160, "Statistics need the operation stats on *")


ROUTES: dict[tuple[str, str], Any] = {
    ("POST", "/keys/{key}/revokeTokens"): revoke,
    ("GET", "/stats"): stats,
    ("POST", "/stats"): add_stats,
}
"""By method and path what answers; each is given who asks, and the request."""
