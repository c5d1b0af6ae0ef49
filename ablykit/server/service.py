"""The service: its apps, its connections, and what it does over time.

Every method must be called on the service's own thread; other threads go through `Running.call`.
"""

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
"""How many connections without a socket are remembered, so that they can be resumed."""

HOUSEKEEPING = 5_000
"""How often old messages and unused channels are looked for, in ms."""


class Service(Registry):
    """The whole state of an embedded Ably.

    `heartbeat_interval` is in ms. With `enforce_rates`, publishes above the rate limits are refused. See
    `Registry` for the other arguments.
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
        """The connections that are open or can be resumed, by connectionKey."""
        self._dropped: OrderedDict[str, Connection] = OrderedDict()
        """The connections whose sockets are gone, by connectionId, the one dropped first at the front."""
        self.names = itertools.count(1)
        self.denials = Denials()
        self._minute = self.clock.wall() // MINUTE
        self.agenda.at("housekeeping", monotonic() + HOUSEKEEPING, self._housekeeping)
        self.transcript: Transcript | None = None
        """The transcript of everything that crosses the wire; None until `LocalAbly.transcript` is used."""

    def revoke(self, app: App, revocations: Iterable[Revocation]) -> None:
        """Revoke tokens from when each revocation applies.

        If that is later, a connection with such a token is asked for a new one now, and disconnected then if
        it did not send one.
        """
        listed, now = list(revocations), self.monotonic()
        self.add_revocations(listed)
        for applies_at in {revocation.applies_at for revocation in listed}:
            self.agenda.at(("revoke", app.id, applies_at), applies_at, lambda now: self._enforce(app))
        for holder in self._holders_in(app):
            if any(each.applies_at > now and each.covers(holder.identity) for each in listed):
                holder.reply(ProtocolMessage(action=Action.AUTH))
        self.agenda.run(now)

    def _enforce(self, app: App) -> None:
        """Disconnect the clients whose tokens have been revoked."""
        for holder in self._holders_in(app):
            if self.is_revoked(holder.identity):
                holder.disconnect(AblyError(40141, "The token was revoked: reconnect with a new one"))

    def _holders_in(self, app: App) -> list[Holder]:
        return [c.session for c in self.connections.values() if c.app is app and c.session]

    def remove_app(self, app: App) -> None:
        """Disconnect the clients of an app, and forget everything it kept."""
        gone = AblyError(40400, f"The app {app.id!r} was removed from this service")
        for connection in [c for c in self.connections.values() if c.app is app]:
            if connection.session:
                connection.session.disconnect(gone)
            self.forget(connection)
        self.remove(app)

    # -- connections

    def drop(self, connection: Connection, expires: float, leave_at: float | None) -> None:
        """Remember a connection whose socket is gone.

        It can be resumed until `expires`, and its members leave at `leave_at`, both in ms of running time.
        """
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
        """Take up a dropped connection again, so that it does not expire and its members stay."""
        connection.expires = None
        self._dropped.pop(connection.id, None)
        self.agenda.cancel(("expires", connection.id))
        self.agenda.cancel(("leaves", connection.id))

    def _expire(self, connection: Connection, now: float) -> None:
        self.forget(connection)
        presence.leave_all(connection, now)

    def expect_answers(self, connection: Connection) -> None:
        """Make sure that each open publish of a connection gets an answer, even if its log never gives
        one."""

        def refuse_the_overdue(now: float) -> None:
            connection.answers.overdue(now)
            self.expect_answers(connection)

        if (due := connection.answers.due) is not None:
            self.agenda.at(("answers", connection.id), due, refuse_the_overdue)

    def forget(self, connection: Connection) -> None:
        """Forget a connection, so that it can't be resumed by any of its keys."""
        self.resume(connection)
        for key in connection.keys:
            self.connections.pop(key, None)

    # -- what is due

    def next_due(self) -> float | None:
        """Return when the next action is due, in ms of running time; None if there is none."""
        return self.agenda.next_due

    def sweep(self, now: float) -> None:
        """Do everything that is due at `now` (ms of running time)."""
        self.agenda.run(now)

    def advance(self, ms: float) -> None:
        """Move the clock forward by `ms`. Everything due on the way is done in order, each at its own time.

        Housekeeping is done only once, at the end. It repeats every few seconds, and would run thousands of
        times in a day.
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
        self.agenda.wake()  # a timer that is waiting was set by the time before the move

    def _housekeeping(self, now: float) -> None:
        """Forget old messages and unused channels, and publish the statistics of a minute that has ended."""
        self.agenda.at("housekeeping", now + HOUSEKEEPING, self._housekeeping)
        minute = self.clock.wall() // MINUTE
        for app in self.apps.values():
            if minute > self._minute:
                app.announce_stats(self._minute)
            app.housekeeping(now)
        self._minute = minute
