"""Authentication: turn an API key, an Ably token or a JWT into an identity, and issue tokens (RSA)."""

import base64
import hmac
from dataclasses import replace
from typing import Any

from ablykit.protocol import AblyError, ApiKey, Capability, ConnectionParams
from ablykit.protocol.credentials import is_id
from ablykit.protocol.tokens import (
    DEFAULT_TTL,
    LONGEST_REVOCABLE_TTL,
    LONGEST_TTL,
    TokenDetails,
    TokenRequest,
    jwt_claims,
    jwt_embedded,
    jwt_header,
    jwt_key_name,
    mac_of,
)
from ablykit.server.access.app import App, Key
from ablykit.server.access.identity import Identity
from ablykit.server.access.registry import CLOCK_TOLERANCE, Registry, no_app, no_key

SECOND = 1_000
"""One second in ms: the times in a JWT are in seconds, all others in ms."""


def identify(service: Registry, params: ConnectionParams, *, secure: bool) -> Identity:
    """Return the identity of a connecting client. Raises `AblyError` 40101, 40103, 40400, or 4014x for a
    token."""
    if params.key is not None:
        return by_key(service, params.key, secure=secure)
    if params.access_token is not None:
        return by_token(service, params.access_token)
    raise AblyError(40101, "No authentication information provided")


def by_header(service: Registry, authorization: str, *, secure: bool) -> Identity:
    """Return the identity that an HTTP request's `Authorization` header gives. Raises the errors of
    `identify`."""
    scheme, _, given = authorization.partition(" ")
    try:
        text = base64.b64decode(given.strip(), validate=True).decode()
    except ValueError:  # binascii.Error, UnicodeDecodeError, and what is not ASCII
        text = None
    if scheme.lower() == "basic" and text is not None:
        return by_key(service, text, secure=secure)
    if scheme.lower() == "bearer":
        return by_token(service, given.strip() if text is None or "." not in text else text)
    raise AblyError(40101, "The Authorization header must be Basic or Bearer, followed by base64")


def by_key(service: Registry, text: str, *, secure: bool) -> Identity:
    """Return the identity of an API key. Raises `AblyError` 40101, 40103 without TLS, or 40400."""
    if not (secure or service.sandbox):
        raise AblyError(40103, "An API key may be sent only over TLS: use wss:// (or https://)")
    app, key = service.key_of(text)
    return Identity(app, key)


def by_token(service: Registry, token: str) -> Identity:
    """Return the identity of a token: one that this service issued, a JWT, or a JWT that embeds either.

    Raises `AblyError` 40003, 40101, 40141 to 40144, or 40400.
    """
    identity = _holder(service, token)
    if identity.deadline is not None and identity.deadline <= service.monotonic():
        raise AblyError(40142, "The token has expired: get a new one")
    if service.is_revoked(identity):
        raise AblyError(40141, "The token was revoked: get a new one")
    return identity


def by_new_token(service: Registry, token: str, app: App, client_id: str | None) -> Identity:
    """Return the identity for a new token on an open connection of this app and clientId (RTC8a).

    Raises `AblyError` 40102 for a token of another app or clientId, and the errors of `by_token`.
    """
    identity = by_token(service, token)
    if identity.app is not app or identity.named(client_id) != client_id:
        raise AblyError(
            40102, "The new token is for another app or clientId than this connection: get one for the same"
        )
    return identity


def _holder(service: Registry, token: str) -> Identity:
    """Return the identity of a token, which may have expired or been revoked."""
    header = jwt_header(token)
    if header is None:
        identity = service.tokens.get(token)
        if identity is None:
            raise _unknown(service, token)
        return identity
    embedded = jwt_embedded(token, header)
    return _by_embedded(service, *embedded) if embedded else _by_jwt(service, token, jwt_key_name(header))


def _unknown(service: Registry, token: str) -> AblyError:
    """Return the error for an unknown token.

    After 40143 an SDK gets a new token and connects again; after 40101 it gives up. So text that never was a
    token gets 40101, and a token that this service may have issued before a restart gets 40143.
    """
    app_id, dot, _ = token.partition(".")
    if dot and (app_id in service.apps or is_id(app_id)):
        return AblyError(40143, "This service did not issue the token, or it expired long ago: get a new one")
    return AblyError(40101, "This is not a token: it is neither a JWT nor starts with an app id and a dot")


def _by_embedded(service: Registry, inner: str, ends: float | None) -> Identity:
    """Return the identity of the token in a JWT. `ends` is the JWT's `exp`, in seconds since 1970."""
    if (header := jwt_header(inner)) and jwt_embedded(inner, header):
        raise AblyError(40144, "The token in the JWT embeds another token: only one level is allowed")
    identity = _holder(service, inner)
    if ends is None or identity.deadline is None:
        return identity
    deadline = service.monotonic() + ends * SECOND - service.clock.wall()
    if deadline > identity.deadline + SECOND:
        raise AblyError(40144, "The JWT expires after the token in it: give it an exp that is not later")
    return replace(identity, deadline=min(deadline, identity.deadline))


def _by_jwt(service: Registry, token: str, kid: str) -> Identity:
    app, key = service.named(kid)
    if app is None:
        raise no_app(kid)
    if key is None:
        raise AblyError(40144, f"The JWT's kid names a key that this service does not have: {kid[:60]!r}")
    claims = jwt_claims(token, key.api_key)
    now = service.clock.wall()
    if claims["iat"] * SECOND > now + CLOCK_TOLERANCE:
        raise AblyError(
            40144, "The JWT's iat is in the future: it must be the time of issue, in seconds since 1970"
        )
    if claims.get("nbf", 0) * SECOND > now:
        raise AblyError(40144, "The JWT is not valid yet: its nbf is in the future")
    _check_life(key, (claims["exp"] - claims["iat"]) * SECOND)
    return Identity(
        app,
        key,
        _text(claims, "x-ably-clientId"),
        _capability(claims.get("x-ably-capability")),
        deadline=service.monotonic() + claims["exp"] * SECOND - now,
        issued=int(claims["iat"] * SECOND),
        revocation_key=_text(claims, "x-ably-revocation-key"),
    )


def _check_life(key: Key, ttl: float) -> None:
    """Raise `AblyError` 40003 if a token of this key may not live for `ttl` ms."""
    longest = LONGEST_REVOCABLE_TTL if key.revocable_tokens else LONGEST_TTL
    if ttl > longest:
        raise AblyError(40003, f"A token of this key may live at most {longest} ms, not {ttl:.0f} ms")


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise AblyError(40144, f"The JWT's claim {name} must be text")
    return value


def _capability(value: object) -> Capability:
    try:
        return Capability.parse(value)
    except AblyError as error:
        raise AblyError(40144, f"The JWT's x-ably-capability is invalid: {error.message}") from None


def give_token(
    service: Registry, key_name: str, asked: TokenRequest, signer: Identity | None
) -> TokenDetails:
    """Issue the token of a token request, and return its details.

    The request must be signed with the key's secret (`mac`), unless `signer` has authenticated with the key
    itself. Raises `AblyError`: 40003, 40012, 40101, 40104, 40105, 40160, 40400.
    """
    app, key = service.named(key_name)
    if app is None:
        raise no_app(key_name)
    if key is None:
        raise no_key(key_name)
    if asked.key_name not in (None, key_name):
        raise AblyError(40101, "The token request's keyName differs from the key in the URL: use the same")
    if asked.mac is not None or signer is None or signer.is_token or signer.key is not key:
        _check_signature(service, key.api_key, asked)
    ttl = DEFAULT_TTL if asked.ttl is None else asked.ttl
    if ttl <= 0:
        raise AblyError(40003, f"ttl must be a number of ms above 0, not {ttl}")
    _check_life(key, ttl)
    if asked.client_id == "":
        raise AblyError(40012, "Invalid clientId '': use a name, or leave it out")
    wanted = Capability.parse(asked.capability or None)
    capability = wanted.within(key.capability)
    if not capability.grants:
        raise AblyError(
            40160, "The key allows no part of the requested capability: request less, or use another key"
        )
    issued = service.clock.now()
    token = f"{app.id}.{service.ids.new('token', 40)}"
    deadline = service.monotonic() + ttl
    wall = service.clock.wall()
    service.remember(token, Identity(app, key, asked.client_id, capability, deadline, wall))
    return TokenDetails(
        token=token,
        key_name=key_name,
        issued=issued,
        expires=issued + ttl,
        capability=capability.canonical(),
        client_id=asked.client_id,
    )


def _check_signature(service: Registry, key: ApiKey, asked: TokenRequest) -> None:
    if asked.mac is None or asked.timestamp is None or not asked.nonce:
        raise AblyError(
            40101, "A token request needs a timestamp, a nonce, and a mac made with the key's secret"
        )
    if not hmac.compare_digest(mac_of(asked, key.secret).encode(), asked.mac.encode()):
        raise AblyError(
            40101, "The token request's mac is wrong: sign the request with the secret of the key it names"
        )
    clock = service.clock
    # A client may take the time from its own clock, from GET /time, or from the frames of a seeded service.
    # A test that moves the service's clock does not move the client's.
    times = clock.wall(), clock.shown(), clock.real()
    if min(abs(asked.timestamp - time) for time in times) > CLOCK_TOLERANCE:
        raise AblyError(
            40104, "The token request's timestamp is too far from the service's time, which GET /time returns"
        )
    if not service.first_use(f"{key.name} {asked.timestamp} {asked.nonce}"):
        raise AblyError(40105, "The token request's nonce was used before: make a new request for each token")
