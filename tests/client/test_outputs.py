"""A promise is settled once."""

from ablykit.client.outputs import OpenSocket, Promise
from ablykit.protocol import AblyError


def test_who_asked_before_and_who_asks_after_learns_of_it():
    promise, told = Promise(), []
    promise.then(told.append)
    assert promise.settle("value")
    promise.then(told.append)
    assert told == [None, None]
    assert promise.value == "value"


def test_the_first_answer_counts():
    promise = Promise()
    assert promise.settle(error=AblyError(40000, "x"))
    assert not promise.settle("value")
    assert (promise.value, promise.error.code) == (None, 40000)


def test_a_url_is_not_shown():
    assert "secret" not in repr(OpenSocket(1, "wss://test/?key=a.b:secret"))
