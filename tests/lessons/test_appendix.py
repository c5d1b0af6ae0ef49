"""The exercises of the appendix: right answers turn green, and each usual mistake is named."""

import pytest

from ablykit import lessons


@pytest.fixture
def talk():
    from ablykit.recording import load
    from tests.notebook import ROOT

    return load(ROOT / "notebooks" / "recordings" / "two_clients.jsonl")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({14: "serial-not-rising", 17: "message-too-large"}, "✓"),
        ({14: "serial-not-rising"}, "1 more to find"),
        ({14: "message-too-large"}, "does not break"),
        ({14: "too-fast-by-far"}, "no rule 'too-fast-by-far'"),
        ({3: "serial-not-rising"}, "breaks no rule"),
        ([14], "is a dict"),
        ({...: ...}, "Not answered yet"),
    ],
)
def test_broken_rules_are_found_by_number_and_name(talk, answer, says):
    assert says in str(lessons.check("broken", answer, talk=talk))
