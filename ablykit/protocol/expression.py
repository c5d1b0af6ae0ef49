"""JMESPath expressions, asked of plain values: whether they find anything in them.

Someone who searches their own frames may use all of the language. A channel's filter is asked of every
message, by a service that others use too, so a `Filter` is held to what costs time in proportion to the
message: comparisons of members, `&&`, `||`, `!`, and functions that build nothing.
"""

from typing import Any, cast

import jmespath

MOST_PARTS = 100
"""How many parts a filter may have: members, literals, operators and functions together."""

FUNCTIONS = (
    "contains",
    "ends_with",
    "starts_with",
    "length",
    "not_null",
    "type",
    "to_number",
    "abs",
    "ceil",
    "floor",
)
"""The functions of a filter: they give a value of their arguments, a number or a truth."""

_COMPARING = frozenset(
    {
        "and_expression",
        "comparator",
        "current",
        "field",
        "identity",
        "index",
        "index_expression",
        "literal",
        "not_expression",
        "or_expression",
        "pipe",
        "subexpression",
    }
)
"""The nodes of a filter, beside functions. Others, such as `[a, b]`, `[]` and `*`, build new values from what
they find, each larger than the one before."""


class Expression:
    """A JMESPath expression. Raises `ValueError`, saying where it is wrong, for text that is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled: Any = jmespath.compile(text)
        except RecursionError:
            raise ValueError("It is nested too deeply") from None
        except Exception as error:  # jmespath's own, and whatever else its parser trips over
            raise ValueError(" ".join(str(error).split())) from None

    def finds(self, value: Any) -> bool:
        """Whether it gives something that is not false, null or empty. A number counts, 0 too.

        What the expression can't be asked of is not found.
        """
        try:
            found = self._compiled.search(value)
            return found is not None and found is not False and found not in ("", [], {})
        except Exception:  # text compared with a number is a TypeError, infinity rounded an OverflowError, …
            return False


class Filter(Expression):
    """An expression that costs no more than `MOST_PARTS` looks at a value.

    Raises `ValueError`, saying what to write instead, for one that might cost more.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        waiting: list[dict[str, Any]] = [self._compiled.parsed]
        parts = 0
        while waiting:
            node = waiting.pop()
            parts += 1
            if parts > MOST_PARTS:
                raise ValueError(f"It has more than {MOST_PARTS} parts")
            kind = node["type"]
            if kind == "function_expression" and node["value"] not in FUNCTIONS:
                raise ValueError(f"There is no function {node['value'][:40]} in filters: {_WHAT_THERE_IS}")
            if kind != "function_expression" and kind not in _COMPARING:
                raise ValueError(f"{kind.replace('_', ' ')} is not for filters: {_WHAT_THERE_IS}")
            waiting += cast("list[dict[str, Any]]", node["children"])


_WHAT_THERE_IS = (
    f"compare members such as name and headers.x, with &&, ||, ! and the functions {', '.join(FUNCTIONS)}"
)
