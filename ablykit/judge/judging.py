"""`run` puts a client on trial: workloads, storms and the rules it keeps, and returns the verdict.

Everything happens on a loop of its own, so that it can be called from a notebook's cell as well as from a
terminal.
"""

import contextlib
import shlex
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ablykit.judge import scorecard
from ablykit.judge.behaviour import Act
from ablykit.judge.card import Live, show
from ablykit.judge.client import Start
from ablykit.judge.evidence import Evidence
from ablykit.judge.objects import Objects
from ablykit.judge.program import programs
from ablykit.judge.results import write
from ablykit.judge.service import Service
from ablykit.judge.storms import STORMS
from ablykit.judge.trial import Counts, Patience, Progress, Trial
from ablykit.judge.verdict import RuleVerdict, StormVerdict, Verdict, judge
from ablykit.judge.workloads import WORKLOADS, Setting
from ablykit.machine.loop import LoopThread
from ablykit.sdks import READY


@dataclass(frozen=True)
class Options:
    """What a client is put through. `workload` and `storms` are names; `tls` sends clients to `wss://`."""

    workload: str = "messages"
    storms: tuple[str, ...] = ("calm",)
    setting: Setting = field(default_factory=Setting)
    tls: bool = False
    rules: bool | tuple[str, ...] = True
    """Whether the rules are tried as well, each in a scene that could break it; or the names of some."""
    patience: Patience = field(default_factory=Patience)

    def check(self) -> None:
        """Raise `ValueError` for what can't be asked for, with what can."""
        setting = self.setting
        if self.workload not in WORKLOADS:
            raise ValueError(f"There is no workload {self.workload!r}; there are {', '.join(WORKLOADS)}")
        for name in self.storms:
            if name not in STORMS:
                raise ValueError(f"There is no storm {name!r}; there are {', '.join(STORMS)}")
        for name in self.rule_names:
            if name not in scorecard.names():
                raise ValueError(f"There is no rule {name!r}; there are {', '.join(scorecard.names())}")
        if not 1 <= setting.clients <= 100:
            raise ValueError(f"1 to 100 clients can be judged together, not {setting.clients}")
        if not (0 < setting.rate <= 1_000 and 0 < setting.time <= 3_600):
            raise ValueError("A run has more than 0 and at most 1,000 steps a second, for at most an hour")

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The names of the rules that are tried."""
        if isinstance(self.rules, bool):
            return scorecard.names() if self.rules else ()
        return self.rules


async def examine(
    service: Service, start: Start, name: str, options: Options, progress: Progress = lambda counts: None
) -> Verdict:
    """Return the verdict on the client called `name`, which `start` makes."""
    plan = WORKLOADS[options.workload](options.setting)
    storms: list[StormVerdict] = []
    acts: list[Act] = []
    for storm in options.storms:
        trial = Trial(
            service,
            start,
            plan,
            STORMS[storm],
            time=options.setting.time,
            patience=options.patience,
            progress=progress,
        )
        outcome = await trial.run()
        evidence = Evidence(e for e in service.transcript.since(outcome.first) if e.number < outcome.last)
        storms.append(judge(storm, outcome, evidence))
        acts += [Act("", client, outcome.history, evidence) for client in plan.names]
    return Verdict(
        client=name,
        seed=options.setting.seed,
        storms=storms,
        scorecard=await _rules(service, start, acts, options, progress),
    )


async def _rules(
    service: Service, start: Start, acts: list[Act], options: Options, progress: Progress
) -> list[RuleVerdict]:
    """Bring the rules up that a run did not, and return the verdict on each.

    A client that took no part in any run is not asked for more.
    """
    names = options.rule_names
    if not names or not any(act.history.deeds for act in acts):
        return []

    def show(done: int, of: int) -> None:
        progress(Counts(f"trying the rules, {done} of {of} scenes", 0, 0, 0, 0))

    scenes = scorecard.scenes_for(names)
    show(0, len(scenes))
    acts = acts + await scorecard.play_all(service, start, scenes, show)
    found = scorecard.score(acts, service.transcript, tls=options.tls)
    return [rule for rule in found if rule.rule in names]


def put_on_trial(
    start: Start,
    name: str,
    options: Options,
    *,
    out: str | Path | None = None,
    progress: Progress = lambda counts: None,
) -> Verdict:
    """Return the verdict on a client, and write the result folder `out` if one is given.

    Raises `ValueError` for options that can't be, `OSError` where the folder can't be written.
    """
    options.check()
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)  # to find out now, not after the run
    with (
        Service(seed=options.setting.seed, tls=options.tls) as service,
        LoopThread("ablykit-judge") as thread,
    ):
        verdict = thread.run(examine(service, start, name, options, progress))
        transcript = service.transcript
    if out is not None:
        write(Path(out), verdict, transcript)
    return verdict.proven_by(transcript)


def run(
    client: Callable[..., object] | Sequence[str] | str,
    *,
    workload: str = "messages",
    storms: Iterable[str] = ("calm",),
    clients: int = 3,
    rate: float = 20.0,
    time: float = 5.0,
    seed: int = 1,
    tls: bool = False,
    rules: bool | Iterable[str] = True,
    out: str | Path | None = None,
) -> Verdict:
    """Judge a client, show the card, and return the verdict.

    `client` is a factory of Python objects (see `objects`), a command as a list of its words, or the name of
    a client that is ready: `ablykit`, `ably-python` or `ably-js` (see `sdks`). `rate` is
    how many steps all clients take together in a second, `time` how many seconds they do. `rules` says
    whether the rules of the specification are tried as well, or names some of them. With `out` the result
    folder is written there.

        verdict = ablykit.judge.run(MyClient, workload="presence", clients=5)
        assert verdict.passed
    """
    wanted = rules if isinstance(rules, bool) else tuple(rules)
    options = Options(workload, tuple(storms), Setting(clients, rate, time, seed), tls, wanted)
    with starting(client) as (start, name):
        live = Live(name)
        try:
            verdict = put_on_trial(start, name, options, out=out, progress=live)
        finally:
            live.done()
    show(verdict)
    return verdict


@contextlib.contextmanager
def starting(client: Callable[..., object] | Sequence[str] | str) -> Generator[tuple[Start, str]]:
    """Return what starts a client, and what to call it.

    Raises `ValueError` for a name that is none of the clients that are ready, or where its SDK is missing.
    """
    ready = ""
    if isinstance(client, str):
        if client not in READY:
            raise ValueError(f"There is no client {client!r} that is ready; there are {', '.join(READY)}")
        ready, client = client, READY[client]()
    if not callable(client):
        yield programs(client), ready or shlex.join(client)
        return
    made = Objects(client)
    try:
        yield made, ready or getattr(client, "__qualname__", repr(client))
    finally:
        made.stop()
