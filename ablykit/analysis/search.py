"""Frames found by a JMESPath expression: `error.code`, ``messages[?name=='greeting']``."""

from collections.abc import Iterable, Iterator

from ablykit.protocol.expression import Expression
from ablykit.transcript import Entry


class Search:
    """A JMESPath expression that is asked of frames.

    Raises `ValueError`, saying where it is wrong, for text that is no expression.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._expression = Expression(expression)

    def finds(self, entry: Entry) -> bool:
        """Whether the frame has what is asked for; see `Expression.finds`."""
        frame = entry.frame
        return bool(frame) and self._expression.finds(frame)


def search(entries: Iterable[Entry], expression: str) -> Iterator[Entry]:
    """The entries whose frame an expression finds. Raises `ValueError` for one that is wrong."""
    return filter(Search(expression).finds, entries)
