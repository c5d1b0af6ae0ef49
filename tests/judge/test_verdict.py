"""What a run comes to: for each kind of fault, a client that has it and is found."""

import json
import sys

import pytest

from ablykit.judge.lines import Report
from ablykit.judge.verdict import Kept, Result, RuleVerdict, StormVerdict, Verdict
from tests.judge.good import Good
from tests.judge.runs import Setting, try_out


class Forgetful(Good):
    """Hands every fifth message over to nobody."""

    count = 0

    def hand_over(self, channel, message):
        self.count += 1
        if self.count % 5:
            super().hand_over(channel, message)


class Stutterer(Good):
    def hand_over(self, channel, message):
        super().hand_over(channel, message)
        super().hand_over(channel, message)


class Shuffler(Good):
    """Hands messages over in pairs, the second of them first."""

    kept = None

    def hand_over(self, channel, message):
        if self.kept is None:
            self.kept = channel, message
            return
        super().hand_over(channel, message)
        super().hand_over(*self.kept)
        self.kept = None


class Liar(Good):
    """Says ok to what it never sends."""

    async def publish(self, channel, data): ...


class Pessimist(Good):
    """Says that everything failed."""

    async def publish(self, channel, data):
        await super().publish(channel, data)
        raise ValueError


class Sleeper(Good):
    """Never says what became of anything."""

    async def publish(self, channel, data):
        await super().publish(channel, data)
        await self.closed.wait()


@pytest.mark.parametrize(
    ("client", "kind"),
    [
        (Forgetful, "lost"),
        (Stutterer, "duplicated"),
        (Shuffler, "reordered"),
        (Liar, "undetected"),
        (Pessimist, "undetected"),
        (Sleeper, "stuck"),
    ],
)
def test_a_client_with_one_fault_is_found_with_frames_that_prove_it(client, kind):
    _, evidence, verdict = try_out(client)
    assert verdict.verdict is Result.FAILED
    assert verdict.faults[kind]
    assert {found for found, listed in verdict.faults.items() if listed} <= {kind, "lost"}
    numbers = {entry.number for entry in evidence.entries}
    assert all(finding.proof and set(finding.proof) <= numbers for finding in verdict.faults[kind])
    assert set(verdict.proof) <= numbers
    assert f"{len(verdict.faults[kind])} {kind}" in verdict.why


def test_a_good_run_has_its_figures():
    outcome, evidence, verdict = try_out(Good)
    assert verdict.counts["got"] == 2 * verdict.counts["acknowledged"] == len(outcome.history.got)
    assert 0 < verdict.acknowledged_ms["p50"] <= verdict.acknowledged_ms["p99"] < 2_000
    assert 0 < verdict.delivered_ms["p50"] <= verdict.delivered_ms["p99"]
    assert verdict.recovery_ms == {"p50": None, "max": None}
    assert 1.5 < verdict.frames_per_message == round(evidence.frames / verdict.counts["got"], 2) < 4
    assert (verdict.proof, verdict.trouble, verdict.ended) == ([], [], [])


CRASHES = """
import json, sys
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "start":
        print('{"state":"connected"}', flush=True)
    elif order["do"] == "attach":
        print(json.dumps({"did": "attach", "channel": order["channel"]}), flush=True)
    else:
        for _ in range(150):
            print("garbage", flush=True)
        break
"""


def test_a_client_that_crashes_has_failed_and_its_mistakes_are_counted():
    _, _, verdict = try_out([sys.executable, "-S", "-c", CRASHES], setting=Setting(1, 10, 0.5))
    assert verdict.verdict is Result.FAILED
    assert verdict.ended == ["client-1: It exited with 0 in the middle of the run"]
    assert verdict.stuck
    assert verdict.trouble[-1] == "client-1: 50 further lines were against the contract"


def test_where_nothing_was_acknowledged_nothing_is_known():
    class Refusing(Good):
        async def publish(self, channel, data):
            raise ValueError

    _, _, verdict = try_out(Refusing)
    assert verdict.verdict is Result.UNKNOWN
    assert "Nothing that was asked for was acknowledged" in verdict.why


def test_a_client_that_ends_without_a_fault_has_still_failed():
    outcome, evidence, verdict = try_out(Good)
    from ablykit.judge.verdict import judge

    outcome.history.trouble("client-1", "crashed", "It exited with 1 in the middle of the run")
    assert judge("calm", outcome, evidence).verdict is Result.FAILED
    outcome.history.troubles.clear()
    outcome.history.trouble("client-1", "silent", "It did not report connected")
    assert judge("calm", outcome, evidence).verdict is Result.UNKNOWN
    outcome.history.hear("client-1", Report(log="x"))
    assert verdict.verdict is Result.PASSED


def storm(result):
    return StormVerdict(
        name="calm", workload="messages", verdict=result, reached=True, lost=[], duplicated=[], reordered=[],
        undetected=[], stuck=[], stale_members=[], ended=[], trouble=[], recovery_ms={}, acknowledged_ms={},
        delivered_ms={}, frames_per_message=None, counts={}, proof=[], why="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([Result.PASSED], 0),
        ([Result.PASSED, Result.FAILED, Result.UNKNOWN], 1),
        ([Result.PASSED, Result.UNKNOWN], 3),
        ([], 3),
    ],
)
def test_the_exit_code_is_that_of_the_worst_storm(results, code):
    verdict = Verdict(client="x", seed=1, storms=list(map(storm, results)))
    assert verdict.exit_code == code
    assert verdict.passed is (code == 0)


def test_the_json_has_the_contracts_shape():
    rule = RuleVerdict("a-rule", "RTN1", Kept.KEPT, [1])
    told = json.loads(
        json.dumps(Verdict(client="x", seed=1, storms=[storm(Result.PASSED)], scorecard=[rule]).as_json())
    )
    assert {"protocol", "client", "seed", "storms", "scorecard"} == set(told)
    assert told["protocol"] == 1
    assert {
        *("name", "verdict", "reached", "lost", "duplicated", "reordered", "undetected", "stuck"),
        *("stale_members", "recovery_ms", "frames_per_message", "proof", "why"),
    } <= set(told["storms"][0])
    assert told["storms"][0]["verdict"] == "passed"
    assert told["scorecard"][0] == {
        "rule": "a-rule", "clause": "RTN1", "verdict": "kept", "proof": [1], "says": "", "why": ""
    }  # fmt: skip
