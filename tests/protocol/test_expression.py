"""An expression finds, or does not, and what is none is refused."""

import pytest

from ablykit.protocol.expression import Expression

FRAME = {"action": 15, "messages": [{"name": "greeting", "data": 0}], "error": None, "params": {}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("action == `15`", True),
        ("messages[?name=='greeting']", True),
        ("messages[0].data", True),
        ("messages[?name=='other']", False),
        ("error", False),
        ("params", False),
        ("nothing.there", False),
        ("action == `4`", False),
        ("length(action)", False),
    ],
)
def test_something_is_found_unless_it_is_false_null_or_empty(text, found):
    expression = Expression(text)
    assert expression.text == text
    assert expression.finds(FRAME) is found


@pytest.mark.parametrize("text", ["", "[", "a ==", "a\n&& b &&"])
def test_what_is_no_expression_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r".") as caught:
        Expression(text)
    assert "\n" not in str(caught.value)
