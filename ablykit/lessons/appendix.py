"""The exercises of the appendix."""

from typing import Any

from ablykit.lessons.exercise import Exercise
from ablykit.record import RULES, lint
from ablykit.record.transcript import Transcript


def _broken(answer: Any, session: Transcript) -> str | None:
    if not isinstance(answer, dict):
        return (
            "The answer is a dict that maps the number of each frame to the name of the rule that it breaks."
        )
    found = {finding.entry.number: finding.rule.name for finding in lint(session)}
    for number, name in answer.items():  # type: ignore[reportUnknownVariableType]
        if not isinstance(number, int) or number not in found:
            return f"Frame {number!r} breaks no rule. Use the numbers in the inspector's first column."
        if not isinstance(name, str) or name not in RULES:
            return f"There is no rule {name!r}. Give its name as text, as finding.rule.name does."
        if name != found[number]:
            return f"Frame {number} does not break {name!r}, which says: {RULES[name].says}"
    missing = len(found) - len(answer)  # type: ignore[reportUnknownArgumentType]
    return f"Right so far; {missing} more to find." if missing > 0 else None


EXERCISES = {
    "broken": Exercise(
        "broken",
        _broken,
        "Right: a msgSerial that had been used before, and a message that is too large.",
        (
            "Run replay.seek(99). Then type is:broken into the inspector's search.",
            "lint(session) returns findings. You need finding.entry.number and finding.rule.name.",
            "broken = {finding.entry.number: finding.rule.name for finding in lint(session)}",
        ),
    )
}
