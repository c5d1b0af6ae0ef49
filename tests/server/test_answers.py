"""Every publish of a connection is answered once, and in order."""

import random

import pytest

from ablykit.protocol import AblyError, PublishResult
from ablykit.server.answers import PATIENCE, REMEMBERED, REMEMBERED_SERIALS, UNHEARD, Answers

NO = AblyError(40000, "no")


@pytest.fixture
def sent():
    return []


@pytest.fixture
def answers(sent):
    return Answers(lambda frame: sent.append((frame.action, frame.msg_serial)))


def test_an_answer_goes_out_as_it_is_given(answers, sent):
    answers.open(0, 0.0).ack(PublishResult(serials=["s"]))
    answers.open(1, 0.0).nack(NO)
    assert sent == [(1, 0), (2, 1)]
    assert answers.given(0).res == [PublishResult(serials=["s"])]
    assert answers.given(1).error.code == 40000


def test_an_early_answer_waits_for_those_before_it(answers, sent):
    first, second, third = (answers.open(n, 0.0) for n in range(3))
    third.ack()
    second.nack(NO)
    assert (sent, answers.waiting) == ([], 3)
    first.ack()
    assert (sent, answers.waiting) == ([(1, 0), (2, 1), (1, 2)], 0)


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_they_come_they_go_in_order(answers, sent, seed):
    opened = [answers.open(n, 0.0) for n in range(50)]
    random.Random(seed).shuffle(opened)
    for each in opened:
        each.ack()
    assert [serial for _, serial in sent] == list(range(50))


def test_the_first_answer_counts(answers, sent):
    answer = answers.open(0, 0.0)
    answer.nack(NO)
    answer.ack()
    assert sent == [(2, 0)]


def test_what_waits_too_long_is_refused_with_50003(answers, sent):
    late, later = answers.open(0, 0.0), answers.open(1, 5.0)
    assert answers.due == PATIENCE
    answers.overdue(PATIENCE - 1)
    assert sent == []
    answers.overdue(PATIENCE)
    assert sent == [(2, 0)]
    assert answers.given(0).error.code == 50003
    assert answers.due == PATIENCE + 5
    later.ack()
    late.ack()
    assert (sent, answers.due) == ([(2, 0), (1, 1)], None)


def test_the_newest_answers_are_remembered(answers):
    for n in range(REMEMBERED + 3):
        answers.open(n, 0.0).ack()
    assert [answers.given(n) is None for n in (2, 3, REMEMBERED + 2)] == [True, False, False]
    assert answers.last_serial == REMEMBERED + 2


def test_they_are_remembered_only_as_far_as_they_are_small(answers):
    for n in range(3):
        answers.open(n, 0.0).ack(PublishResult(serials=["s"] * (REMEMBERED_SERIALS // 2)))
    assert [answers.given(n) is None for n in range(3)] == [True, False, False]


def test_what_nobody_waits_for_may_be_answered_too():
    UNHEARD.ack()
    UNHEARD.nack(NO)
