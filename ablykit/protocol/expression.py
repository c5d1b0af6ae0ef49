"""JMESPath expressions: decide whether an expression finds anything in a plain value.

A user who searches a recording may use the whole language (`Expression`). A channel's filter is different:
the service evaluates it for every message, on behalf of a client that others must not suffer from. So a
`Filter` may use only what takes time in proportion to the message: comparisons of members, `&&`, `||`, `!`,
and functions that don't build new values.
"""

from typing import Any, cast

import jmespath

MOST_PARTS = 100
"""The most parts that a filter may have: members, literals, operators and functions together."""

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
"""The functions that a filter may use: their result is one of their arguments, a number or a boolean."""

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
"""The kinds of nodes that a filter may have, besides functions.

Other kinds, such as `[a, b]`, `[]` and `*`, build new values from what they find. Nested, they can build
values that are many times larger than the message.
"""


class Expression:
    """A JMESPath expression. Raises `ValueError`, saying where the error is, for invalid text."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled: Any = jmespath.compile(text)
        except RecursionError:
            raise ValueError("It is nested too deeply") from None
        except Exception as error:  # jmespath's own errors, and whatever else its parser raises
            raise ValueError(" ".join(str(error).split())) from None

    def finds(self, value: Any) -> bool:
        """Return whether the result is not false, null or empty. Any number counts as found, even 0.

        An expression that fails for this value finds nothing.
        """
        try:
            found = self._compiled.search(value)
            return found is not None and found is not False and found not in ("", [], {})
        except Exception:  # text compared with a number is a TypeError, infinity rounded an OverflowError, …
            return False


class Filter(Expression):
    """An expression with at most `MOST_PARTS` parts, each of which takes time in proportion to the value.

    Raises `ValueError`, saying what to write instead, for any other expression.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        waiting: list[dict[str, Any]] = [self._compiled.parsed]
        parts = 0
        while waiting:
            node = waiting.pop()
            parts += 1
            if parts > MOST_PARTS:
                raise ValueError(f"It has more than {MOST_PARTS} parts: write a shorter one")
            kind = node["type"]
            if kind == "function_expression" and node["value"] not in FUNCTIONS:
                raise ValueError(f"A filter can't use the function {node['value'][:40]}: {_INSTEAD}")
            if kind != "function_expression" and kind not in _COMPARING:
                raise ValueError(f"A filter can't have a {kind.replace('_', ' ')}: {_INSTEAD}")
            waiting += cast("list[dict[str, Any]]", node["children"])


_INSTEAD = (
    f"compare members such as name and headers.x, with &&, ||, ! and the functions {', '.join(FUNCTIONS)}"
)
