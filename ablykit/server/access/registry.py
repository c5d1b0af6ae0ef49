"""The registry: the apps with their keys, the tokens that the service issued, and those that were revoked."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import fields
from functools import partial

from ablykit.protocol import AblyError, ApiKey, Capability
from ablykit.protocol.credentials import forget, is_id
from ablykit.protocol.tokens import LONGEST_REVOCABLE_TTL
from ablykit.server.access.app import IN_2021, App, Key, Limits, Namespace
from ablykit.server.access.identity import Identity, Revocation
from ablykit.server.common.agenda import Agenda
from ablykit.server.common.sources import Clock, Ids, Sources

CLOCK_TOLERANCE = 15 * 60_000
"""How far a token request's timestamp may be off, in ms."""

MOST_TOKENS = 100_000
"""How many tokens are remembered. Beyond that the oldest token is forgotten, and refused from then on."""


class Registry:
    """Apps, keys and tokens.

    `monotonic` returns the running time in ms. A `sandbox` accepts keys without TLS, and lets anyone make
    apps.
    """

    def __init__(
        self, monotonic: Callable[[], float], *, seed: int | None = None, sandbox: bool = False
    ) -> None:
        self.clock = Clock(seed)
        self.monotonic = lambda: monotonic() + self.clock.ahead
        self.ids = Ids(seed)
        self.sources = Sources(self.monotonic, self.clock, self.ids)
        self.agenda = Agenda()
        self.sandbox = sandbox
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, Identity] = {}
        self._nonces: set[str] = set()
        self._revocations: dict[tuple[str, str, str], list[Revocation]] = {}
        """The revocations, by key name, kind and value."""

    def add_app(
        self,
        app_id: str | None = None,
        *,
        limits: Mapping[str, int] | None = None,
        namespaces: Mapping[str, Namespace] | None = None,
    ) -> App:
        """Make an app without keys and return it.

        `limits` overrides single limits, for v2+ and for 2021 alike. `namespaces` are settings for groups of
        channels, by the namespace's name. Raises `ValueError` for an unknown limit.
        """
        if unknown := set(limits or {}) - {f.name for f in fields(Limits)}:
            known = ", ".join(f.name for f in fields(Limits))
            raise ValueError(f"There is no limit {min(unknown)!r}. The limits are {known}")
        changed = dict(limits or {})
        app = App(
            app_id or self._unused("app", 6, self.apps),
            self.sources,
            self.agenda,
            limits=Limits(**changed),
            limits_2021=Limits(**(vars(IN_2021) | changed)),
            namespaces=namespaces,
        )
        self.apps[app.id] = app
        return app

    def add_key(
        self,
        app: App,
        capability: object = None,
        key: ApiKey | None = None,
        *,
        revocable_tokens: bool = False,
    ) -> Key:
        """Add a key to an app and return it. Without `capability` it allows everything.

        Raises `ValueError` if the app has a key of the same name as `key`.
        """
        if key and key.key_id in app.keys:
            raise ValueError(f"The app has a key named {key.name} already: give each key its own name")
        api_key = key or ApiKey(app.id, self._unused("key", 6, app.keys), self.ids.new("secret", 32))
        added = Key(api_key, Capability.parse(capability), revocable_tokens)
        app.keys[api_key.key_id] = added
        return added

    def _unused(self, kind: str, length: int, taken: Container[str]) -> str:
        """Return a new id that is not taken: a seed may repeat an id that was given by hand."""
        while (id := self.ids.new(kind, length)) in taken:
            pass
        return id

    def first_use(self, nonce: str) -> bool:
        """Return whether a nonce (with its key and timestamp) is used for the first time, and remember it."""
        if nonce in self._nonces:
            return False
        self._nonces.add(nonce)
        due = self.monotonic() + 2 * CLOCK_TOLERANCE
        self.agenda.at(("nonce", nonce), due, lambda now: self._nonces.discard(nonce))
        return True

    def remember(self, token: str, identity: Identity) -> None:
        """Accept a token from now on. It is remembered a while longer than it is valid, to say that it
        expired."""
        self.tokens[token] = identity
        if len(self.tokens) > MOST_TOKENS:
            self._forget_token(next(iter(self.tokens)))
        due = (identity.deadline or self.monotonic()) + CLOCK_TOLERANCE
        self.agenda.at(("token", token), due, lambda now: self._forget_token(token))

    def _forget_token(self, token: str) -> None:
        self.tokens.pop(token, None)
        self.agenda.cancel(("token", token))

    def key_of(self, text: str) -> tuple[App, Key]:
        """Return the app and the key of a full API key.

        Raises `AblyError` 40101 for text that is not a key, or has the wrong secret. Raises 40400 for an
        unknown app (status 404) or an unknown key (status 401, as on Ably).
        """
        try:
            given = ApiKey.parse(text)
        except AblyError as error:
            raise AblyError(40101, error.message) from None  # 40005 until December 2024
        app, key = self.named(given.name)
        if app is None or key is None:
            raise _unknown(given, app)
        if not key.api_key.matches(given.secret):
            raise AblyError(40101, f"Invalid key {given}: its secret is wrong")
        return app, key

    def named(self, key_name: str) -> tuple[App | None, Key | None]:
        """Return the app and the key of a key's name, `APPID.KEYID`; None for either that does not exist."""
        app_id, _, key_id = key_name.partition(".")
        app = self.apps.get(app_id)
        return app, app.keys.get(key_id) if app else None

    # -- revocation (RSA17)

    def is_revoked(self, identity: Identity) -> bool:
        """Return whether an identity's token has been revoked."""
        name, now = identity.key_name, self.monotonic()
        return any(
            revocation.applies_at <= now and revocation.covers(identity)
            for kind, value in identity.targets
            for revocation in self._revocations.get((name, kind, value), ())
        )

    def add_revocations(self, revocations: Iterable[Revocation]) -> None:
        """Refuse the revoked tokens, from when each revocation applies until the last of them has expired."""
        for revocation in revocations:
            self._revocations.setdefault(revocation.target, []).append(revocation)
            kept_for = revocation.issued_before - self.clock.wall() + LONGEST_REVOCABLE_TTL
            self.agenda.at(
                ("revoked", id(revocation)),
                max(revocation.applies_at, self.monotonic() + kept_for),
                partial(self._forget_revocation, revocation),
            )

    def _forget_revocation(self, revocation: Revocation, now: float) -> None:
        left = [each for each in self._revocations.pop(revocation.target, []) if each is not revocation]
        if left:
            self._revocations[revocation.target] = left

    def remove(self, app: App) -> None:
        """Forget an app with its keys and tokens."""
        del self.apps[app.id]
        for key in app.keys.values():
            forget(key.api_key)
        for token in [token for token, identity in self.tokens.items() if identity.app is app]:
            self._forget_token(token)


def _unknown(given: ApiKey, app: App | None) -> AblyError:
    """Return the error for a key that its app does not have, or whose app does not exist."""
    if not (is_id(given.app_id) and is_id(given.key_id)):
        return no_key(given.name)
    return no_key(given.name, 40400, 401) if app else no_app(given.name)


def no_key(key_name: str, code: int = 40101, status: int | None = None) -> AblyError:
    """Return the error for a key that its app does not have."""
    return AblyError(code, f"This service has no key {key_name[:60]!r}: check the key", status)


def no_app(key_name: str) -> AblyError:
    """Return the error for a key whose app does not exist."""
    app_id = key_name.partition(".")[0][:40]
    return AblyError(40400, f"This service has no app {app_id!r}: check the key, and the service's address")
