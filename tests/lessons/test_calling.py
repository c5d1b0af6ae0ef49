"""What is said of a function that does not do what an exercise asks, whatever it does instead."""

import warnings

import pytest

from ablykit.lessons.calling import call
from ablykit.lessons.exercise import Wrong


def wrong(function, *arguments, returns=list):
    with pytest.raises(Wrong) as caught:
        call(function, "answer", "two numbers", *arguments, returns=returns)
    return str(caught.value)


async def waits(*numbers):
    return list(numbers)


def exits(*numbers):
    raise SystemExit(3)


def spins(*numbers):
    while True:
        pass


def test_it_returns_what_the_function_returns():
    assert call(lambda a, b: [a, b], "answer", "two numbers", 1, 2, returns=list) == [1, 2]


def test_the_function_gets_copies():
    given = [1]
    call(lambda a: a.clear() or a, "answer", "a list", given, returns=list)
    assert given == [1]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (None, "Give the function itself: answer, without parentheses."),
        ([1, 2], "without parentheses"),
        (waits, "Use a plain def"),
        (exits, "With two numbers, your function failed: SystemExit: 3"),
        (spins, "With two numbers, your function had not returned after 2 s. Does a loop never end?"),
        (list, "your function failed: TypeError"),
        (lambda a, b: a / 0, "your function failed: ZeroDivisionError"),
        (lambda a, b: None, "It should return a list. Printing it is not enough."),
        (lambda a, b: {}, "should return a list, not dict"),
        (lambda a, b: range(a), "should return a list, not range"),
    ],
)
def test_what_went_wrong_is_said(function, says):
    assert says in wrong(function, 1, 2)


def test_the_kind_of_value_is_named():
    assert "It should return True or False." in wrong(print, returns=bool)
    assert "should return True or False, not int" in wrong(lambda: 1, returns=bool)
    assert "should return a dict, not set" in wrong(set, returns=dict)


def test_a_coroutine_that_a_function_returns_is_not_complained_of_later():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "not coroutine" in wrong(lambda: waits())
