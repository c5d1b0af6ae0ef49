"""What is due when, and how long a retry waits."""

from ablykit.client.timers import Timers, backoff


def test_the_earliest_is_done_first_and_may_set_others():
    timers, done = Timers(), []
    timers.at("late", 20, lambda now: done.append(("late", now)))
    timers.at("early", 10, lambda now: timers.at("between", 15, lambda now: done.append(("between", now))))
    assert timers.due == 10
    timers.run(30)
    assert done == [("between", 30), ("late", 30)]
    assert timers.due is None


def test_one_is_replaced_or_cancelled_by_its_name():
    timers, done = Timers(), []
    timers.at("a", 1, done.append)
    timers.at("a", 5, done.append)
    timers.run(4)
    assert done == []
    timers.cancel("a", "unknown")
    timers.at("b", 1, done.append)
    timers.clear()
    timers.run(9)
    assert done == []


def test_retries_wait_longer_up_to_twice_the_base_less_the_jitter():
    assert [backoff(3_000, attempt, 1.0) for attempt in (1, 2, 3, 4, 5, 9)] == [
        3_000,
        4_000,
        5_000,
        6_000,
        6_000,
        6_000,
    ]
    assert backoff(1_000, 1, 0.0) == 800
