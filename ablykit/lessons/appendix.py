"""The exercises of the appendix."""

from typing import Any

from ablykit.analysis import RULES, lint
from ablykit.lessons.exercise import Exercise
from ablykit.transcript import Transcript


def _broken(answer: Any, talk: Transcript) -> str | None:
    if not isinstance(answer, dict):
        return "The answer is a dict: the number of each frame, with the name of its rule."
    found = {finding.entry.number: finding.rule.name for finding in lint(talk)}
    for number, name in answer.items():  # type: ignore[reportUnknownVariableType]
        if number not in found:
            return (
                f"Frame {number!r} breaks no rule. Its number is the one in the first column of print(talk)."
            )
        if name not in RULES:
            return f"There is no rule {name!r}. Its name stands first in what the panel says of the frame."
        if name != found[number]:
            return f"Frame {number} does not break {name!r}: {RULES[name].says}"
    missing = len(found) - len(answer)  # type: ignore[reportUnknownArgumentType]
    return f"Right so far; {missing} more to find." if missing else None


EXERCISES = {
    "broken": Exercise(
        "broken",
        _broken,
        "Right: a serial that was used before, and a message that is too large.",
        (
            "Type is:broken into the inspector's search, after replay.seek(99).",
            "Each finding of lint(talk) has an entry with a number, and a rule with a name.",
            "{finding.entry.number: finding.rule.name for finding in lint(talk)}",
        ),
    )
}
