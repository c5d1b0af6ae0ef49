"""The exercises in the notebooks: checks that say what is wrong, and hints.

    ablykit.lessons.check("kind", "action")
    ablykit.lessons.hint("kind")

The notebooks import `ablykit` alone, so that is how both are called there.
"""

from typing import Any

from ablykit.lessons import appendix, history, minimal_sdk, part_1, presence, tokens
from ablykit.lessons.exercise import Exercise, Hint, Verdict
from ablykit.lessons.saving import save

EXERCISES = {
    **part_1.EXERCISES,
    **minimal_sdk.EXERCISES,
    **tokens.EXERCISES,
    **presence.EXERCISES,
    **history.EXERCISES,
    **appendix.EXERCISES,
}
"""Every exercise by its name."""

__all__ = ["EXERCISES", "Exercise", "Hint", "Verdict", "check", "hint", "save"]


def check(name: str, *answer: Any, **context: Any) -> Verdict:
    """Judge an answer to the exercise `name`. Raises `KeyError` when there is no such exercise."""
    return _exercise(name).check(*answer, **context)


def hint(name: str) -> Hint:
    """Return the next hint for the exercise `name`; the last one is the solution.

    Raises `KeyError` when there is no such exercise.
    """
    return _exercise(name).hint()


def _exercise(name: str) -> Exercise:
    if name not in EXERCISES:
        raise KeyError(f"There is no exercise {name!r}. The exercises are {', '.join(EXERCISES)}")
    return EXERCISES[name]
