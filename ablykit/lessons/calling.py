"""Call a learner's function, and say in a sentence what went wrong if it did."""

import inspect
from copy import deepcopy
from typing import Any

from ablykit.lessons.deadline import TookTooLong, call_within
from ablykit.lessons.exercise import Wrong

TIME = 2.0
"""How long the learner's function may take for each story, in seconds."""

_NOUNS: dict[type, str] = {bool: "True or False", dict: "a dict", list: "a list"}


def call(function: Any, name: str, story: str, *arguments: Any, returns: type) -> Any:
    """Return what the function returns for copies of the arguments, which is of the type `returns`.

    `story` says in a few words what the arguments are about, and `name` is what the exercise calls the
    function. Raises `Wrong` if the function does not return such a value within `TIME`.
    """
    if not callable(function):
        raise Wrong(f"Give the function itself: {name}, without parentheses.")
    if inspect.iscoroutinefunction(function):
        raise Wrong(
            "Your function is declared with async def. Use a plain def: the function waits for nothing."
        )
    try:
        found = call_within(TIME, function, *deepcopy(arguments))
    except TookTooLong:
        raise Wrong(
            f"With {story}, your function had not returned after {TIME:g} s. Does a loop never end?"
        ) from None
    except (Exception, SystemExit) as error:
        raise Wrong(f"With {story}, your function failed: {type(error).__name__}: {error}") from None
    noun = _NOUNS[returns]
    if found is None:
        raise Wrong(f"Your function returns nothing yet. It should return {noun}. Printing it is not enough.")
    if not isinstance(found, returns):
        if inspect.iscoroutine(found):
            found.close()  # it will never run, and Python would warn of that in the middle of the notebook
        raise Wrong(f"Your function should return {noun}, not {type(found).__name__}.")
    return found
