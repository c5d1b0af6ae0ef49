"""Who is there: by an API key, an Ably token, or a JWT; and what that may do."""

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
from ablykit.server.access.registry import CLOCK_TOLERANCE, Registry, no_app

SECOND = 1_000
"""In ms: a JWT's times are in seconds."""


def identify(service: Registry, params: ConnectionParams, *, secure: bool) -> Identity:
    """Who is connecting. Raises `AblyError` 40101, 40103, 40400, or a token error 4014x."""
    if params.key is not None:
        return by_key(service, params.key, secure=secure)
    if params.access_token is not None:
        return by_token(service, params.access_token)
    raise AblyError(40101, "No authentication information provided")


def by_header(service: Registry, authorization: str, *, secure: bool) -> Identity:
    """Who sends an HTTP request, by its `Authorization` header. Raises as `identify` does."""
    scheme, _, given = authorization.partition(" ")
    try:
        text = base64.b64decode(given.strip(), validate=True).decode()
    except ValueError:  # binascii.Error, UnicodeDecodeError, and what is not ASCII
        text = None
    if scheme.lower() == "basic" and text is not None:
        return by_key(service, text, secure=secure)
    if scheme.lower() == "bearer":
        return by_token(service, given.strip() if text is None or "." not in text else text)
    raise AblyError(40101, "The Authorization header is Basic or Bearer, with base64 after it")


def by_key(service: Registry, text: str, *, secure: bool) -> Identity:
    """Who has an API key."""
    if not (secure or service.sandbox):
        raise AblyError(40103, "An API key may be sent only over TLS: use wss:// (or https://)")
    app, key = service.key_of(text)
    return Identity(app, key)


def by_token(service: Registry, token: str) -> Identity:
    """Who has a token: one that this service gave, a JWT, or a JWT that carries one of these.

    Raises `AblyError` 40003, 40101, 40141 to 40144, or 40400.
    """
    identity = _holder(service, token)
    if identity.deadline is not None and identity.deadline <= service.monotonic():
        raise AblyError(40142, "The token's time is over: get a new one")
    if service.revoked(identity):
        raise AblyError(40141, "The token was revoked: get a new one")
    return identity


def by_new_token(service: Registry, token: str, app: App, client_id: str | None) -> Identity:
    """Who goes on with another token on a connection of this app and clientId (RTC8a).

    Raises `AblyError` 40102 for a token of another, and what `by_token` raises.
    """
    identity = by_token(service, token)
    if identity.app is not app or identity.named(client_id) != client_id:
        raise AblyError(40102, "The token is for another app or another clientId")
    return identity


def _holder(service: Registry, token: str) -> Identity:
    header = jwt_header(token)
    if header is None:
        identity = service.tokens.get(token)
        if identity is None:
            raise _unknown(service, token)
        return identity
    embedded = jwt_embedded(token, header)
    return _by_embedded(service, *embedded) if embedded else _by_jwt(service, token, jwt_key_name(header))


def _unknown(service: Registry, token: str) -> AblyError:
    """The refusal of a token that is not known: 40143, after which SDKs get another one, or 40101 for text
    that never was a token, after which they stop."""
    app_id, dot, _ = token.partition(".")
    if dot and (app_id in service.apps or is_id(app_id)):
        return AblyError(40143, "The token is not one that was given here, or its time is long over")
    return AblyError(40101, "Not a token: it is neither a JWT nor does it begin with an app's id and a dot")


def _by_embedded(service: Registry, inner: str, ends: float | None) -> Identity:
    """Who has the token in a JWT: the JWT may end before that token, not after it."""
    if (header := jwt_header(inner)) and jwt_embedded(inner, header):
        raise AblyError(40144, "The token in the JWT carries one itself: one within another is enough")
    identity = _holder(service, inner)
    if ends is None or identity.deadline is None:
        return identity
    deadline = service.monotonic() + ends * SECOND - service.clock.wall()
    if deadline > identity.deadline + SECOND:
        raise AblyError(40144, "The JWT ends later than the token in it: its exp may not be after that")
    return replace(identity, deadline=min(deadline, identity.deadline))


def _by_jwt(service: Registry, token: str, kid: str) -> Identity:
    app, key = service.named(kid)
    if app is None:
        raise no_app(kid)
    if key is None:
        raise AblyError(40144, f"The JWT names a key that is not here: {kid[:60]!r}")
    claims = jwt_claims(token, key.api_key)
    now = service.clock.wall()
    if claims["iat"] * SECOND > now + CLOCK_TOLERANCE:
        raise AblyError(40144, "The JWT's iat is in the future: it is when the JWT was made, in seconds")
    if claims.get("nbf", 0) * SECOND > now:
        raise AblyError(40144, "The JWT is not valid before its nbf, which is in the future")
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
    """Raise `AblyError` 40003 for a token that would live longer than its key's tokens may."""
    longest = LONGEST_REVOCABLE_TTL if key.revocable_tokens else LONGEST_TTL
    if ttl > longest:
        raise AblyError(40003, f"A token of this key lives {longest} ms at most, not {ttl:.0f}")


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise AblyError(40144, f"The JWT's claim {name} is text")
    return value


def _capability(value: object) -> Capability:
    try:
        return Capability.parse(value)
    except AblyError as error:
        raise AblyError(40144, f"The JWT's x-ably-capability: {error.message}") from None


def give_token(
    service: Registry, key_name: str, asked: TokenRequest, signer: Identity | None
) -> TokenDetails:
    """The token that is asked for: signed for by `mac`, or without one asked for by the key's own holder.

    Raises `AblyError`: 40003, 40012, 40101, 40104, 40105, 40160, 40400.
    """
    app, key = service.named(key_name)
    if app is None:
        raise no_app(key_name)
    if key is None:
        raise AblyError(40101, f"No key {key_name[:60]!r} here")
    if asked.key_name not in (None, key_name):
        raise AblyError(40101, "The token request is for another key than the one in its address")
    if asked.mac is not None or signer is None or signer.is_token or signer.key is not key:
        _check_signature(service, key.api_key, asked)
    ttl = DEFAULT_TTL if asked.ttl is None else asked.ttl
    if ttl <= 0:
        raise AblyError(40003, f"ttl is above 0, in ms, not {ttl}")
    _check_life(key, ttl)
    if asked.client_id == "":
        raise AblyError(40012, "Invalid clientId '': it names nobody")
    wanted = Capability.parse(asked.capability or None)
    capability = wanted.within(key.capability)
    if not capability.grants:
        raise AblyError(40160, "The key allows nothing of the capability that is asked for")
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
            40101, "A token request has a timestamp, a nonce, and a mac made with the key's secret"
        )
    if not hmac.compare_digest(mac_of(asked, key.secret).encode(), asked.mac.encode()):
        raise AblyError(40101, "The token request's mac is not the one its key makes")
    clock = service.clock
    times = clock.wall(), clock.shown(), clock.real()  # moving this clock moves no client's
    if min(abs(asked.timestamp - time) for time in times) > CLOCK_TOLERANCE:
        raise AblyError(
            40104, "The token request's timestamp is too far from the service's time: see GET /time"
        )
    if not service.first_use(f"{key.name} {asked.timestamp} {asked.nonce}"):
        raise AblyError(40105, "The token request's nonce was used before")
