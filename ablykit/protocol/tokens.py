"""Tokens: signed token requests, the tokens issued for them, and JWTs (RSA8, RSA9)."""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any, cast

from ablykit.protocol.codec import Format, NotAFrame, read
from ablykit.protocol.credentials import ApiKey, Capability
from ablykit.protocol.errors import AblyError
from ablykit.protocol.frames import Int, Wire

DEFAULT_TTL = 3_600_000
LONGEST_TTL = 86_400_000
"""How long a token lives by default, and at most, in ms (TK2a)."""

LONGEST_REVOCABLE_TTL = 3_600_000
"""How long a token of a key with revocable tokens lives at most, in ms."""

LATEST = 253_402_300_799
"""The last second of the year 9999, in seconds since 1970: `datetime` knows no later one."""

EMBEDDED = "x-ably-token"
"""The name under which the header or the claims of a third party's JWT carry an Ably token."""


class TokenRequest(Wire):
    """A request for a token, signed with a key so that a client without that key can send it (TE)."""

    key_name: str | None = None
    ttl: Int | None = None
    capability: str | None = None
    client_id: str | None = None
    timestamp: Int | None = None
    nonce: str | None = None
    mac: str | None = None


class TokenDetails(Wire):
    """A token and its details (TD). Times are in ms since 1970."""

    token: str
    key_name: str
    issued: Int
    expires: Int
    capability: str
    client_id: str | None = None


def mac_of(request: TokenRequest, secret: str) -> str:
    """Return the signature of a token request (RSA9g): an HMAC over its members, one on each line."""
    members = (
        request.key_name,
        request.ttl,
        request.capability,
        request.client_id,
        request.timestamp,
        request.nonce,
    )
    text = "".join(f"{'' if member is None else member}\n" for member in members)
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def token_request(
    key: ApiKey,
    *,
    ttl: int | None = None,
    capability: object = None,
    client_id: str | None = None,
    timestamp: int | None = None,
) -> TokenRequest:
    """Return a signed token request (RSA9). `ttl` is in ms, `timestamp` in ms since 1970 (by default now)."""
    request = TokenRequest(
        key_name=key.name,
        ttl=ttl,
        capability=None if capability is None else Capability.parse(capability).canonical(),
        client_id=client_id,
        timestamp=int(time.time() * 1000) if timestamp is None else timestamp,
        nonce=secrets.token_urlsafe(16),
    )
    return request.replace(mac=mac_of(request, key.secret))


def jwt(
    key: ApiKey,
    *,
    ttl: int = DEFAULT_TTL,
    capability: object = None,
    client_id: str | None = None,
    revocation_key: str | None = None,
) -> str:
    """Return a JWT that Ably accepts as a token (RSA8g), signed with the key's secret.

    `ttl` is in ms. Without `capability`, the token allows everything that the key allows.
    """
    issued = int(time.time())
    claims: dict[str, Any] = {"iat": issued, "exp": issued + ttl // 1000}
    if capability is not None:
        claims["x-ably-capability"] = Capability.parse(capability).canonical()
    if client_id is not None:
        claims["x-ably-clientId"] = client_id
    if revocation_key is not None:
        claims["x-ably-revocation-key"] = revocation_key
    import jwt as pyjwt  # here, because it imports much of cryptography: see tests/test_package.py

    return pyjwt.encode(claims, key.secret, algorithm="HS256", headers={"kid": key.name})


def jwt_header(token: str) -> dict[str, Any] | None:
    """Return the header of a JWT, signed or encrypted; None for text that is not a JWT."""
    parts = token.split(".")
    return jwt_object(parts[0]) if len(parts) in (3, 5) else None


def jwt_key_name(header: dict[str, Any]) -> str:
    """Return the `kid` in a JWT's header. Raises `AblyError` 40144 if there is none."""
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise AblyError(40144, "The JWT's header needs a kid: the name of the key that signed the JWT")
    return kid


def jwt_embedded(token: str, header: dict[str, Any]) -> tuple[str, float | None] | None:
    """Return the Ably token in a third party's JWT and the JWT's `exp`; None if the JWT has no token in it.

    `exp` is in seconds since 1970; it is None if the JWT has none or is encrypted. Nothing in such a JWT can
    be verified, since it is signed with a secret that Ably does not have. So `exp` may only make the token
    expire earlier. Raises `AblyError` 40144 for an `exp` that is not a time.
    """
    signed = token.split(".")
    claims = (jwt_object(signed[1]) if len(signed) == 3 else None) or {}
    inner = header.get(EMBEDDED, claims.get(EMBEDDED))
    if not isinstance(inner, str):
        return None
    return inner, _time(claims, "exp") if "exp" in claims else None


def jwt_claims(token: str, key: ApiKey) -> dict[str, Any]:
    """Return the claims of a JWT after verifying its signature. Raises `AblyError` 40144 for an invalid JWT.

    `iat`, `exp` and, if present, `nbf` are valid times, in seconds since 1970. Whether the JWT is valid *now*
    is for the caller to decide, by its own clock.
    """
    import jwt as pyjwt

    try:
        payload = token.split(".")[1]
        pyjwt.PyJWS().decode(token, key.secret, algorithms=["HS256"])
    except (pyjwt.PyJWTError, IndexError, RecursionError) as error:
        raise AblyError(40144, f"The JWT is not valid: {error}") from None
    claims = jwt_object(payload)
    if claims is None:
        raise AblyError(40144, "The JWT's claims must be a JSON object")
    times = ("iat", "exp", "nbf") if "nbf" in claims else ("iat", "exp")
    return claims | {name: _time(claims, name) for name in times}


def jwt_object(part: str) -> dict[str, Any] | None:
    """Return the JSON object in one part of a JWT; None if there is none.

    It is decoded as frames are, because Python's `json` accepts NaN and lone surrogates, which are not JSON.
    """
    try:
        value = read(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), Format.JSON)
    except (ValueError, NotAFrame):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _time(claims: dict[str, Any], name: str) -> float:
    """Return a claim that must be a time, in seconds since 1970. Raises `AblyError` 40144 if it is not."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST:
        raise AblyError(40144, f"The JWT's {name} must be a time: a number of seconds since 1970")
    return value
