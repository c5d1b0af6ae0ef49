"""Publishes on their way: in one order, each with one answer."""

from ablykit.client.outbox import Outbox
from ablykit.client.outputs import Promise
from ablykit.protocol import AblyError, ProtocolMessage, PublishResult


def outbox(count, serial=0):
    made = Outbox(lambda promise, value, error: promise.settle(value, error), serial)
    promises = [Promise() for _ in range(count)]
    for number, promise in enumerate(promises):
        made.add(ProtocolMessage(action=15, channel=str(number)), promise)
    return made, promises


def test_frames_are_numbered_as_they_are_taken_across_channels():
    box, _ = outbox(3, serial=5)
    assert [frame.msg_serial for frame in box.take()] == [5, 6, 7]
    assert box.take() == []
    assert [frame.msg_serial for frame in box.pending()] == [5, 6, 7]


def test_one_ack_answers_several_and_each_gets_its_result():
    box, promises = outbox(3)
    box.take()
    results = [PublishResult(serials=["a"])]
    box.answer(ProtocolMessage(action=1, msg_serial=0, count=2, res=results), None)
    assert [promise.done for promise in promises] == [True, True, False]
    assert [promise.value.serials for promise in promises[:2]] == [["a"], []]


def test_a_nack_fails_what_it_names_and_an_answer_to_a_later_one_those_before():
    box, promises = outbox(3)
    box.take()
    box.answer(ProtocolMessage(action=2, msg_serial=1, count=1), AblyError(40160, "No"))
    assert [promise.error and promise.error.code for promise in promises] == [50000, 40160, None]
    box.answer(ProtocolMessage(action=1, msg_serial=0, count=2), None)
    assert not promises[2].done, "a repeated answer is passed over"


def test_a_new_connection_counts_from_0():
    box, promises = outbox(3, serial=7)
    box.take()
    box.answer(ProtocolMessage(action=1, msg_serial=7), None)
    box.renumber()
    assert [frame.msg_serial for frame in box.pending()] == [0, 1]
    assert box.serial == 2
    assert promises[0].done


def test_at_the_end_everything_fails():
    box, promises = outbox(2)
    box.take()
    box.add(ProtocolMessage(action=15), promises[1])
    box.fail(AblyError(80017, "Closed"))
    assert [promise.error.code for promise in promises] == [80017, 80017]
    assert box.pending() == box.take() == []
