"""What was said in a run, both ways: the judge's orders, the clients' reports, and what went wrong with them.

A `History` is written while a run goes on and read by the checker afterwards. It only keeps and counts;
whether anything in it is wrong is for the checker to say. Times are in ms since 1970, on the clock that the
recording of the wire has, so that a report can be compared with a frame.

    history.tell("client-1", Order("publish", id=1, channel="c", data="x"))
    history.hear("client-1", Report(did="publish", id=1, ok=True))
    history.publishes["client-1", 1].ok            # True
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ablykit.judge.lines import Order, Report

MOST_MISTAKES = 100
"""How many of one client's mistakes in the contract are kept; the rest are counted."""


@dataclass
class Deed:
    """A publish, an enter or a leave that was asked for, and what its client says became of it."""

    client: str
    do: str
    id: int
    channel: str
    data: str
    asked: float
    answered: float | None = None
    ok: bool | None = None
    """What was reported; None while nothing was."""
    code: int | None = None


@dataclass(frozen=True)
class Got:
    """A message that a client says it handed to its application."""

    at: float
    client: str
    channel: str
    data: str
    sender: str | None = None


@dataclass(frozen=True)
class Trouble:
    """What a client did against the contract, or that it ended: `kind` is a word, `text` a sentence."""

    at: float
    client: str
    kind: str
    text: str


ENDED = frozenset({"crashed", "silent", "flood", "not-started"})
"""The kinds of trouble after which a client takes no further part."""


@dataclass(frozen=True)
class Answer:
    """The members that a client believes to be present."""

    at: float
    client: str
    channel: str
    members: tuple[str, ...]


@dataclass
class History:
    """All that was said in one run."""

    clock: Callable[[], float] = lambda: time.time() * 1000
    orders: list[tuple[float, str, Order]] = field(default_factory=list[tuple[float, str, Order]])
    publishes: dict[tuple[str, int], Deed] = field(default_factory=dict[tuple[str, int], Deed])
    """The publishes by client and id, in the order they were asked for."""
    presence: dict[tuple[str, int], Deed] = field(default_factory=dict[tuple[str, int], Deed])
    """Likewise what was asked for by `enter` and `leave`."""
    got: list[Got] = field(default_factory=list[Got])
    states: list[tuple[float, str, Report]] = field(default_factory=list[tuple[float, str, Report]])
    attached: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """When a client reported that it had attached to a channel."""
    detached: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """When a client was told to detach from a channel."""
    left: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """When a client reported that it had detached from a channel."""
    answers: list[Answer] = field(default_factory=list[Answer])
    """What was said about members, the newest last."""
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    mistakes: Counter[str] = field(default_factory=Counter[str])
    """How many lines of each client were against the contract."""
    logs: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    tokens: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """When a client asked for a token."""
    without_echo: set[str] = field(default_factory=set[str])
    """The clients that asked the service not to send them their own messages."""
    last_heard: float = 0.0
    over: bool = False
    """Whether the run is over: what is reported now was reported too late, and counts no more."""
    _questions: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    # What a run asks again and again is kept at hand: it must not cost more the more was said.
    _states: dict[str, str] = field(default_factory=dict[str, str])
    _ended: set[str] = field(default_factory=set[str])
    _has: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def tell(self, client: str, order: Order) -> None:
        """Note an order that a client is given."""
        now = self.clock()
        self.orders.append((now, client, order))
        if order.do == "members":
            self._questions[client, order.id or 0] = order.channel or ""
        elif order.do == "detach":
            self.detached[client, order.channel or ""] = now
        elif order.do in ("publish", "enter", "leave"):
            deeds = self.publishes if order.do == "publish" else self.presence
            deed = Deed(client, order.do, order.id or 0, order.channel or "", order.data or "", now)
            deeds[client, deed.id] = deed

    def hear(self, client: str, report: Report) -> None:
        """Note what a client says."""
        now = self.last_heard = self.clock()
        if self.over and report.state is None and (report.log is None or report.did):
            return
        if report.did in ("publish", "enter", "leave"):
            self._done(now, client, report)
        elif report.did is not None:
            done = self.attached if report.did == "attach" else self.left
            done.setdefault((client, report.channel or ""), now)
        elif report.got is not None:
            self.got.append(Got(now, client, report.got, report.data or "", report.sender))
            self._has.add((client, report.data or ""))
        elif report.state is not None:
            self.states.append((now, client, report))
            self._states[client] = report.state
        elif report.members is not None:
            self._answered(now, client, report)
        elif report.need_token:
            self.tokens.append((now, client))
        elif report.log is not None:
            self.logs.append((now, client, report.log))

    def _done(self, now: float, client: str, report: Report) -> None:
        deeds = self.publishes if report.did == "publish" else self.presence
        deed = deeds.get((client, report.id or 0))
        if deed is None or deed.do != report.did:
            self.trouble(client, "mistake", f"It reports on {report.did} {report.id}, which nobody asked for")
        elif deed.ok is not None:
            self.trouble(client, "mistake", f"It reports on {report.did} {report.id} a second time")
        else:
            deed.answered, deed.ok, deed.code = now, report.ok, report.code

    def _answered(self, now: float, client: str, report: Report) -> None:
        channel = self._questions.get((client, report.id or 0))
        if channel is None:
            self.trouble(client, "mistake", f"It answers question {report.id}, which nobody asked")
        else:
            self.answers.append(Answer(now, client, channel, tuple(report.members or ())))

    def trouble(self, client: str, kind: str, text: str) -> None:
        """Note what a client did against the contract."""
        if kind == "mistake":
            self.mistakes[client] += 1
            if self.mistakes[client] > MOST_MISTAKES:
                return
        self.troubles.append(Trouble(self.clock(), client, kind, text))
        if kind in ENDED:
            self._ended.add(client)

    # -- what it comes to

    @property
    def deeds(self) -> list[Deed]:
        """All that was asked for and has to be answered."""
        return [*self.publishes.values(), *self.presence.values()]

    def state(self, client: str) -> str:
        """Return the state that a client reported last."""
        return self._states.get(client, "")

    def has_ended(self, client: str) -> bool:
        """Return whether a client is gone, or was given up."""
        return client in self._ended

    def has_got(self, client: str, data: str) -> bool:
        """Return whether a client says that it got this data."""
        return (client, data) in self._has

    def listens(self, client: str, publish: Deed) -> bool:
        """Return whether a client was attached to a publish's channel before it, and until the end."""
        since = self.attached.get((client, publish.channel))
        return (
            since is not None
            and since <= publish.asked
            and (client, publish.channel) not in self.detached
            and not (client == publish.client and client in self.without_echo)
            and not self.has_ended(client)
        )

    @property
    def questioned(self) -> list[tuple[str, str]]:
        """The clients who were asked about members, and the channels they were asked about."""
        asked = ((client, channel) for (client, _), channel in self._questions.items())
        return [each for each in dict.fromkeys(asked) if not self.has_ended(each[0])]

    @property
    def listeners(self) -> list[str]:
        """The clients that attached to anything, in the order they did."""
        return list(dict.fromkeys(client for client, _ in self.attached))
