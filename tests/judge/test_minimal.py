"""The SDK of notebook 06, judged: it breaks the rules that the notebook says it breaks."""

import re

import pytest

from ablykit import judge
from ablykit.judge import Kept
from tests.lessons.minimal import NOTEBOOK, minimal_sdk
from tests.notebook import read


def broken(client):
    verdict = judge.run(client, time=1, clients=2)
    assert verdict.passed
    return {rule.rule for rule in verdict.scorecard if rule.verdict is Kept.BROKEN}


@pytest.mark.slow
def test_on_a_calm_line_it_passes_and_breaks_what_its_notebook_shows():
    shown = "\n".join(str(cell.get("outputs", "")) for cell in read(NOTEBOOK).cells if cell.id == "judged")
    said = set(re.findall(r"✗ ([a-z-]+) \(", shown))
    assert broken(minimal_sdk().Ably) == said
    assert {"ok-only-after-ack", "a-nack-is-a-failure", "reconnects"} < said


@pytest.mark.slow
def test_with_the_solution_of_its_exercise_it_keeps_the_rules_of_publishing():
    left = broken(minimal_sdk(with_acks=True).Ably)
    assert not left & {"ok-only-after-ack", "a-nack-is-a-failure", "a-nack-is-nobody-elses"}
    assert "reconnects" in left
