"""The page on judging: each of its clients is taken out of it and judged."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import ABLYKIT
from tests.conftest import needs
from tests.notebook import ROOT

PAGE = (ROOT / "docs" / "judge.md").read_text()


def example(heading):
    _, _, after = PAGE.partition(f"## {heading}\n")
    return re.search(r"```\w+\n(.*?)```", after, re.S)[1]


def judged(tmp_path, *command, options=()):
    """The exit code and the verdict of a short run of a client."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where the page's `ablykit` is
    done = subprocess.run(
        [*ABLYKIT, "judge", "--clients=2", "--rate=20", "--time=2", "--out=out", *options, "--", *command],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (tmp_path / "out" / "verdict.json").exists(), done.stderr
    return done.returncode, json.loads((tmp_path / "out" / "verdict.json").read_text())


def is_good(code, verdict):
    (storm,) = verdict["storms"]
    assert (code, storm["verdict"], storm["trouble"]) == (0, "passed", []), storm["why"]
    assert storm["counts"]["got"] == 2 * storm["counts"]["acknowledged"] == 80
    rules = {rule["rule"]: rule["verdict"] for rule in verdict["scorecard"]}
    assert rules["a-nack-is-nobody-elses"] == rules["serial-not-rising"] == "kept"


@pytest.mark.slow
def test_the_python_client_passes(tmp_path):
    (tmp_path / "client.py").write_text(example("A client in Python"))
    is_good(*judged(tmp_path, sys.executable, "client.py"))


@pytest.mark.slow
def test_the_node_client_passes(tmp_path):
    node = needs("node", shutil.which("node"))
    (tmp_path / "client.mjs").write_text(example("A client in Node"))
    is_good(*judged(tmp_path, node, "--experimental-websocket", "--no-warnings", "client.mjs"))


@pytest.mark.slow
def test_the_shell_client_passes(tmp_path):
    needs("jq", shutil.which("jq"))
    (tmp_path / "client.sh").write_text(example("A client in a shell"))
    is_good(*judged(tmp_path, needs("bash", shutil.which("bash")), "client.sh"))


@pytest.mark.slow
def test_a_client_that_counts_only_what_is_unanswered_is_found(tmp_path):
    """A msgSerial that is used again is dropped without an answer: one line of the page's client changed."""
    code = example("A client in Python").replace(
        '"msgSerial": serial,', '"msgSerial": list(asked).index(serial),'
    )
    (tmp_path / "client.py").write_text(code)
    code, verdict = judged(tmp_path, sys.executable, "client.py", options=["--no-rules"])
    assert code == 1
    assert verdict["storms"][0]["stuck"]
    assert verdict["storms"][0]["proof"]


@pytest.mark.parametrize("table", ["option", "variable"])
def test_the_page_names_what_there_is(table):
    told = set(re.findall(r"`(--[\w-]+|ABLY\w*)", PAGE))
    if table == "option":
        shown = subprocess.run(
            [*ABLYKIT, "judge", "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"NO_COLOR": "1"},
        ).stdout
        assert set(re.findall(r"--(?!help)\w[\w-]*", shown)) <= told | {"--"}
    else:
        from tests.judge.listening import PLACE

        assert {name for name in PLACE.environment if "ABLY" in name} <= told
