"""`run`, as a notebook and a terminal use it."""

import asyncio
import json
import sys

import pytest

import ablykit.judge
from ablykit.judge import Options, run
from ablykit.judge.workloads import Setting
from tests.judge.good import Good
from tests.judge.test_verdict import Stutterer

SHORT = {"clients": 2, "rate": 30, "time": 0.4, "rules": False}


def test_a_class_is_judged_shown_and_its_verdict_returned(capsys, tmp_path, no_leftovers):
    verdict = run(Good, **SHORT, seed=4, out=tmp_path / "a" / "b")
    assert verdict.passed
    assert (verdict.client, verdict.seed) == ("Good", 4)
    assert "✓ passed  calm, workload messages" in capsys.readouterr().out
    told = json.loads((tmp_path / "a" / "b" / "verdict.json").read_text())
    assert told == verdict.as_json()


def test_the_same_seed_asks_for_the_same():
    counts = [run(Good, **SHORT, seed=5).storms[0].counts["asked"] for _ in range(2)]
    assert counts[0] == counts[1]


def test_it_runs_where_a_loop_is_running_already(capsys):
    async def in_a_cell():
        return run(Stutterer, **SHORT)

    verdict = asyncio.run(in_a_cell())
    assert verdict.exit_code == 1
    assert "✗ failed" in capsys.readouterr().out


def test_a_command_is_a_list_of_words():
    verdict = run([sys.executable, "-c", "pass"], **SHORT)
    assert verdict.client.endswith(" -c pass")
    assert verdict.exit_code == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workload": "dance"}, "There is no workload 'dance'; there are messages, presence, tokens"),
        ({"storms": ["hail"]}, "There is no storm 'hail'; there are calm"),
        ({"clients": 0}, "1 to 100 clients"),
        ({"rate": 0}, "more than 0"),
        ({"time": 1e9}, "at most an hour"),
    ],
)
def test_what_can_not_be_asked_for_is_told_with_what_can(options, said):
    with pytest.raises(ValueError, match=said):
        run(Good, **options)


def test_the_room_offers_what_is_needed_to_judge():
    assert set(ablykit.judge.__all__) <= set(dir(ablykit.judge))
    Options(setting=Setting()).check()


def test_the_rules_are_tried_where_a_client_comes_so_far():
    verdict = run(Good, **{**SHORT, "rules": True})
    kept = {rule.rule for rule in verdict.scorecard if rule.verdict == "kept"}
    assert {"serial-not-rising", "answers-auth", "enters-again"} <= kept
    assert not [rule for rule in verdict.scorecard if rule.verdict == "broken"]
    silent = run([sys.executable, "-S", "-c", "pass"], **{**SHORT, "rules": True})
    assert silent.scorecard == []
