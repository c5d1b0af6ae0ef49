"""The service: its apps, and the connections it remembers. All of its methods belong to one thread."""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ablykit.protocol import AblyError, Action, ProtocolMessage
from ablykit.server.access.app import App
from ablykit.server.access.identity import Revocation
from ablykit.server.access.registry import Registry
from ablykit.server.common.denials import Denials
from ablykit.server.common.stats import MINUTE
from ablykit.server.connection import Connection, Holder
from ablykit.server.rules import presence

if TYPE_CHECKING:
    from ablykit.record.transcript import Transcript

MOST_DROPPED = 10_000
"""How many connections are remembered whose sockets are gone, so that they can be resumed."""

HOUSEKEEPING = 5_000
"""How often messages and channels are looked through for what has had its time, in ms."""


class Service(Registry):
    """Everything the embedded Ably knows.

    `heartbeat_interval` is in ms; `enforce_rates` refuses what comes faster than the limits. See `Registry`
    for the rest.
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
        super().__init__(monotonic, seed=seed, sandbox=sandbox)
        self.heartbeat_interval = heartbeat_interval
        self.enforce_rates = enforce_rates
        self.instance = self.ids.new("instance", 14)
        self.connections: dict[str, Connection] = {}
        """Connections by connectionKey: open ones, and dropped ones that may still be resumed."""
        self._dropped: OrderedDict[str, Connection] = OrderedDict()
        """Those of them whose sockets are gone, by connectionId, the one dropped longest ago first."""
        self.names = itertools.count(1)
        self.denials = Denials()
        self._minute = self.clock.wall() // MINUTE
        self.agenda.at("housekeeping", monotonic() + HOUSEKEEPING, self._housekeeping)
        self.transcript: Transcript | None = None
        """Where all that crosses the wire is written down, from when someone asks for it."""

    def revoke(self, app: App, revocations: Iterable[Revocation]) -> None:
        """Take tokens no longer, from when each revocation says. Connections that live by one are ended
        then, and asked for another token before."""
        listed, now = list(revocations), self.monotonic()
        self.add_revocations(listed)
        for applies_at in {revocation.applies_at for revocation in listed}:
            self.agenda.at(("revoke", app.id, applies_at), applies_at, lambda now: self._enforce(app))
        for holder in self._holders_in(app):
            if any(each.applies_at > now and each.covers(holder.identity) for each in listed):
                holder.reply(ProtocolMessage(action=Action.AUTH))
        self.agenda.run(now)

    def _enforce(self, app: App) -> None:
        """End the connections whose tokens are no longer taken."""
        for holder in self._holders_in(app):
            if self.is_revoked(holder.identity):
                holder.disconnect(AblyError(40141, "The token was revoked"))

    def _holders_in(self, app: App) -> list[Holder]:
        return [c.session for c in self.connections.values() if c.app is app and c.session]

    def remove_app(self, app: App) -> None:
        """End an app: its connections, and all that it kept."""
        gone = AblyError(40400, f"No app {app.id!r} here any more")
        for connection in [c for c in self.connections.values() if c.app is app]:
            if connection.session:
                connection.session.disconnect(gone)
            self.forget(connection)
        self.remove(app)

    # -- connections

    def drop(self, connection: Connection, expires: float, leave_at: float | None) -> None:
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

    def resume(self, connection: Connection) -> None:
        """Take up a dropped connection again: it does not expire, and its members stay."""
        connection.expires = None
        self._dropped.pop(connection.id, None)
        self.agenda.cancel(("expires", connection.id))
        self.agenda.cancel(("leaves", connection.id))

    def _expire(self, connection: Connection, now: float) -> None:
        self.forget(connection)
        presence.leave_all(connection, now)

    def expect_answers(self, connection: Connection) -> None:
        """See to it that each publish of a connection is answered, also where a log never does."""

        def refuse_the_overdue(now: float) -> None:
            connection.answers.overdue(now)
            self.expect_answers(connection)

        if (due := connection.answers.due) is not None:
            self.agenda.at(("answers", connection.id), due, refuse_the_overdue)

    def forget(self, connection: Connection) -> None:
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

    def advance(self, ms: float) -> None:
        """Move the clock forward. What is due until then is done in order, each at its own time.

        Housekeeping is done once, at the end: it repeats every few seconds, and a day has many of them.
        """
        self.agenda.cancel("housekeeping")
        ahead = self.clock.ahead + ms
        while (due := self.next_due()) is not None:
            wait = max(due - self.monotonic(), 0.0)
            if self.clock.ahead + wait > ahead:
                break
            self.clock.ahead += wait
            self.sweep(max(due, self.monotonic()))
        self.clock.ahead = ahead
        self._housekeeping(self.monotonic())
        self.agenda.wake()  # whoever waits has counted by the time before

    def _housekeeping(self, now: float) -> None:
        """Forget what has had its time, and publish the statistics of the minute that is over."""
        self.agenda.at("housekeeping", now + HOUSEKEEPING, self._housekeeping)
        minute = self.clock.wall() // MINUTE
        for app in self.apps.values():
            if minute > self._minute:
                app.announce_stats(self._minute)
            app.housekeeping(now)
        self._minute = minute
