"""Exercises: what is not answered, hints, and how a verdict looks."""

import pytest

from ablykit import lessons
from ablykit.lessons import EXERCISES


@pytest.mark.parametrize("answer", [..., {"a": ...}, (..., ...), {"a": (1, ...)}])
def test_dots_are_not_a_wrong_answer_but_none(answer):
    verdict = lessons.check("kind", answer)
    assert "Not answered yet" in str(verdict)
    assert "✗" in verdict._repr_html_()


def test_hints_tell_more_each_time():
    exercise = EXERCISES["kind"]
    exercise.given = 0
    told = [repr(lessons.hint("kind")) for _ in range(4)]
    assert told[0].startswith("Hint 1 of 3: ")
    assert told[2] == told[3]
    assert len(set(told)) == 3


def test_every_exercise_has_three_hints():
    assert all(len(exercise.hints) == 3 for exercise in EXERCISES.values())


def test_an_exercise_that_is_not_there_is_said_not_to_be():
    with pytest.raises(KeyError, match="there are kind"):
        lessons.check("nonsense", 1)
