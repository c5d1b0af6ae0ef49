"""What is due is done in order, once, and what fails keeps nothing else from being done."""

import pytest

from ablykit.server.common.agenda import Agenda


@pytest.fixture
def agenda():
    return Agenda()


@pytest.fixture
def done(agenda):
    listed = []
    agenda.enter = lambda key, due: agenda.at(key, due, lambda now: listed.append((key, now)))
    return listed


def test_what_is_due_is_done_in_order_and_once(agenda, done):
    for key, due in (("b", 20.0), ("a", 10.0), ("c", 30.0)):
        agenda.enter(key, due)
    assert agenda.next_due == 10.0
    agenda.run(20.0)
    agenda.run(20.0)
    assert done == [("a", 20.0), ("b", 20.0)]
    assert agenda.next_due == 30.0


def test_what_is_entered_again_is_done_at_the_later_time_and_what_is_taken_back_is_not(agenda, done):
    agenda.enter("a", 10.0)
    agenda.enter("a", 30.0)
    agenda.enter("b", 5.0)
    agenda.cancel("b")
    agenda.cancel("never entered")
    agenda.run(20.0)
    assert done == []
    assert agenda.next_due == 30.0


def test_what_fails_is_reported_and_the_rest_is_done(agenda, done, caplog):
    agenda.at("fails", 1.0, lambda now: 1 / 0)
    agenda.enter("a", 2.0)
    agenda.run(3.0)
    assert done == [("a", 3.0)]
    assert "ZeroDivisionError" in caplog.text


def test_what_is_done_may_enter_more_for_now(agenda, done):
    agenda.at("first", 1.0, lambda now: agenda.enter("second", now))
    agenda.run(1.0)
    assert done == [("second", 1.0)]
    assert agenda.next_due is None


def test_it_says_so_when_something_is_due_sooner(agenda, done):
    woken = []
    agenda.wake = lambda: woken.append(agenda.next_due)
    for due in (10.0, 20.0, 5.0):
        agenda.enter(due, due)
    assert woken == [10.0, 5.0]


def test_what_is_entered_again_and_again_takes_no_more_room(agenda, done):
    for due in range(10_000):
        agenda.enter("a", float(due))
    assert len(agenda._heap) < 2_000
