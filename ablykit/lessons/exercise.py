"""Exercises that check themselves: a verdict says what is wrong, and hints come one at a time."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

Judge = Callable[..., str | None]
"""Returns what is wrong with an answer, or None when it is right. It may raise `Wrong` instead."""

BUTTON = "display:inline-block;cursor:pointer;border:1px solid;border-radius:3px;padding:0 .6em;margin:.4em 0"
"""How a hint's summary looks: like a button, in the page's own colours."""


class Wrong(Exception):
    """The sentence that says what is wrong with an answer."""


@dataclass(frozen=True)
class Verdict:
    """What a check found. It prints, and shows in a notebook, as a sentence.

    A notebook also gets a button for each hint. The buttons are plain HTML, so they still work after
    the kernel is gone and on a page that never had one.
    """

    right: bool
    text: str
    exercise: "Exercise | None" = None

    def __str__(self) -> str:
        verdict = f"{'✓' if self.right else '✗'} {self.text}"
        return f"{verdict}\n  For a hint: {self.exercise.call}" if self.exercise else verdict

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sign, color = ("✓", "#2e7d32") if self.right else ("✗", "#c62828")
        hints = _buttons(self.exercise.hints) if self.exercise else ""
        return (
            f'<div style="border-left:4px solid {color};padding:.3em .8em">'
            f"<b>{sign}</b> {escape(self.text)}{hints}</div>"
        )


def _buttons(hints: tuple[str, ...]) -> str:
    """Return one button that unfolds the first hint, with the button for the next hint below it."""
    html = ""
    for number, hint in reversed(list(enumerate(hints, 1))):
        tag = "pre" if number == len(hints) else "div"
        html = (
            f'<details><summary style="{BUTTON}">Hint {number} of {len(hints)}</summary>'
            f"<{tag}>{escape(hint)}</{tag}>{html}</details>"
        )
    return html


class Hint(str):
    """A hint. A notebook cell that ends with it shows it without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


@dataclass
class Exercise:
    """One question of a notebook: a judge for its answer, praise for a right one, and hints.

    The last hint is the solution itself, as the code to put into the cell.
    """

    name: str
    judge: Judge
    praise: str
    hints: tuple[str, ...]
    given: int = field(default=0, init=False)
    """How many hints `hint` has returned so far."""

    @property
    def call(self) -> str:
        """The line of code that prints the next hint in a notebook, where only `ablykit` is imported."""
        return f"ablykit.lessons.hint({self.name!r})"

    def check(self, *answer: Any, **context: Any) -> Verdict:
        """Judge an answer. An answer with `...` in it counts as not given yet."""
        if any(map(_is_open, answer)):
            return Verdict(False, "Not answered yet. Replace the dots with your answer.", self)
        if any(map(inspect.isawaitable, answer)):
            wrong = "This is a coroutine that has not run. Put await in front of the call."
        else:
            wrong = self._judged(*answer, **context)
        return Verdict(True, self.praise) if wrong is None else Verdict(False, wrong, self)

    def _judged(self, *answer: Any, **context: Any) -> str | None:
        try:
            return self.judge(*answer, **context)
        except Wrong as wrong:
            return str(wrong)

    def hint(self) -> Hint:
        """Return the next hint, or the last one again."""
        self.given = min(self.given + 1, len(self.hints))
        hint = self.hints[self.given - 1]
        return Hint(f"Hint {self.given} of {len(self.hints)}:" + ("\n" if "\n" in hint else " ") + hint)


def _is_open(answer: Any) -> bool:
    """Return whether an answer, or a part of it, is still `...`."""
    if isinstance(answer, dict):
        return any(map(_is_open, (*answer, *answer.values())))  # type: ignore[reportUnknownArgumentType]
    if isinstance(answer, list | tuple | set | frozenset):
        return any(map(_is_open, answer))  # type: ignore[reportUnknownArgumentType]
    return answer is ...
