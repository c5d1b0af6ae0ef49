"""The console without a screen: keys go in, frames and notes come out."""

import asyncio
import time

import pytest

from ablykit.backend import RemoteAbly
from ablykit.console import KEYS, Session, session
from ablykit.sdks.own import Own
from tests.lessons.minimal import minimal_sdk


def actions(one):
    return [entry.action for entry in one.transcript if entry.kind == "frame"]


@pytest.mark.parametrize("sdk", [Own, minimal_sdk().Ably, minimal_sdk(with_acks=True).Ably])
def test_each_key_does_what_it_says(sdk, no_leftovers):
    with Session(sdk, client_id="ada", channel="c") as one:
        assert all(one.press(key, "hello").result(5) for key in ("a", "m", "e", "l", "d"))
        assert one.state == "connected"
    sent = [entry.frame for entry in one.transcript if entry.direction == "out" and entry.kind == "frame"]
    assert [frame["action"] for frame in sent] == [10, 15, 14, 14, 12, 7]
    assert {frame.get("channel", "c") for frame in sent} == {"c"}
    assert sent[1]["messages"][0]["data"] == "hello"
    assert actions(one)[-1] == "CLOSED"
    assert (one.state, list(one.notes)) == ("closed", [])


def test_two_sessions_on_one_ably_hear_each_other(ably, no_leftovers):
    with Session(Own, ably, client_id="ada") as ada, Session(Own, ably, client_id="bob") as bob:
        assert ada.press("a").result(5)
        assert bob.press("a").result(5)
        assert ada.press("m", "hi bob").result(5)
        assert bob.press("d").result(5)
        assert any("hi bob" in entry.text for entry in bob.transcript)


def test_another_ably_is_reached_by_its_key(ably, no_leftovers):
    with Session(Own, RemoteAbly(ably.key.reveal(), ably.tls_url)) as one:
        assert one.press("a").result(5)


def test_no_key_and_a_key_after_the_end_are_notes():
    with Session(Own) as one:
        assert not one.press("x").result(0)
        assert one.notes[-1].text == "There is no key 'x'. The keys are a, d, m, e, l and q."
    one.close()
    assert not one.press("a").result(0)
    assert "has ended" in one.notes[-1].text


class Fake:
    """An SDK that is made up."""

    def __init__(self, url, key, client_id, on_message): ...

    async def connect(self): ...

    async def close(self): ...


class Refuses(Fake):
    async def connect(self):
        raise ConnectionError("the key is \x1b[2J wrong")


class Hangs(Fake):
    async def attach(self, channel):
        await asyncio.Event().wait()


class Blocks(Fake):
    async def attach(self, channel):
        time.sleep(1)


class Fails(Fake):
    async def publish(self, channel, data):
        raise ValueError("no")

    def leave(self, channel):
        raise SystemExit


class NeverCloses(Fake):
    async def close(self):
        await asyncio.Event().wait()


def notes(sdk, *keys):
    with Session(sdk) as one:
        for key in keys:
            assert not one.press(key).result(5)
    return [note.text for note in one.notes]


def test_a_connection_that_is_refused_is_a_note_and_so_is_each_key_after_it(no_leftovers):
    said = notes(Refuses, "a", "a")
    assert said[0] == r"There is no connection: ConnectionError: the key is \u001b[2J wrong. End this with q."
    assert "There is no connection. End this with q" in said[-1]


def test_what_an_sdk_raises_or_lacks_is_a_note(no_leftovers):
    said = notes(Fails, "m", "l", "e")
    assert said[0] == "m (message) was refused. publish raised ValueError: no"
    assert said[1].startswith("l (leave) was refused. leave raised")
    assert "has no attribute 'enter'" in said[2]


def test_what_never_returns_is_said_and_holds_nothing_up(monkeypatch, no_leftovers):
    monkeypatch.setattr(session, "PATIENCE", 0.2)
    assert notes(Hangs, "a") == ["attach has not returned after 0.2 s. What does your SDK wait for there?"]
    assert "attach has not returned after 0.2 s" in notes(Blocks, "a")[0]


def test_a_close_that_never_returns_is_waited_for_no_longer_than_it_may(monkeypatch, no_leftovers):
    monkeypatch.setattr(session, "CLOSING", 0.2)
    assert "close() had not returned" in notes(NeverCloses)[0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (None, "There is no SDK"),
        (3, "Give the class int itself"),
        (Fake("", "", "", None), "Give the class Fake itself, not an object of it"),
    ],
)
def test_what_is_no_class_is_refused_with_what_to_give(wrong, says, no_leftovers):
    with pytest.raises(TypeError, match=says):
        Session(wrong)


def test_an_ably_that_is_not_there_is_a_note(no_leftovers):
    nowhere = RemoteAbly("app.key:secret", "wss://127.0.0.1:1")
    with Session(minimal_sdk().Ably, nowhere) as one:
        assert not one.press("a").result(15)
    assert "There is no connection" in one.notes[0].text


def test_whoever_draws_it_is_told_of_news():
    heard = []
    with Session(Own) as one:
        one.on_news = lambda: heard.append(one.state)
        assert one.press("a").result(5)
    assert heard[-1] == "closed"
    assert set(KEYS) == {"a", "d", "m", "e", "l"}
