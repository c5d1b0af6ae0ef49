"""The service: its apps with their keys and limits, and the connections it remembers."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ablykit.protocol import AblyError, ApiKey, Capability, ChannelName, ConnectionParams
from ablykit.server import presence
from ablykit.server.auth import CLOCK_TOLERANCE, Identity, Revocation
from ablykit.server.channel import Channel
from ablykit.server.log import Log
from ablykit.server.sources import Clock, Ids
from ablykit.server.stats import Stats
from ablykit.transcript import Transcript

if TYPE_CHECKING:
    from ablykit.server.connection import Connection


@dataclass(frozen=True)
class Limits:
    """What an app's connections may do. Sizes in bytes, times in ms, rates per second."""

    max_message_size: int = 65_536
    max_frame_size: int = 262_144
    max_inbound_rate: int = 50
    max_outbound_rate: int = 50
    max_channel_rate: int = 50
    max_channels: int = 200
    max_members: int = 250
    connection_state_ttl: int = 120_000
    retention: int = 120_000


TODAY = Limits()
IN_2021 = Limits(max_message_size=16_384, max_inbound_rate=250, max_outbound_rate=250)
"""The limits the article's free account had; a connection without `v` is shown these."""


@dataclass(frozen=True)
class Key:
    """An API key and what it allows; whether tokens of it can be revoked."""

    api_key: ApiKey
    capability: Capability
    revocable_tokens: bool = False

    def operations(self, channel: ChannelName) -> frozenset[str]:
        """What this key allows on a channel."""
        return self.capability.operations(channel)


@dataclass(frozen=True)
class Namespace:
    """What is different on the channels of a namespace."""

    mutable_messages: bool = False
    """Whether messages can be updated, deleted and appended to."""


@dataclass
class App:
    """An app: its keys by id, its channels by name, its limits in both looks."""

    id: str
    keys: dict[str, Key] = field(default_factory=dict[str, Key])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    limits: Limits = TODAY
    limits_2021: Limits = IN_2021
    namespaces: dict[str, Namespace] = field(default_factory=dict[str, Namespace])

    def namespace_of(self, channel: ChannelName) -> Namespace:
        """The rules of the namespace a channel is in: what stands before its first colon."""
        return self.namespaces.get(channel.base.partition(":")[0], Namespace())

    stats: Stats = field(default_factory=lambda: Stats(Clock.wall))
    revocations: list[Revocation] = field(default_factory=list[Revocation])
    refusals: deque[AblyError] = field(default_factory=deque[AblyError])
    """What the next publishes are refused with, for tests that want to see that."""

    def revoked(self, identity: Identity) -> bool:
        """Whether an identity's token has been revoked."""
        return any(revocation.covers(identity) for revocation in self.revocations)

    def limits_for(self, params: ConnectionParams) -> Limits:
        """The limits of a connection with these parameters."""
        return self.limits if params.today else self.limits_2021


class Service:
    """Everything the embedded Ably knows. All of its methods belong to one thread.

    `heartbeat_interval` is in ms. `sandbox` allows keys without TLS and apps to be made by anyone;
    `enforce_rates` refuses what comes faster than the limits. `monotonic` tells the running time
    in ms.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        seed: int | None = None,
        heartbeat_interval: int = 15_000,
        sandbox: bool = False,
        enforce_rates: bool = False,
    ) -> None:
        self.monotonic = monotonic
        self.clock = Clock(seed)
        self.ids = Ids(seed)
        self.heartbeat_interval = heartbeat_interval
        self.sandbox = sandbox
        self.enforce_rates = enforce_rates
        self.instance = self.ids.new("instance", 14)
        self.apps: dict[str, App] = {}
        self.connections: dict[str, Connection] = {}
        """Connections by connectionKey: open ones, and dropped ones that may still be resumed."""
        self.tokens: dict[str, Identity] = {}
        self._nonces: dict[str, float] = {}
        self.wake: Callable[[], None] = lambda: None
        """Called when something is due sooner than was said by `next_due`."""
        self.names = itertools.count(1)
        self.transcript: Transcript | None = None
        """Where all that crosses the wire is written down, from when someone asks for it."""

    def add_app(
        self,
        app_id: str | None = None,
        *,
        limits: Mapping[str, int] | None = None,
        mutable: Iterable[str] = (),
    ) -> App:
        """A new app without keys. `limits` overrides single limits, in both looks; `mutable` names the
        namespaces whose messages can be revised."""
        changed = dict(limits or {})
        app = App(
            app_id or self.ids.new("app", 6),
            limits=Limits(**changed),
            limits_2021=Limits(**(vars(IN_2021) | changed)),
            namespaces={name: Namespace(mutable_messages=True) for name in mutable},
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
        """A new key of an app; without `capability` it may do everything."""
        api_key = key or ApiKey(app.id, self.ids.new("key", 6), self.ids.new("secret", 32))
        added = Key(api_key, Capability.parse(capability), revocable_tokens)
        app.keys[api_key.key_id] = added
        return added

    def first_use(self, nonce: str) -> bool:
        """Whether a nonce is new; from now on it is not."""
        if nonce in self._nonces:
            return False
        self._nonces[nonce] = self.monotonic()
        return True

    def revoke(self, app: App, revocation: Revocation) -> None:
        """Take tokens no longer, and end the connections that live by them."""
        app.revocations.append(revocation)
        for connection in list(self.connections.values()):
            session = connection.session
            if connection.app is app and session and revocation.covers(session.identity):
                session.disconnect(AblyError(40141, "The token was revoked").info)

    def key_of(self, text: str) -> tuple[App, Key]:
        """The app and key that a full API key names. Raises `AblyError` 40005, 40400 or 40101."""
        given = ApiKey.parse(text)
        app = self.apps.get(given.app_id)
        if app is None:
            raise AblyError(40400, f"No app {given.app_id!r} here")
        key = app.keys.get(given.key_id)
        if key is None or not key.api_key.matches(given.secret):
            raise AblyError(40101, f"Invalid key {given}: no such key, or its secret is wrong")
        return app, key

    def channel(self, app: App, name: ChannelName) -> Channel:
        """The channel of this name, made if it is not there."""
        channel = app.channels.get(name.identity)
        if channel is None:
            log = Log(self.ids.new("log", 10), self.clock.now(), app.limits.retention)
            channel = app.channels[name.identity] = Channel(name.identity, log, app.stats)
        return channel

    def next_due(self) -> float | None:
        """When members of dropped connections leave next, ms of running time."""
        return min((c.leave_at for c in self.connections.values() if c.leave_at is not None), default=None)

    def sweep(self, now: float) -> None:
        """Forget what has had its time: dropped connections, old messages, unused channels."""
        for connection in list(self.connections.values()):
            if connection.leave_at is not None and connection.leave_at <= now:
                connection.leave_at = None
                presence.leave_all(connection, now)
        for key, connection in list(self.connections.items()):
            if connection.expires is not None and connection.expires <= now:
                presence.leave_all(connection, now)
                del self.connections[key]
        for token, identity in list(self.tokens.items()):
            if identity.deadline is not None and identity.deadline < now - CLOCK_TOLERANCE:
                del self.tokens[token]
        for nonce, at in list(self._nonces.items()):
            if at < now - 2 * CLOCK_TOLERANCE:
                del self._nonces[nonce]
        for app in self.apps.values():
            for name, channel in list(app.channels.items()):
                channel.log.forget(now)
                if channel.is_idle:
                    del app.channels[name]
