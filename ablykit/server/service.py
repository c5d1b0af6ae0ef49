"""The service: its apps with their keys and limits, and the connections it remembers."""

import itertools
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING

from ablykit.protocol import (
    AblyError,
    Action,
    ApiKey,
    Capability,
    ChannelName,
    ConnectionParams,
    ProtocolMessage,
)
from ablykit.protocol.tokens import LONGEST_REVOCABLE_TTL
from ablykit.server import metachannels, presence
from ablykit.server.auth import CLOCK_TOLERANCE, Identity, Revocation
from ablykit.server.channel import Channel
from ablykit.server.denials import Denials
from ablykit.server.log import Log, Memory
from ablykit.server.occupancy import details
from ablykit.server.sources import Clock, Ids
from ablykit.server.stats import MINUTE, Stats
from ablykit.transcript import Transcript

if TYPE_CHECKING:
    from ablykit.server.connection import Connection
    from ablykit.server.session import Session


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
    """How long messages are kept."""
    persisted_retention: int = 86_400_000
    """How long they are kept on the channels of a namespace that is persisted."""
    memory: int = 64 * 1024 * 1024
    """How many bytes all that is kept may take together; beyond it the oldest goes first."""


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
    persisted: bool = False
    """Whether messages are kept for the longer of the app's two retentions."""


def namespaces(*, mutable: Iterable[str] = (), persisted: Iterable[str] = ()) -> dict[str, Namespace]:
    """Namespaces by name, from the names of those that are mutable and of those that are persisted."""
    mutable, persisted = set(mutable), set(persisted)
    return {name: Namespace(name in mutable, name in persisted) for name in mutable | persisted}


@dataclass
class App:
    """An app: its keys by id, its channels by name, its limits in both looks."""

    id: str
    keys: dict[str, Key] = field(default_factory=dict[str, Key])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    metachannels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    limits: Limits = TODAY
    limits_2021: Limits = IN_2021
    namespaces: dict[str, Namespace] = field(default_factory=dict[str, Namespace])

    def namespace_of(self, channel: ChannelName) -> Namespace:
        """The rules of the namespace a channel is in: what stands before its first colon."""
        return self.namespaces.get(channel.base.partition(":")[0], Namespace())

    memory: Memory = field(init=False)
    stats: Stats = field(default_factory=lambda: Stats(Clock.wall))
    revocations: list[Revocation] = field(default_factory=list[Revocation])
    refusals: deque[AblyError] = field(default_factory=deque[AblyError])
    """What the next publishes are refused with, for tests that want to see that."""

    def __post_init__(self) -> None:
        self.memory = Memory(self.limits.memory)
        self.open: Counter[str] = Counter()
        """How many sockets are open, with TLS (`tls`) and without (`plain`)."""

    def opened(self, security: str) -> None:
        """Count a socket that has been opened."""
        self.open[security] += 1
        self.stats.count(f"connections.{security}.opened")
        self.stats.peak(f"connections.{security}.peak", self.open[security])
        self.stats.peak("connections.all.peak", self.open.total())

    def named_like(self, name: ChannelName) -> dict[str, Channel]:
        """The channels of a name's kind."""
        return self.metachannels if name.is_meta else self.channels

    def find(self, name: ChannelName) -> Channel | None:
        """The channel of this name, if it is there."""
        return self.named_like(name).get(name.identity)

    def retention_of(self, channel: ChannelName) -> int:
        """How long what is published on a channel is kept, in ms."""
        persisted = self.namespace_of(channel).persisted
        return self.limits.persisted_retention if persisted else self.limits.retention

    def revoked(self, identity: Identity, now: float) -> bool:
        """Whether an identity's token is no longer taken, at a running time in ms."""
        return any(r.applies_at <= now and r.covers(identity) for r in self.revocations)

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
        self._pending: list[tuple[App, Revocation]] = []
        """Revocations that are not enforced yet."""
        self.wake: Callable[[], None] = lambda: None
        """Called when something is due sooner than was said by `next_due`."""
        self.names = itertools.count(1)
        self.denials = Denials()
        self._minute = self.clock.wall() // MINUTE
        self.transcript: Transcript | None = None
        """Where all that crosses the wire is written down, from when someone asks for it."""

    def add_app(
        self,
        app_id: str | None = None,
        *,
        limits: Mapping[str, int] | None = None,
        namespaces: Mapping[str, Namespace] | None = None,
    ) -> App:
        """A new app without keys. `limits` overrides single limits, in both looks; `namespaces` says, by
        their names, what is different on some channels.

        Raises `ValueError` for a limit there is not.
        """
        if unknown := set(limits or {}) - {f.name for f in fields(Limits)}:
            known = ", ".join(f.name for f in fields(Limits))
            raise ValueError(f"There is no limit {min(unknown)!r}; there are {known}")
        changed = dict(limits or {})
        app = App(
            app_id or self._unused("app", 6, self.apps),
            limits=Limits(**changed),
            limits_2021=Limits(**(vars(IN_2021) | changed)),
            namespaces=dict(namespaces or {}),
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
        self._nonces[nonce] = self.monotonic()
        return True

    def revoke(self, app: App, revocation: Revocation) -> None:
        """Take tokens no longer, from when the revocation says; who lives by one is ended then, and asked
        for another one before (RSA17)."""
        app.revocations.append(revocation)
        self._pending.append((app, revocation))
        if revocation.applies_at > self.monotonic():
            for session in self._revoked_by(app, revocation):
                session.reply(ProtocolMessage(action=Action.AUTH))
            self.wake()
        else:
            self._enforce(self.monotonic())

    def _enforce(self, now: float) -> None:
        """End the connections whose tokens are no longer taken, where that has come into force."""
        due = [(app, revocation) for app, revocation in self._pending if revocation.applies_at <= now]
        self._pending = [pending for pending in self._pending if pending not in due]
        for app, revocation in due:
            for session in self._revoked_by(app, revocation):
                session.disconnect(AblyError(40141, "The token was revoked"))

    def _revoked_by(self, app: App, revocation: Revocation) -> "list[Session]":
        sessions = [c.session for c in self.connections.values() if c.app is app and c.session]
        return [session for session in sessions if revocation.covers(session.identity)]

    def remove_app(self, app: App) -> None:
        """End an app: its connections, and all that it kept."""
        del self.apps[app.id]
        gone = AblyError(40400, f"No app {app.id!r} here any more")
        for connection in [c for c in self.connections.values() if c.app is app]:
            if connection.session:
                connection.session.disconnect(gone)
            self.forget(connection)
        self.tokens = {token: who for token, who in self.tokens.items() if who.app is not app}

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
        found = app.find(name)
        if found is None:
            found = app.named_like(name)[name.identity] = self._new_channel(app, name)
        return found

    def _new_channel(self, app: App, name: ChannelName) -> Channel:
        retention = app.retention_of(name)
        if name.is_meta:  # it is in nobody's way: ids of its own, and the true time
            log = Log(self.ids.new("metalog", 10), self.clock.wall(), retention, app.memory)
            return Channel(name.identity, log, app.stats)
        log = Log(self.ids.new("log", 10), self.clock.now(), retention, app.memory)
        app.stats.count("channels.opened")
        app.stats.peak("channels.peak", len(app.channels) + 1)
        return Channel(name.identity, log, app.stats, partial(self._tell_activity, app))

    def forget(self, connection: "Connection") -> None:
        """Let nobody resume a connection any more, by whichever of its keys."""
        for key in connection.keys:
            self.connections.pop(key, None)

    def _tell_activity(self, app: App, channel: Channel) -> None:
        event = "channel.opened" if channel.attachments else "channel.closed"
        told = details(channel.name, channel)
        metachannels.tell(self, app, metachannels.CHANNELS, event, told)

    def _tell_stats(self, minute: int) -> None:
        """Tell what happened in a minute (since 1970), where something did."""
        for app in self.apps.values():
            for each in app.stats.told("minute", minute * MINUTE, minute * MINUTE):
                metachannels.tell(self, app, metachannels.STATS, "update", each)

    def next_due(self) -> float | None:
        """When members of dropped connections leave next, or a revocation comes into force; ms of running
        time."""
        leaving = [c.leave_at for c in self.connections.values() if c.leave_at is not None]
        return min((*leaving, *(revocation.applies_at for _, revocation in self._pending)), default=None)

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
        self._enforce(now)
        minute = self.clock.wall() // MINUTE
        if minute > self._minute:
            self._tell_stats(self._minute)
            self._minute = minute
        for token, identity in list(self.tokens.items()):
            if identity.deadline is not None and identity.deadline < now - CLOCK_TOLERANCE:
                del self.tokens[token]
        for nonce, at in list(self._nonces.items()):
            if at < now - 2 * CLOCK_TOLERANCE:
                del self._nonces[nonce]
        over = self.clock.wall() - LONGEST_REVOCABLE_TTL
        for app in self.apps.values():
            app.revocations = [r for r in app.revocations if r.issued_before > over or r.applies_at > now]
            for channels in (app.channels, app.metachannels):
                for name, channel in list(channels.items()):
                    channel.log.forget(now)
                    if channel.idle_for(now) >= channel.log.retention:
                        del channels[name]
