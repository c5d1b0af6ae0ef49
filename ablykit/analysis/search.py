"""Frames found by a JMESPath expression: `error.code`, ``messages[?name=='greeting']``."""

from collections.abc import Iterable, Iterator
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from ablykit.transcript import Entry


class Search:
    """A JMESPath expression that is asked of frames.

    Raises `ValueError`, saying where it is wrong, for text that is no expression.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        try:
            self._compiled: Any = jmespath.compile(expression)
        except JMESPathError as error:
            raise ValueError(" ".join(str(error).split())) from None

    def finds(self, entry: Entry) -> bool:
        """Whether the frame has what is asked for: a value that is not false, null or empty.

        A number counts, 0 too. What the expression can't be asked of is not found.
        """
        frame = entry.frame
        if not frame:
            return False
        try:
            value = self._compiled.search(frame)
        except JMESPathError:
            return False
        return value is not None and value is not False and value not in ("", [], {})


def search(entries: Iterable[Entry], expression: str) -> Iterator[Entry]:
    """The entries whose frame an expression finds. Raises `ValueError` for one that is wrong."""
    return filter(Search(expression).finds, entries)
