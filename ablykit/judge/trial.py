"""One run: clients started, a plan carried out while a storm blows, and everything brought to its end.

    trial = Trial(service, programs(["node", "client.mjs"]), plan, CALM)
    outcome = await trial.run()

A run has phases, and each has a limit, so that no client can hold it up: all connect, all attach, the plan's
steps are given at their times, then the run waits until every publish is answered and every message handed
over ("drain"), and until nothing has been said for a moment, since a message that is handed over twice may
come late. In the end each client is told to close. Whatever happens, no client is left running.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ablykit.judge.client import Start
from ablykit.judge.evidence import Evidence
from ablykit.judge.history import History
from ablykit.judge.lines import PROTOCOL, Order
from ablykit.judge.service import Logged, Service
from ablykit.judge.stage import Stage
from ablykit.judge.storms import Aftermath, Storm
from ablykit.judge.workloads import Plan

AGAIN = 300
"""After how many ms a client that was wrong about members is asked again."""

SOON = 2.0
"""How long after the last step a message should have reached the service's log, in seconds."""

SHOWN_EVERY = 0.1
"""How often a run's counts are told, in seconds."""


@dataclass(frozen=True)
class Patience:
    """How long each phase may take, in seconds."""

    connect: float = 15.0
    attach: float = 10.0
    drain: float = 10.0
    quiet: float = 0.3
    """How long nothing may have been said before a run is over."""
    answer: float = 2.0
    """How long to wait for what a client says about members."""
    close: float = 5.0


@dataclass
class Outcome:
    """What a run left: what was said, what the service has, who was present in the end."""

    plan: Plan
    history: History
    log: list[Logged] = field(default_factory=list[Logged])
    members: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The members of each channel in the end, as the service has it."""
    aftermath: Aftermath = field(default_factory=Aftermath)
    began: bool = False
    """Whether at least one client came so far that the plan's steps began."""
    first: int = 0
    last: int = 0
    """The numbers in the recording from where to where it belongs to this run (the last one not included)."""


@dataclass(frozen=True)
class Counts:
    """How far a run is."""

    phase: str
    asked: int
    acknowledged: int
    failed: int
    got: int


Progress = Callable[[Counts], None]


class Trial(Stage):
    """One run. Its methods belong to one event loop."""

    def __init__(
        self,
        service: Service,
        start: Start,
        plan: Plan,
        storm: Storm,
        *,
        time: float,
        patience: Patience | None = None,
        progress: Progress = lambda counts: None,
    ) -> None:
        super().__init__()
        self._service, self._plan, self._storm, self._time = service, plan, storm, time
        self._patience, self._progress = patience or Patience(), progress
        self._app = service.new_app()
        """Its own: what other runs published under the same names must not be taken for this run's."""
        places = [service.place(name, self._app, with_key=not plan.with_tokens) for name in plan.names]
        self.clients = {place.client_id: start(place, self) for place in places}
        self._phase = "connecting"
        self._questions = 0
        self._unlogged: set[str] = set()
        """What was to be published, and was not in the service's log soon after the last step."""
        self._counted = 0.0

    def token_for(self, client: str) -> str:
        """Return a token that is good for as long as the plan says."""
        return self._service.token(client, self._plan.token_times.get(client, 3600), self._app)

    # -- the phases

    async def run(self) -> Outcome:
        """Carry everything out."""
        first = self._service.transcript.count
        outcome = Outcome(self._plan, self.history, first=first)
        try:
            await asyncio.gather(*(client.open() for client in self.clients.values()))
            if await self._begin():
                outcome.began = True
                storm = asyncio.ensure_future(self._storm.blow(self._service, self._app, self._time))
                await self._steps()
                outcome.aftermath = await storm
                await self._drain(outcome)
        finally:
            self._enter("closing")
            await self.close(self._patience.close)
        outcome.last = self._service.transcript.count
        return outcome

    async def _begin(self) -> bool:
        """Let all connect and attach; return whether any client did."""
        for name in self.clients:
            self.tell(name, Order("start", protocol=PROTOCOL))
        await self._until(lambda: all(map(self._is_connected, self._there)), self._patience.connect)
        for name in self._there:
            if not self._is_connected(name):
                text = f"It did not report connected within {self._patience.connect:g} s"
                self.trouble(name, "silent", text)
        self._enter("attaching")
        for name in self._there:
            for channel in self._plan.channels:
                self.tell(name, Order("attach", channel=channel))
        await self._until(lambda: all(map(self._is_attached, self._there)), self._patience.attach)
        for name in self._there:
            if not self._is_attached(name):
                text = f"It did not report every attach within {self._patience.attach:g} s"
                self.trouble(name, "silent", text)
        return bool(self._there)

    async def _steps(self) -> None:
        """Give the plan's orders at their times."""
        self._enter("running")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for step in self._plan.steps:
            await asyncio.sleep(max(began + step.at - loop.time(), 0))
            if step.client in self._there:
                self.tell(step.client, step.order)
            self._count()

    async def _drain(self, outcome: Outcome) -> None:
        """Wait for what is still due, then read what the service has."""
        self._enter("draining")
        self.history.without_echo = Evidence(self._service.transcript.since(outcome.first)).without_echo
        plan, service, patience = self._plan, self._service, self._patience.drain
        if not await self._until(self._is_settled, min(SOON, patience)):
            # What the service never had can't be handed over: waiting for it would be in vain.
            logged = {message.data for message in service.log(plan.channels, self._app)}
            self._unlogged = {deed.data for deed in self.history.publishes.values()} - logged
            await self._until(self._is_settled, patience - SOON)
        await self._quiet()
        if plan.asks_members:
            await self._ask_for_members()
        outcome.members = {channel: service.members(channel, self._app) for channel in plan.channels}
        outcome.log = service.log(plan.channels, self._app)
        self.history.over = True

    async def _ask_for_members(self) -> None:
        """Ask each client who is present, again while an answer differs from the service's."""
        deadline = asyncio.get_running_loop().time() + self._patience.drain
        wrong = [(name, channel) for name in self._there for channel in self._plan.channels]
        while wrong and asyncio.get_running_loop().time() < deadline:
            asked = self.history.clock()
            wrong = [each for each in await self._ask(wrong) if each[0] in self._there]
            if wrong:  # the same question again, but not at once
                await self._until(lambda: self.history.clock() - asked > AGAIN, AGAIN / 1000)  # noqa: B023

    async def _ask(self, whom: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Ask clients about channels' members; return those whose answer is wrong or missing."""
        before = len(self.history.answers)
        for name, channel in whom:
            self._questions += 1
            self.tell(name, Order("members", id=self._questions, channel=channel))
        await self._until(lambda: len(self.history.answers) >= before + len(whom), self._patience.answer)
        right = {
            (answer.client, answer.channel)
            for answer in self.history.answers[before:]
            if sorted(answer.members) == self._service.members(answer.channel, self._app)
        }
        return [each for each in whom if each not in right]

    # -- how far it is

    @property
    def _there(self) -> list[str]:
        """The clients that still take part."""
        return [name for name in self.clients if not self.history.has_ended(name)]

    def _is_connected(self, name: str) -> bool:
        return self.history.state(name) == "connected"

    def _is_attached(self, name: str) -> bool:
        return all((name, channel) in self.history.attached for channel in self._plan.channels)

    def _is_settled(self) -> bool:
        """Whether every publish has its report, and everybody who listens has got what was acknowledged."""
        history, there = self.history, set(self._there)
        if any(deed.ok is None and deed.client in there for deed in history.deeds):
            return False
        acknowledged = [d for d in history.publishes.values() if d.ok and d.data not in self._unlogged]
        return all(
            history.has_got(name, deed.data)
            for deed in acknowledged
            for name in there
            if history.listens(name, deed)
        )

    async def _until(self, condition: Callable[[], bool], patience: float) -> bool:
        """Wait until something is so, and tell how far the run is meanwhile."""

        def look() -> bool:
            self._count()
            return condition()

        return await self.until(look, patience)

    async def _quiet(self) -> None:
        """Wait until nobody has said anything for a moment."""
        deadline = asyncio.get_running_loop().time() + self._patience.drain
        while asyncio.get_running_loop().time() < deadline:
            heard = self.history.last_heard
            if not await self._until(lambda: self.history.last_heard != heard, self._patience.quiet):  # noqa: B023
                return

    def _enter(self, phase: str) -> None:
        self._phase, self._counted = phase, 0.0
        self._count()

    def _count(self) -> None:
        """Tell how far it is, a few times a second: counting takes a while where much was said."""
        now = asyncio.get_running_loop().time()
        if now - self._counted < SHOWN_EVERY:
            return
        self._counted = now
        deeds = self.history.deeds
        counts = Counts(
            self._phase,
            len(deeds),
            sum(deed.ok is True for deed in deeds),
            sum(deed.ok is False for deed in deeds),
            len(self.history.got),
        )
        self._progress(counts)
