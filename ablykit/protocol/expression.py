"""A JMESPath expression, asked of plain values: whether it finds anything in them."""

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError


class Expression:
    """A JMESPath expression. Raises `ValueError`, saying where it is wrong, for text that is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled: Any = jmespath.compile(text)
        except JMESPathError as error:
            raise ValueError(" ".join(str(error).split())) from None

    def finds(self, value: Any) -> bool:
        """Whether it gives something that is not false, null or empty. A number counts, 0 too.

        What the expression can't be asked of is not found.
        """
        try:
            found = self._compiled.search(value)
        except JMESPathError:
            return False
        return found is not None and found is not False and found not in ("", [], {})
