"""Runs of a client through the whole judge, as tests want them: short, and with an outcome to look at."""

import asyncio
from contextlib import contextmanager

from ablykit.judge.evidence import Evidence
from ablykit.judge.objects import Objects
from ablykit.judge.program import programs
from ablykit.judge.scorecard import play_all, score
from ablykit.judge.service import Service
from ablykit.judge.storms import CALM
from ablykit.judge.trial import Patience, Trial
from ablykit.judge.verdict import Kept, judge
from ablykit.judge.workloads import WORKLOADS, Setting
from tests.judge.wrong import WRONG

SHORT = Patience(connect=5, attach=2, drain=1.5, quiet=0.1, answer=0.5, close=2)
SETTING = Setting(clients=2, rate=40, time=0.5, seed=3)


@contextmanager
def starting(client):
    """What starts a client: a class of Python's, or a command."""
    if isinstance(client, (list, tuple)):
        yield programs(client)
        return
    made = Objects(client)
    try:
        yield made
    finally:
        made.stop()


def try_out(client, workload="messages", *, storm=CALM, setting=SETTING, patience=SHORT, progress=None):
    """Run a client once; return the outcome, the evidence and the verdict."""

    async def run(service, start):
        plan = WORKLOADS[workload](setting)
        told = progress or (lambda counts: None)
        trial = Trial(service, start, plan, storm, time=setting.time, patience=patience, progress=told)
        return await trial.run()

    with Service(seed=setting.seed) as service, starting(client) as start:
        outcome = asyncio.run(run(service, start))
        evidence = Evidence(service.transcript)
        return outcome, evidence, judge(storm.name, outcome, evidence)


def scored(kind, *scenes):
    """The verdicts on a client by the rules' names, after these scenes; and the numbers of all entries."""

    async def play(service, start):
        return await play_all(service, start, scenes)

    with Service(seed=1) as service:
        made = Objects(kind)
        try:
            acts = asyncio.run(play(service, made))
        finally:
            made.stop()
        verdicts = {rule.rule: rule for rule in score(acts, service.transcript)}
        return verdicts, {entry.number for entry in service.transcript}


def broken(verdicts):
    return {name for name, rule in verdicts.items() if rule.verdict is Kept.BROKEN}


def breaks_only(rule):
    """Check that the wrong client of a rule is found, by entries that are there, and that no other is blamed."""
    kind, scenes = WRONG[rule]
    verdicts, numbers = scored(kind, *scenes)
    assert broken(verdicts) == {rule}, [
        (r.rule, r.why) for r in verdicts.values() if r.verdict is Kept.BROKEN
    ]
    assert verdicts[rule].why
    assert set(verdicts[rule].proof) <= numbers
