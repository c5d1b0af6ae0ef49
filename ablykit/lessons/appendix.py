"""The exercises of the appendix."""

from typing import Any

from ablykit.lessons.exercise import Exercise
from ablykit.record import RULES, lint
from ablykit.record.transcript import Transcript


def _broken(answer: Any, talk: Transcript) -> str | None:
    if not isinstance(answer, dict):
        return "The answer is a dict of each frame's number with the name of the rule it breaks."
    found = {finding.entry.number: finding.rule.name for finding in lint(talk)}
    for number, name in answer.items():  # type: ignore[reportUnknownVariableType]
        if not isinstance(number, int) or number not in found:
            return (
                f"Frame {number!r} breaks no rule. The number is the one in the first column of print(talk)."
            )
        if not isinstance(name, str) or name not in RULES:
            return f"There is no rule {name!r}. Give its name as text: finding.rule.name, for instance."
        if name != found[number]:
            return f"Frame {number} does not break {name!r}: {RULES[name].says}"
    missing = len(found) - len(answer)  # type: ignore[reportUnknownArgumentType]
    return f"Right so far; {missing} more to find." if missing > 0 else None


EXERCISES = {
    "broken": Exercise(
        "broken",
        _broken,
        "Right: a msgSerial that had been used before, and a message that is too large.",
        (
            "Run replay.seek(99), then type is:broken into the inspector's search.",
            "Each finding of lint(talk) has an entry, which has a number, and a rule, which has a name.",
            "broken = {finding.entry.number: finding.rule.name for finding in lint(talk)}",
        ),
    )
}
