"""Runs of a client through the whole judge, as tests want them: short, and with an outcome to look at."""

import asyncio
from contextlib import contextmanager

from ablykit.judge.evidence import Evidence
from ablykit.judge.objects import Objects
from ablykit.judge.program import programs
from ablykit.judge.service import Service
from ablykit.judge.storms import CALM
from ablykit.judge.trial import Patience, Trial
from ablykit.judge.verdict import judge
from ablykit.judge.workloads import WORKLOADS, Setting

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
