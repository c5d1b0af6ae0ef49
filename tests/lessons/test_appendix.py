"""The exercises of the appendix: right answers turn green, and each usual mistake is named."""

import pytest

from ablykit import lessons


@pytest.fixture
def session():
    from ablykit.record.files import load
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
        (None, "is a dict"),
        ({}, "2 more to find"),
        ({14: ["serial-not-rising"]}, "no rule ['serial-not-rising']"),
        ({14: None}, "no rule None"),
        ({"14": "serial-not-rising"}, "Frame '14' breaks no rule"),
        ({...: ...}, "Not answered yet"),
    ],
)
def test_broken_rules_are_found_by_number_and_name(session, answer, says):
    assert says in str(lessons.check("broken", answer, session=session))


def test_its_last_hint_is_code_that_solves_it(session):
    from ablykit.record import lint

    cell = {"session": session, "lint": lint}
    exec(lessons.EXERCISES["broken"].hints[-1], cell)
    assert lessons.check("broken", cell["broken"], session=session).right
