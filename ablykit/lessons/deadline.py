"""Run a learner's function with a deadline, so that an endless loop can't hang the notebook."""

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

TRIES = 5
"""How many times to raise the exception inside a function that does not end."""

LAST_WORDS = 0.1
"""How long to wait in all for the function to end after that, in seconds."""


class TookTooLong(Exception):
    """The function did not return in time."""


class _Stop(SystemExit):
    """Raised inside the function to end it. A thread ends silently with a `SystemExit`."""


def call_within(seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `function(*arguments)` returns, as long as that takes no more than `seconds`.

    The function runs on its own thread. When the time is up, an exception is raised inside it, which
    ends any loop written in Python. A function that blocks elsewhere (it sleeps, or waits for a lock) ends
    when the block does; until then its thread waits and keeps nothing else from running.

    Raises `TookTooLong` after `seconds`, and whatever the function itself raises.
    """
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(function(*arguments))
        except BaseException as error:
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="ablykit-exercise", daemon=True)
    thread.start()
    thread.join(seconds)
    if not thread.is_alive():
        return outcome.result()
    for _ in range(TRIES):  # the function may swallow one, as a tracer's callback does
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
        thread.join(LAST_WORDS / TRIES)
        if not thread.is_alive():
            break
    raise TookTooLong
