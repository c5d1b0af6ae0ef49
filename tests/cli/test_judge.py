"""`ablykit judge`, as a stranger uses it."""

import json
import sys

import pytest

from tests.cli.running import run

SILENT = (sys.executable, "-S", "-c", "pass")
GOOD = """
import asyncio, json, os, sys
sys.path.insert(0, {root!r})
from tests.judge.good import Good
from tests.judge.programs import serve
asyncio.run(serve({kind}))
"""


def client(kind="Good"):
    from tests.notebook import ROOT

    return sys.executable, "-c", GOOD.format(root=str(ROOT), kind=kind)


def judge(tmp_path, *command, **options):
    given = [
        f"--{name}={value}" for name, value in {"clients": 2, "rate": 20, "time": 0.5, **options}.items()
    ]
    return run("judge", *given, "--no-rules", f"--out={tmp_path / 'out'}", "--", *command)


def test_a_good_client_passes_and_the_folder_is_there(tmp_path):
    done = judge(tmp_path, *client(), seed=7)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("✓ passed")
    assert str(tmp_path / "out" / "report.html") in done.stdout
    told = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert (told["seed"], told["storms"][0]["verdict"]) == (7, "passed")
    assert (tmp_path / "out" / "recording.jsonl").exists()


def test_the_card_has_the_rules(tmp_path):
    done = run("judge", "--clients=2", "--time=0.5", f"--out={tmp_path / 'out'}", "--", *client())
    assert done.returncode == 0, done.stderr
    assert "✗ 0 broken" in done.stdout
    told = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert len(told["scorecard"]) >= 50


def test_a_wrong_client_fails(tmp_path):
    twice = "type('Twice', (Good,), {'hand_over': lambda s, *m: [Good.hand_over(s, *m) for _ in 'xx']})"
    done = judge(tmp_path, *client(twice))
    assert done.returncode == 1, done.stderr
    assert "duplicated" in done.stdout


def test_one_that_never_came_so_far_is_unknown(tmp_path):
    done = judge(tmp_path, *SILENT)
    assert done.returncode == 3
    assert "? unknown" in done.stdout
    assert "in the middle of the run" in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workload": "dance"}, "There is no workload 'dance'"),
        ({"clients": 0}, "1 to 100 clients"),
        ({"clients": "many"}, "Invalid value"),
    ],
)
def test_wrong_usage_is_told(tmp_path, options, said):
    done = judge(tmp_path, *SILENT, **options)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_can_not_be_written_is_told_before_anything_runs(tmp_path):
    (tmp_path / "out").write_text("a file")
    done = judge(tmp_path, *SILENT)
    assert done.returncode == 2
    assert "File exists" in done.stderr


def test_it_needs_a_command():
    assert run("judge").returncode == 2
