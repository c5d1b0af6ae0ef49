"""Exercises: what is not answered, hints, and how a verdict looks."""

import re

import pytest

import ablykit
from ablykit import lessons
from ablykit.lessons import EXERCISES

each = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)


@pytest.mark.parametrize("answer", [..., {"a": ...}, (..., ...), {"a": (1, ...)}, {...}])
def test_dots_are_not_a_wrong_answer_but_none(answer):
    verdict = lessons.check("kind", answer)
    assert "Not answered yet" in str(verdict)
    assert "✗" in verdict._repr_html_()


def test_a_coroutine_that_was_never_awaited_is_named():
    async def answer():
        return "action"

    coroutine = answer()
    assert "Put await in front" in lessons.check("kind", coroutine).text
    coroutine.close()


@each
def test_the_line_that_a_wrong_answer_offers_for_a_hint_works_with_ablykit_alone(exercise):
    """The notebooks import only `ablykit`: `lessons.hint(…)` was a NameError."""
    exercise.given = 0
    offered = re.search(r"For a hint: (.*)", str(lessons.check(exercise.name, ...)))[1]
    assert repr(eval(offered, {"ablykit": ablykit})).startswith("Hint 1 of 3: ")


def test_hints_tell_more_each_time():
    exercise = EXERCISES["kind"]
    exercise.given = 0
    told = [repr(lessons.hint("kind")) for _ in range(4)]
    assert told[0].startswith("Hint 1 of 3: ")
    assert told[2] == told[3]
    assert len(set(told)) == 3


@each
def test_every_exercise_has_three_hints_each_behind_a_button_of_its_own(exercise):
    """The second button is inside the first one's fold, so that it comes after the first was pressed."""
    html = lessons.check(exercise.name, ...)._repr_html_()
    buttons = re.findall(r"<summary[^>]*>(.*?)</summary>", html)
    assert buttons == [f"Hint {number} of 3" for number in (1, 2, 3)]
    assert html.index("Hint 3 of 3") < html.index("</details>")


def test_a_right_answer_has_no_buttons():
    assert "Hint" not in lessons.check("kind", "action")._repr_html_()


def test_an_exercise_that_is_not_there_is_said_not_to_be():
    with pytest.raises(KeyError, match="The exercises are kind"):
        lessons.check("nonsense", 1)
