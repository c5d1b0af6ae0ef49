"""An app: its keys, its limits and its channels. Apps share nothing with each other.

A channel is made when it is first named. It is forgotten when no connection is attached, no member is present
and its log is empty. All that an app needs from its service are the `Sources` (time and ids) and the
`Agenda`.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

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
from ablykit.server.channels import metachannels
from ablykit.server.channels.channel import Channel
from ablykit.server.channels.log import ByteBudget, Log
from ablykit.server.channels.occupancy import details
from ablykit.server.common.agenda import Agenda
from ablykit.server.common.sources import Sources
from ablykit.server.common.stats import MINUTE, Stats


@dataclass(frozen=True)
class Limits:
    """The limits of an app and its connections. Sizes are in bytes, times in ms, rates per second."""

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
    """How long messages are kept on the channels of a persisted namespace."""
    memory: int = 64 * 1024 * 1024
    """How many bytes all the app's logs may keep together. Beyond that the oldest entries are dropped."""


MOST_IDLE = 10_000
"""How many channels without an attachment an app remembers."""

MODERN = Limits()
"""The limits of connections that speak protocol v2 or later."""

IN_2021 = Limits(max_message_size=16_384, max_inbound_rate=250, max_outbound_rate=250)
"""The limits of the article's free account, for connections without `v`."""


@dataclass(frozen=True)
class Key:
    """An API key, the capability it has, and whether its tokens can be revoked."""

    api_key: ApiKey
    capability: Capability
    revocable_tokens: bool = False

    def operations(self, channel: ChannelName) -> frozenset[str]:
        """Return the operations that this key allows on a channel."""
        return self.capability.operations(channel)


@dataclass(frozen=True)
class Namespace:
    """The settings of the channels in a namespace."""

    mutable_messages: bool = False
    """Whether messages can be updated, deleted and appended to."""
    persisted: bool = False
    """Whether messages are kept for the longer of the app's two retentions."""


def namespaces(*, mutable: Iterable[str] = (), persisted: Iterable[str] = ()) -> dict[str, Namespace]:
    """Return namespaces by name, given the names of the mutable and of the persisted ones."""
    mutable, persisted = set(mutable), set(persisted)
    return {name: Namespace(name in mutable, name in persisted) for name in mutable | persisted}


class App:
    """An app: its keys by id, its channels by name, and its limits for v2+ and for 2021."""

    def __init__(
        self,
        id: str,
        sources: Sources,
        agenda: Agenda,
        *,
        limits: Limits = MODERN,
        limits_2021: Limits = IN_2021,
        namespaces: Mapping[str, Namespace] | None = None,
    ) -> None:
        self.id = id
        self.sources = sources
        self._agenda = agenda
        self.limits, self.limits_2021 = limits, limits_2021
        self.namespaces = dict(namespaces or {})
        self.keys: dict[str, Key] = {}
        self.channels: dict[str, Channel] = {}
        self.metachannels: dict[str, Channel] = {}
        self.idle: OrderedDict[Channel, None] = OrderedDict()
        """The channels without an attachment, least recently used first."""
        self.budget = ByteBudget(limits.memory)
        self.stats = Stats(sources.clock.wall)
        self.open: Counter[str] = Counter()
        """The number of open sockets with TLS (`tls`) and without (`plain`), as statistics call them."""
        self.new_log: Callable[[str, int, float, ByteBudget], Log] = Log
        """Makes the log of a new channel. Replace it to keep logs elsewhere."""
        self.refusals: deque[AblyError] = deque()
        """Errors to refuse the next publishes with, one each, so that tests can see how a client takes it."""

    def limits_for(self, params: ConnectionParams) -> Limits:
        """Return the limits of a connection with these parameters."""
        return self.limits if params.modern else self.limits_2021

    def opened(self, security: str) -> None:
        """Count a socket that has been opened."""
        self.open[security] += 1
        self.stats.count(f"connections.{security}.opened")
        self.stats.peak(f"connections.{security}.peak", self.open[security])
        self.stats.peak("connections.all.peak", self.open.total())

    # -- channels

    def namespace_of(self, channel: ChannelName) -> Namespace:
        """Return the settings of a channel's namespace, the part of its name before the first colon."""
        return self.namespaces.get(channel.base.partition(":")[0], Namespace())

    def retention_of(self, channel: ChannelName) -> int:
        """Return how long messages on a channel are kept, in ms."""
        persisted = self.namespace_of(channel).persisted
        return self.limits.persisted_retention if persisted else self.limits.retention

    def find(self, name: ChannelName) -> Channel | None:
        """Return the channel of this name; None if there is none."""
        return self._named_like(name).get(name.identity)

    def channel(self, name: ChannelName) -> Channel:
        """Return the channel of this name, and make it if there is none."""
        found = self.find(name)
        if found is None:
            found = self._named_like(name)[name.identity] = self._new_channel(name)
            self._rests(found)
        elif found in self.idle:
            self.idle.move_to_end(found)
        return found

    def _new_channel(self, name: ChannelName) -> Channel:
        sources, retention = self.sources, self.retention_of(name)
        if name.is_meta:  # it must not change the ids and times that a seeded app gives to other channels
            log = Log(sources.ids.new("metalog", 10), sources.clock.wall(), retention, self.budget)
        else:
            log = self.new_log(sources.ids.new("log", 10), sources.clock.now(), retention, self.budget)
            self.stats.count("channels.opened")
            self.stats.peak("channels.peak", len(self.channels) + 1)
        return Channel(name.identity, log, self.stats, self)

    def _named_like(self, name: ChannelName) -> dict[str, Channel]:
        return self.metachannels if name.is_meta else self.channels

    def _rests(self, channel: Channel) -> None:
        """Note that a channel has no attachment, and forget the least recently used such channel if there are
        too many.

        A client that re-attaches to a forgotten channel gets the error 90003: its place in the log is lost.
        """
        self.idle[channel] = None
        while len(self.idle) > MOST_IDLE:
            oldest, _ = self.idle.popitem(last=False)
            if oldest.is_in_use:  # a member of a dropped connection is still present, and will leave soon
                self.idle[oldest] = None
                return
            self.forget(oldest)

    def forget(self, channel: Channel) -> None:
        """Forget a channel and everything in its log."""
        self.idle.pop(channel, None)
        channel.log.drop_all()
        self._named_like(ChannelName.parse(channel.name)).pop(channel.name, None)

    def housekeeping(self, now: float) -> None:
        """Forget old messages and unused channels."""
        for channel in [*self.channels.values(), *self.metachannels.values()]:
            channel.log.forget(now)
            if channel.idle_for(now) >= channel.log.retention:
                self.forget(channel)

    # -- what channels need (see `channel.Surroundings`)

    def now(self) -> float:
        """Return the running time, in ms."""
        return self.sources.monotonic()

    def soon(self, channel: Channel, due: float) -> None:
        """Send a channel's occupancy at the running time `due` (ms)."""
        self._agenda.at(("occupancy", channel), due, lambda now: channel.send_occupancy())

    def draft(self, channel: str, message: Message) -> ProtocolMessage:
        """Return a frame of the service itself that carries a message."""
        return ProtocolMessage(
            action=Action.MESSAGE,
            id=self.sources.ids.new("occupancy", 10),
            channel=channel,
            timestamp=self.sources.clock.now(),
            messages=[message],
        )

    def activity(self, channel: Channel) -> None:
        """Take note that the first connection has attached to a channel, or that the last has left."""
        name = ChannelName.parse(channel.name)
        if channel.is_attached:
            self.idle.pop(channel, None)
        elif self.find(name) is channel:
            self._rests(channel)
        if not name.is_meta:
            event = "channel.opened" if channel.is_attached else "channel.closed"
            what = details(channel.name, channel.metrics, active=channel.is_attached)
            self.announce(metachannels.CHANNELS, event, what)

    # -- metachannels

    def announce(self, where: str, event: str, data: Mapping[str, Any]) -> None:
        """Publish an event on a metachannel. Members of `data` that are None are left out."""
        channel = self.channel(ChannelName(where, "meta"))
        content = {name: value for name, value in data.items() if value is not None}
        frame = ProtocolMessage(
            action=Action.MESSAGE,
            id=self.sources.ids.new("meta", 10),
            channel=channel.name,
            timestamp=self.sources.clock.wall(),
            messages=[Message(name=event, data=msgspec.json.encode(content).decode(), encoding="json")],
        )
        channel.log.append(frame, self.now())

    def announce_stats(self, minute: int) -> None:
        """Publish the statistics of a minute (counted since 1970), if there are any."""
        for each in self.stats.intervals("minute", minute * MINUTE, minute * MINUTE):
            self.announce(metachannels.STATS, "update", each)
