"""Storms: each strikes at the point it was made for, a right client weathers it, and a wrong one is found out."""

import asyncio

import pytest

from ablykit.judge.service import Service
from ablykit.judge.storms import CALM, STORMS, Aftermath, moments
from ablykit.judge.verdict import Result
from ablykit.judge.workloads import Setting
from tests.judge.good import Good
from tests.judge.runs import try_out
from tests.notebook import ROOT

SETTING = Setting(clients=2, rate=30, time=1.0, seed=3)
STORMY = [name for name in STORMS if name != "calm"]


def test_in_the_calm_nothing_happens_and_nothing_has_to_heal():
    assert STORMS["calm"] is CALM
    assert asyncio.run(CALM.blow(None, None, 5.0)) == Aftermath(reached=True, healed=None)


@pytest.mark.parametrize("name", STORMY)
def test_a_client_that_does_its_duty_weathers_each_storm(name):
    outcome, _, verdict = try_out(Good, storm=STORMS[name], setting=SETTING)
    assert verdict.reached
    assert outcome.aftermath.healed is not None
    assert verdict.verdict is Result.PASSED, verdict.why


@pytest.mark.parametrize("name", STORMY)
def test_a_storm_says_what_it_asks_for_by_which_clause(name):
    storm = STORMS[name]
    assert storm.says
    assert storm.duty.endswith(".")
    row = next(
        line for line in (ROOT / "docs/judge.md").read_text().splitlines() if line.startswith(f"| {name} |")
    )
    assert all(each in row for each in (storm.says, storm.duty, storm.clause))


@pytest.mark.parametrize("name", STORMY)
def test_a_storm_that_strikes_nothing_does_not_say_that_it_did(name):
    with Service(seed=1) as service:
        aftermath = asyncio.run(STORMS[name].blow(service, service.new_app(), 0.05))
        assert not aftermath.reached
        assert aftermath.why
        assert service.relay.faults.rules == [], "and it leaves no rule behind"


class SendsNothingAgain(Good):
    async def take_up(self, resumed):
        self.pending.clear()
        await super().take_up(resumed)


class StaysDetached(Good):
    async def reattach(self, channel):
        channel.wanted = False


class TakesANackForAnAck(Good):
    async def take_nack(self, frame):
        await self.take_ack(frame)


class ChokesOnTheUnknown(Good):
    async def take_other(self, frame):
        await self.ws.close()
        self.closing = True


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("lost-publish", SendsNothingAgain, "stuck"),
        ("lost-ack", SendsNothingAgain, "stuck"),
        ("detached", StaysDetached, "lost"),
        ("nacks", TakesANackForAnAck, "undetected"),
        ("strange", ChokesOnTheUnknown, "stuck"),
    ],
)
def test_a_client_that_neglects_its_duty_fails_the_storm_that_is_made_for_it(name, kind, found):
    _, _, verdict = try_out(kind, storm=STORMS[name], setting=SETTING)
    assert verdict.verdict is Result.FAILED
    assert getattr(verdict, found), verdict.why


def test_a_storm_strikes_at_the_same_moments_with_the_same_seed():
    one, same, other = (list(moments(seed, 10.0)) for seed in (1, 1, 2))
    assert one == same != other
    assert all(wait >= 0 for wait in one)
    assert 2 <= sum(one) <= 8
