"""Who may come in: the apps with their keys, the tokens that were given, and those that were revoked."""

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
"""How many tokens are remembered; beyond that the oldest is no longer taken."""


class Registry:
    """Apps, keys and tokens. `monotonic` returns the running time in ms; `sandbox` allows keys without TLS
    and apps to be made by anyone."""

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
        """What is revoked, by the name of the key, kind and value."""

    def add_app(
        self,
        app_id: str | None = None,
        *,
        limits: Mapping[str, int] | None = None,
        namespaces: Mapping[str, Namespace] | None = None,
    ) -> App:
        """Make an app without keys. `limits` overrides single limits, for both faces of the protocol;
        `namespaces` says, by their names, what is different on some channels.

        Raises `ValueError` for a limit there is not.
        """
        if unknown := set(limits or {}) - {f.name for f in fields(Limits)}:
            known = ", ".join(f.name for f in fields(Limits))
            raise ValueError(f"There is no limit {min(unknown)!r}; there are {known}")
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
        """A new key of an app; without `capability` it may do everything.

        Raises `ValueError` for a `key` whose name another one has.
        """
        if key and key.key_id in app.keys:
            raise ValueError(f"There are two keys of the name {key.name}; each needs its own")
        api_key = key or ApiKey(app.id, self._unused("key", 6, app.keys), self.ids.new("secret", 32))
        added = Key(api_key, Capability.parse(capability), revocable_tokens)
        app.keys[api_key.key_id] = added
        return added

    def _unused(self, kind: str, length: int, taken: Container[str]) -> str:
        """A new id that nobody was given: a seed makes those again that may have been given by hand."""
        while (id := self.ids.new(kind, length)) in taken:
            pass
        return id

    def first_use(self, nonce: str) -> bool:
        """Whether a nonce, with the key and the time it was signed for, is new; from now on it is not."""
        if nonce in self._nonces:
            return False
        self._nonces.add(nonce)
        due = self.monotonic() + 2 * CLOCK_TOLERANCE
        self.agenda.at(("nonce", nonce), due, lambda now: self._nonces.discard(nonce))
        return True

    def remember(self, token: str, identity: Identity) -> None:
        """Take a token from now on; and know it for a while after its end, to say that it has ended."""
        self.tokens[token] = identity
        if len(self.tokens) > MOST_TOKENS:
            self._forget_token(next(iter(self.tokens)))
        due = (identity.deadline or self.monotonic()) + CLOCK_TOLERANCE
        self.agenda.at(("token", token), due, lambda now: self._forget_token(token))

    def _forget_token(self, token: str) -> None:
        self.tokens.pop(token, None)
        self.agenda.cancel(("token", token))

    def key_of(self, text: str) -> tuple[App, Key]:
        """Return the app and the key that a full API key names.

        Raises `AblyError` 40101 for text that can't be a key, or has the wrong secret; 40400 for an app or
        a key that is not here, with status 404 for the app and, as on Ably, 401 for the key.
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
        """Return the app and the key that a key's name, `APPID.KEYID`, is of; None for what is not here."""
        app_id, _, key_id = key_name.partition(".")
        app = self.apps.get(app_id)
        return app, app.keys.get(key_id) if app else None

    # -- revocation (RSA17)

    def revoked(self, identity: Identity) -> bool:
        """Return whether an identity's token is no longer taken."""
        name, now = identity.key_name, self.monotonic()
        return any(
            revocation.applies_at <= now and revocation.covers(identity)
            for kind, value in identity.targets
            for revocation in self._revocations.get((name, kind, value), ())
        )

    def take_no_longer(self, revocations: Iterable[Revocation]) -> None:
        """Take tokens no longer, from when each revocation says, for as long as such tokens can live."""
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
        for token in [token for token, who in self.tokens.items() if who.app is app]:
            self._forget_token(token)


def _unknown(given: ApiKey, app: App | None) -> AblyError:
    """Return the refusal of a key that is not in its app, or whose app is not here."""
    if not (is_id(given.app_id) and is_id(given.key_id)):
        return AblyError(40101, f"No key {given.name[:60]!r} here")
    return AblyError(40400, f"No key {given.name[:60]!r} here", 401) if app else no_app(given.name)


def no_app(key_name: str) -> AblyError:
    """Return the refusal of a key whose app is not here."""
    return AblyError(40400, f"No app {key_name.partition('.')[0][:40]!r} here")
