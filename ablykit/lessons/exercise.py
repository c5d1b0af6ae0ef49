"""Exercises that check themselves: what is wrong is said, hints come one at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

Judge = Callable[..., str | None]
"""Looks at an answer: what is wrong with it, or None when it is right."""


@dataclass(frozen=True)
class Verdict:
    """What a check found. It prints, and shows in a notebook, as a sentence."""

    right: bool
    text: str
    hint: str = ""

    def __str__(self) -> str:
        sign = "✓" if self.right else "✗"
        return f"{sign} {self.text}" + (f"\n  {self.hint}" if self.hint else "")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sign, color = ("✓", "#2e7d32") if self.right else ("✗", "#c62828")
        hint = f"<br><small>{escape(self.hint)}</small>" if self.hint else ""
        return (
            f'<div style="border-left:4px solid {color};padding:.3em .8em">'
            f"<b>{sign}</b> {escape(self.text)}{hint}</div>"
        )


class Hint(str):
    """A hint; a cell that ends with it shows it without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


@dataclass
class Exercise:
    """One question of a notebook: how its answer is judged, what to say when it is right, hints."""

    name: str
    judge: Judge
    praise: str
    hints: tuple[str, ...]
    given: int = field(default=0, init=False)
    """How many hints were given so far."""

    def check(self, *answer: Any, **context: Any) -> Verdict:
        """Judge an answer. An answer that is still `...` is not wrong, only not there."""
        ask = f"For a hint: lessons.hint({self.name!r})"
        if any(map(_is_open, answer)):
            return Verdict(False, "Not answered yet: put your answer where the dots are.", ask)
        wrong = self.judge(*answer, **context)
        return Verdict(True, self.praise) if wrong is None else Verdict(False, wrong, ask)

    def hint(self) -> Hint:
        """The next hint; after the last it is the last again."""
        self.given = min(self.given + 1, len(self.hints))
        return Hint(f"Hint {self.given} of {len(self.hints)}: {self.hints[self.given - 1]}")


def _is_open(answer: Any) -> bool:
    """Whether an answer, or a part of it, is still the dots it was."""
    if isinstance(answer, dict):
        return any(map(_is_open, (*answer, *answer.values())))  # type: ignore[reportUnknownArgumentType]
    if isinstance(answer, list | tuple):
        return any(map(_is_open, answer))  # type: ignore[reportUnknownArgumentType]
    return answer is ...
