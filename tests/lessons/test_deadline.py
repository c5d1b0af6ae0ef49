"""A learner's function: what it returns and raises comes through, and it can't go on for ever."""

import contextlib
import threading

import pytest

from ablykit.lessons.deadline import TookTooLong, call_within


def running():
    return [thread for thread in threading.enumerate() if thread.name == "ablykit-exercise"]


def test_what_it_returns_and_raises_comes_through():
    assert call_within(5, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        call_within(5, divmod, 7, 0)
    with pytest.raises(SystemExit):
        call_within(5, exit)


def test_a_loop_without_end_is_ended_even_where_it_catches_every_exception():
    def loops():
        while True:
            with contextlib.suppress(Exception):
                sum(range(10))

    with pytest.raises(TookTooLong):
        call_within(0.1, loops)
    for thread in running():
        thread.join(5)
    assert not running()


def test_a_function_that_waits_for_ever_is_left_waiting():
    release = threading.Event()
    with pytest.raises(TookTooLong):
        call_within(0.1, release.wait)
    release.set()
    for thread in running():
        thread.join(5)
    assert not running()
