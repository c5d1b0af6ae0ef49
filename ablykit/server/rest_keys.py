"""HTTP endpoints about keys: tokens given, tokens revoked."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ablykit.protocol import AblyError, NotAFrame
from ablykit.protocol.codec import convert, plain
from ablykit.protocol.tokens import TokenRequest
from ablykit.server.auth import Identity, give_token, revocation
from ablykit.server.http import Caller, caller, list_of, object_of, respond
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
    failed = sum("error" in result for result in results)
    return respond(
        request, {"successCount": len(results) - failed, "failureCount": failed, "results": results}, 201
    )


ROUTES: dict[tuple[str, str], Any] = {("POST", "/keys/{key}/revokeTokens"): revoke}
"""By method and path what answers; each is given who asks, and the request."""
