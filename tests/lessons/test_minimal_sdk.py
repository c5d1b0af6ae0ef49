"""The exercises of notebook 06: right answers turn green, and each usual mistake is named."""

import time

import pytest

from ablykit import lessons
from tests.lessons.minimal import minimal_sdk

RIGHT = {
    "each channel counts for itself": "serial-not-rising",
    "nothing is escaped": "escapes-its-options",
    "no ACK is waited for": "ok-only-after-ack",
}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (RIGHT, "✓"),
        (RIGHT | {"nothing is escaped": ...}, "Not answered yet"),
        (RIGHT | {"nothing is escaped": "serial-not-rising"}, "by another of its mistakes"),
        (RIGHT | {"nothing is escaped": "keeps-channel-names"}, "does not break 'keeps-channel-names' by it"),
        (RIGHT | {"nothing is escaped": "escapes its options"}, "no rule 'escapes its options'"),
        (RIGHT | {"nothing is escaped": 3}, "text in quotes, not 3"),
        ({"no escaping": "escapes-its-options"}, "each channel counts for itself: there is no rule for it"),
        ({}, "there is no rule for it"),
        (set(RIGHT.values()), "is a dict"),
        (None, "is a dict"),
    ],
)
def test_each_mistake_is_matched_with_its_rule(answer, says):
    assert says in str(lessons.check("mistakes", answer))


def check(sdk):
    return str(lessons.check("acks", sdk.Ably))


def test_a_class_that_waits_for_its_acks_is_right():
    assert check(minimal_sdk(with_acks=True)).startswith("✓ Right")


def test_one_that_does_not_wait_is_told_so():
    assert "publish returned before the ACK had come" in check(minimal_sdk())


@pytest.mark.parametrize("answer", [None, 3, object(), minimal_sdk, "Ably"])
def test_what_is_no_class_is_not_judged(answer):
    assert "Give the class itself: Ably, without brackets" in str(lessons.check("acks", answer))


def test_a_class_that_can_do_nothing_is_told_what_is_missing():
    class Ably:
        def __init__(self, url, key, client_id): ...

    said = str(lessons.check("acks", Ably))
    assert "did not come as far as publishing" in said
    assert "no attribute 'connect'" in said


class Settling:
    """Ways to settle a publish that are wrong."""

    def takes_a_nack_for_an_ack(self, answer):
        for serial in range(answer["msgSerial"], answer["msgSerial"] + answer["count"]):
            self.waiting.pop(serial).set_result(answer)

    def prints_what_a_nack_says(self, answer):
        if answer["action"] == 2:
            answer["error"].get("message")
        Settling.takes_a_nack_for_an_ack(self, answer)

    def blames_everybody(self, answer):
        refused = self.__dict__.setdefault("refused", answer["action"] == 2) or answer["action"] == 2
        self.refused = refused
        for serial in range(answer["msgSerial"], answer["msgSerial"] + answer["count"]):
            waiting = self.waiting.pop(serial)
            waiting.set_exception(RuntimeError("refused")) if refused else waiting.set_result(answer)

    def settles_nothing(self, answer): ...

    def settles_the_one_before(self, answer):
        if waiting := self.waiting.pop(answer["msgSerial"] - 1, None):
            waiting.set_result(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settle", "says"),
    [
        (Settling.takes_a_nack_for_an_ack, "as if the message had been taken"),
        (Settling.prints_what_a_nack_says, "as if the message had been taken"),
        (Settling.blames_everybody, "another one raised as well"),
        (Settling.settles_nothing, "A publish never returned"),
        (Settling.settles_the_one_before, "A publish never returned"),
    ],
)
def test_wrong_ways_to_settle_a_publish_are_named(settle, says):
    sdk = minimal_sdk(with_acks=True)
    sdk.Ably.settle = settle
    assert says in check(sdk)


@pytest.mark.slow
def test_a_count_that_begins_again_on_each_channel_is_named():
    sdk = minimal_sdk(with_acks=True)
    made = sdk.Channel.__init__

    def count_alone(self, ably, name):
        made(self, ably, name)
        self.serials = sdk.count()

    sdk.Channel.__init__ = count_alone
    assert "A publish never returned" in check(sdk)


@pytest.mark.slow
def test_a_class_that_hangs_does_not_hang_the_notebook():
    sdk = minimal_sdk(with_acks=True)

    async def connect(self):
        time.sleep(20)  # a plain sleep, which holds up the whole loop

    sdk.Ably.connect = connect
    begun = time.monotonic()
    assert "did not come as far as publishing" in check(sdk)
    assert time.monotonic() - begun < 19


@pytest.mark.slow
def test_one_whose_publish_is_never_awaited_is_named():
    sdk = minimal_sdk(with_acks=True)
    send = sdk.Channel.send

    async def forgets_to_await(self, action, **members):
        send(self, action, **members).close()

    sdk.Channel.send = forgets_to_await
    assert "publish returned before the ACK had come" in check(sdk)
