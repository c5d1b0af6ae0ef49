"""The service: its apps with their keys and limits, and the connections it remembers."""

import itertools
from collections import Counter, OrderedDict, deque
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
    Message,
    ProtocolMessage,
)
from ablykit.protocol.credentials import is_app_id
from ablykit.protocol.tokens import LONGEST_REVOCABLE_TTL
from ablykit.server import metachannels, presence
from ablykit.server.agenda import Agenda
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


MOST_IDLE = 10_000
"""How many channels of an app are remembered that nobody is attached to."""

MOST_DROPPED = 10_000
"""How many connections are remembered whose sockets are gone, so that they can be resumed."""

MOST_TOKENS = 100_000
"""How many tokens are remembered; beyond that the oldest is no longer taken."""

HOUSEKEEPING = 5_000
"""How often messages and channels are looked through for what has had its time, in ms."""

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
    revocations: dict[tuple[str, str, str], list[Revocation]] = field(
        default_factory=dict[tuple[str, str, str], list["Revocation"]]
    )
    """What is revoked, by the name of the key, kind and value."""
    idle: OrderedDict[Channel, None] = field(default_factory=OrderedDict[Channel, None])
    """The channels that nobody is attached to, the one used longest ago first."""
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
        name = identity.key.api_key.name
        return any(
            revocation.applies_at <= now and revocation.covers(identity)
            for kind, value in identity.targets
            for revocation in self.revocations.get((name, kind, value), ())
        )

    def forget_idle(self) -> None:
        """Forget the channels used longest ago, where more than `MOST_IDLE` are kept that nobody is on.

        A client that comes back to one is told that it can't go on from where it was.
        """
        while len(self.idle) > MOST_IDLE:
            channel, _ = self.idle.popitem(last=False)
            if channel.is_in_use:  # a member is present who has just dropped: it will leave in time
                self.idle[channel] = None
                return
            self.forget(channel)

    def forget(self, channel: Channel) -> None:
        """Forget a channel and all that it kept."""
        self.idle.pop(channel, None)
        channel.log.drop_all()
        self.named_like(ChannelName.parse(channel.name)).pop(channel.name, None)

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
        self._dropped: OrderedDict[str, Connection] = OrderedDict()
        """Those of them whose sockets are gone, by connectionId, the one dropped longest ago first."""
        self.tokens: dict[str, Identity] = {}
        self._nonces: set[str] = set()
        self.agenda = Agenda()
        self.names = itertools.count(1)
        self.denials = Denials()
        self._minute = self.clock.wall() // MINUTE
        self.agenda.at("housekeeping", monotonic() + HOUSEKEEPING, self._housekeeping)
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

    # -- revocation (RSA17)

    def revoke(self, app: App, revocations: Iterable[Revocation]) -> None:
        """Take tokens no longer, from when each revocation says. Connections that live by one are ended
        then, and asked for another token before."""
        now = self.monotonic()
        for revocation in revocations:
            app.revocations.setdefault(revocation.target, []).append(revocation)
            self.agenda.at(
                ("revoke", app.id, revocation.applies_at),
                revocation.applies_at,
                lambda now: self._enforce(app, now),
            )
            kept_for = revocation.issued_before - self.clock.wall() + LONGEST_REVOCABLE_TTL
            self.agenda.at(
                ("revoked", app.id, id(revocation)),
                max(revocation.applies_at, now + kept_for),
                partial(_forget_revocation, app, revocation),
            )
            if revocation.applies_at > now:
                for session in self._sessions_of(app):
                    if revocation.covers(session.identity):
                        session.reply(ProtocolMessage(action=Action.AUTH))
        self.agenda.run(now)

    def _enforce(self, app: App, now: float) -> None:
        """End the connections whose tokens are no longer taken."""
        for session in self._sessions_of(app):
            if app.revoked(session.identity, now):
                session.disconnect(AblyError(40141, "The token was revoked"))

    def _sessions_of(self, app: App) -> "list[Session]":
        return [c.session for c in self.connections.values() if c.app is app and c.session]

    def remove_app(self, app: App) -> None:
        """End an app: its connections, and all that it kept."""
        del self.apps[app.id]
        gone = AblyError(40400, f"No app {app.id!r} here any more")
        for connection in [c for c in self.connections.values() if c.app is app]:
            if connection.session:
                connection.session.disconnect(gone)
            self.forget(connection)
        for token in [token for token, who in self.tokens.items() if who.app is app]:
            self._forget_token(token)

    def key_of(self, text: str) -> tuple[App, Key]:
        """The app and key that a full API key names. Raises `AblyError` 40101; 40400 where it could be a key,
        but of an app that is not here."""
        try:
            given = ApiKey.parse(text)
        except AblyError as error:
            raise AblyError(40101, error.message) from None  # 40005 until December 2024
        app = self.apps.get(given.app_id)
        if app is None:
            code = 40400 if is_app_id(given.app_id) else 40101
            raise AblyError(code, f"No app {given.app_id[:40]!r} here")
        key = app.keys.get(given.key_id)
        if key is None or not key.api_key.matches(given.secret):
            raise AblyError(40101, f"Invalid key {given}: no such key, or its secret is wrong")
        return app, key

    def channel(self, app: App, name: ChannelName) -> Channel:
        """The channel of this name, made if it is not there."""
        found = app.find(name)
        if found is None:
            found = app.named_like(name)[name.identity] = self._new_channel(app, name)
            app.idle[found] = None
            app.forget_idle()
        elif found in app.idle:
            app.idle.move_to_end(found)
        return found

    def _new_channel(self, app: App, name: ChannelName) -> Channel:
        retention, around = app.retention_of(name), _Surroundings(self, app)
        if name.is_meta:  # it is in nobody's way: its own ids, and the true time
            log = Log(self.ids.new("metalog", 10), self.clock.wall(), retention, app.memory)
            return Channel(name.identity, log, app.stats, around)
        log = Log(self.ids.new("log", 10), self.clock.now(), retention, app.memory)
        app.stats.count("channels.opened")
        app.stats.peak("channels.peak", len(app.channels) + 1)
        return Channel(name.identity, log, app.stats, around)

    # -- connections

    def drop(self, connection: "Connection", expires: float, leave_at: float | None) -> None:
        """Remember a connection whose socket is gone: until `expires` it can be resumed; at `leave_at` its
        members leave. Both are ms of running time."""
        connection.session, connection.expires = None, expires
        self._dropped[connection.id] = connection
        self.agenda.at(("expires", connection.id), expires, lambda now: self._expire(connection, now))
        if leave_at is not None:
            self.agenda.at(
                ("leaves", connection.id), leave_at, lambda now: presence.leave_all(connection, now)
            )
        if len(self._dropped) > MOST_DROPPED:
            self._expire(next(iter(self._dropped.values())), self.monotonic())

    def resume(self, connection: "Connection") -> None:
        """Take up a dropped connection again: it does not expire, and its members stay."""
        connection.expires = None
        self._dropped.pop(connection.id, None)
        self.agenda.cancel(("expires", connection.id))
        self.agenda.cancel(("leaves", connection.id))

    def _expire(self, connection: "Connection", now: float) -> None:
        self.forget(connection)
        presence.leave_all(connection, now)

    def forget(self, connection: "Connection") -> None:
        """Let nobody resume a connection any more, by whichever of its keys."""
        self.resume(connection)
        for key in connection.keys:
            self.connections.pop(key, None)

    # -- what is due

    def next_due(self) -> float | None:
        """When something is due next; ms of running time."""
        return self.agenda.next_due

    def sweep(self, now: float) -> None:
        """Do all that is due."""
        self.agenda.run(now)

    def _housekeeping(self, now: float) -> None:
        """Forget old messages and unused channels, and publish the statistics of the minute that is over."""
        self.agenda.at("housekeeping", now + HOUSEKEEPING, self._housekeeping)
        minute = self.clock.wall() // MINUTE
        if minute > self._minute:
            self._tell_stats(self._minute)
            self._minute = minute
        for app in self.apps.values():
            for channel in [*app.channels.values(), *app.metachannels.values()]:
                channel.log.forget(now)
                if channel.idle_for(now) >= channel.log.retention:
                    app.forget(channel)

    def _tell_stats(self, minute: int) -> None:
        """Publish what happened in a minute (since 1970), where something did."""
        for app in self.apps.values():
            for each in app.stats.told("minute", minute * MINUTE, minute * MINUTE):
                metachannels.tell(self, app, metachannels.STATS, "update", each)


def _forget_revocation(app: App, revocation: Revocation, now: float) -> None:
    left = [each for each in app.revocations.pop(revocation.target, []) if each is not revocation]
    if left:
        app.revocations[revocation.target] = left


class _Surroundings:
    """What a channel needs of the service it is in (see `channel.Surroundings`)."""

    def __init__(self, service: Service, app: App) -> None:
        self._service, self._app = service, app

    def now(self) -> float:
        return self._service.monotonic()

    def soon(self, channel: Channel, due: float) -> None:
        self._service.agenda.at(("occupancy", channel), due, lambda now: channel.tell_occupancy())

    def draft(self, channel: str, message: Message) -> ProtocolMessage:
        return ProtocolMessage(
            action=Action.MESSAGE,
            id=self._service.ids.new("occupancy", 10),
            channel=channel,
            timestamp=self._service.clock.now(),
            messages=[message],
        )

    def activity(self, channel: Channel) -> None:
        if channel.is_attached:
            self._app.idle.pop(channel, None)
        elif self._app.find(ChannelName.parse(channel.name)) is channel:
            self._app.idle[channel] = None
            self._app.forget_idle()
        if not ChannelName.parse(channel.name).is_meta:
            event = "channel.opened" if channel.is_attached else "channel.closed"
            told = details(channel.name, channel.metrics)
            metachannels.tell(self._service, self._app, metachannels.CHANNELS, event, told)
