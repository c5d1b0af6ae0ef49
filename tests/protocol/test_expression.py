"""An expression finds, or does not, and what is none is refused."""

import pytest

from ablykit.protocol.expression import MOST_PARTS, Expression, Filter

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
        ("messages[0].name < `5`", False),
        ("action < 'x'", False),
        ("messages[::0]", False),
        ("ceil(`1e999`)", False),
        ('max(`[1, "x"]`)', False),
    ],
)
def test_something_is_found_unless_it_is_false_null_or_empty(text, found):
    expression = Expression(text)
    assert expression.text == text
    assert expression.finds(FRAME) is found


@pytest.mark.parametrize(
    "text", ["", "[", "a ==", "a\n&& b &&", "(" * 500 + "a" + ")" * 500, "`" + "[" * 5_000 + "`"]
)
def test_what_is_no_expression_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r".") as caught:
        Expression(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value)


def test_a_value_too_deep_to_be_compared_is_not_found():
    one, other = [], []
    for _ in range(100_000):
        one, other = [one], [other]
    assert not Expression("a == b").finds({"a": one, "b": other})


@pytest.mark.parametrize(
    "text",
    [
        "name == 'x'",
        'name == `"reqState"` && headers.to == `"ada"`',
        "(headers.kind == 'a' && headers.rank >= `3`) || !headers.hidden",
        "contains(name, 'x') || starts_with(name, 'y') || ends_with(headers.\"quoted name\", 'z')",
        "length(name) > `3` && type(headers.n) == 'number' && not_null(headers.a, headers.b) != 'c'",
        "extras.list[0].id == 'a' || headers | rank",
        "@.name",
    ],
)
def test_a_filter_compares_members(text):
    assert Filter(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "[name,name]|[@,@][]" + "|[@,@][]" * 20,
        "{a: @, b: @}",
        "extras.list[]",
        "extras.list[*].a",
        "extras.*",
        "extras.list[?@ == 'x']",
        "extras.list[1:5]",
        "to_string(to_string(name))",
        "join(name, extras.list)",
        "map(&@, extras.list)",
        "merge(extras, extras)",
        "sort_by(extras.list, &a)",
        "no_such_function(name)",
    ],
)
def test_a_filter_that_builds_values_is_refused_with_what_to_write_instead(text):
    with pytest.raises(ValueError, match="contains, ends_with"):
        Filter(text)


def test_a_filter_has_an_end():
    Filter(" || ".join(["a"] * (MOST_PARTS // 2)))
    with pytest.raises(ValueError, match=f"{MOST_PARTS} parts"):
        Filter(" || ".join(["a"] * MOST_PARTS))
    with pytest.raises(ValueError, match="nested"):
        Filter("(" * 500 + "a" + ")" * 500)
