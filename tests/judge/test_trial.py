"""One run, with real clients on a real service."""

import asyncio
import sys
import time

import pytest

from ablykit.judge.storms import Aftermath, Storm
from ablykit.judge.workloads import CHANNELS
from tests.judge.good import Good
from tests.judge.runs import SHORT, try_out


@pytest.mark.parametrize("workload", ["messages", "presence"])
def test_a_good_client_does_all_that_the_plan_asks(workload):
    seen = []
    outcome, _, verdict = try_out(Good, workload, progress=seen.append)
    history = outcome.history
    assert outcome.began
    assert len(history.deeds) == len(outcome.plan.steps)
    assert all(deed.ok for deed in history.deeds)
    assert history.troubles == []
    assert history.state("client-1") == "closed"
    assert {counts.phase for counts in seen} >= {"attaching", "running", "draining", "closing"}
    assert outcome.first == 0 < outcome.last
    if workload == "messages":
        assert len(outcome.log) == len(outcome.plan.steps)
        assert len(history.got) == 2 * len(outcome.log)
    else:
        assert set(history.questioned) == {(n, c) for n in outcome.plan.names for c in CHANNELS}
        assert set(outcome.members) == set(CHANNELS)
    assert verdict.verdict == "passed"


def test_who_has_no_key_is_given_tokens():
    outcome, evidence, verdict = try_out(Good, "tokens")
    assert {client for _, client in outcome.history.tokens} == set(outcome.plan.names)
    assert all("accessToken" in wire.params and "key" not in wire.params for wire in evidence.wires.values())
    assert verdict.verdict == "passed"


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("", {"crashed"}),
        ("import time; time.sleep(60)", {"silent", "never-exited"}),
        (
            'print(\'{"state":"connected"}\', flush=True); import time; time.sleep(60)',
            {"silent", "never-exited"},
        ),
    ],
)
def test_clients_that_never_come_so_far_end_the_run_within_its_bounds(code, kinds):
    begun = time.monotonic()
    patience = type(SHORT)(connect=0.7, attach=0.2, close=0.2)
    outcome, _, verdict = try_out([sys.executable, "-S", "-c", code], patience=patience)
    assert {trouble.kind for trouble in outcome.history.troubles} == kinds
    assert not outcome.began
    assert (verdict.verdict, verdict.reached) == ("unknown", False)
    assert time.monotonic() - begun < 10


def test_one_that_never_connects_or_never_attaches_is_said_to_be_silent():
    class Stuck(Good):
        async def connect(self):
            if self.client_id == "client-1":
                await asyncio.Event().wait()
            await super().connect()

        async def attach(self, name):
            await asyncio.Event().wait()

    outcome, _, verdict = try_out(Stuck, patience=type(SHORT)(connect=1, attach=0.2, drain=1, close=0.2))
    said = [trouble.text for trouble in outcome.history.troubles if trouble.kind == "silent"]
    assert said == [
        "It did not report connected within 1 s",
        "It did not report every attach within 0.2 s",
    ]
    assert (verdict.verdict, outcome.began) == ("unknown", False)


def test_what_the_service_never_had_is_not_waited_for():
    """It could never be handed over: the run goes on without it, and says that it is missing."""

    class Forgetful(Good):
        async def publish(self, channel, data): ...

    begun = time.monotonic()
    outcome, _, verdict = try_out(Forgetful, patience=type(SHORT)(drain=60, quiet=0.1))
    assert len(verdict.undetected) == len(outcome.history.publishes) > 0
    assert time.monotonic() - begun < 30, "half of what it would have waited"


def test_one_that_ends_in_the_middle_leaves_the_others_their_run():
    class Mortal(Good):
        async def publish(self, channel, data):
            if self.client_id == "client-1":
                self.on_state("closed")
                raise SystemExit
            await super().publish(channel, data)

    outcome, _, _ = try_out(Mortal)
    done = {client: deed.ok for (client, _), deed in outcome.history.publishes.items()}
    assert done == {"client-1": False, "client-2": True}


def test_a_storm_blows_beside_the_steps_and_its_end_is_awaited():
    asked = []

    async def blow(service, app, seconds):
        asked.append((service.relay.url, seconds))
        await asyncio.sleep(seconds + 0.2)
        return Aftermath(reached=False, why="It never rained")

    outcome, _, verdict = try_out(Good, storm=Storm("dry", "Nothing falls.", blow))
    assert len(asked) == 1
    assert outcome.aftermath.why == "It never rained"
    assert (verdict.name, verdict.verdict, verdict.why) == ("dry", "unknown", "It never rained")


def test_who_wants_no_echo_is_not_waited_for():
    class Deaf(Good):
        async def query(self):
            return {**await super().query(), "echo": "false"}

    begun = time.monotonic()
    outcome, _, verdict = try_out(Deaf, patience=type(SHORT)(drain=20))
    assert verdict.verdict == "passed", verdict.why
    assert len(outcome.history.got) == len(outcome.log)
    assert time.monotonic() - begun < 15


def test_members_are_asked_for_again_while_they_are_not_right():
    class Slow(Good):
        asked = 0

        async def members(self, channel):
            Slow.asked += 1
            return [] if Slow.asked <= 4 else await super().members(channel)

    _, _, verdict = try_out(Slow, "presence")
    assert verdict.verdict == "passed", verdict.why


def test_members_that_stay_wrong_are_stale():
    class Stale(Good):
        async def members(self, channel):
            return ["nobody"]

    _, _, verdict = try_out(Stale, "presence")
    assert verdict.verdict == "failed"
    assert "answered: nobody" in verdict.stale_members[0].says
    assert verdict.stale_members[0].proof


def test_one_that_talks_without_end_does_not_hold_up_the_run():
    class Chatty(Good):
        async def connect(self):
            await super().connect()
            self.talking = asyncio.create_task(self.talk())

        async def talk(self):
            while True:
                self.on_state("connected")
                await asyncio.sleep(0.01)

        async def close(self):
            self.talking.cancel()
            await super().close()

    begun = time.monotonic()
    assert try_out(Chatty)[2].verdict == "passed"
    assert time.monotonic() - begun < 15
