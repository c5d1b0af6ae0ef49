"""A client that is a Python object, of coroutines or of plain functions."""

import asyncio
import functools
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ablykit.judge import objects
from ablykit.judge.lines import Order, Report
from ablykit.judge.objects import Objects
from tests.judge.listening import PLACE, Heard


class Awaited:
    """Hands over what it publishes itself."""

    def __init__(self, url, *, key, client_id, on_message):
        self.made = url, key, client_id
        self.loop = asyncio.get_running_loop()
        self.on_message = on_message

    async def connect(self):
        assert asyncio.get_running_loop() is self.loop

    async def attach(self, channel): ...

    async def detach(self, channel): ...

    async def publish(self, channel, data):
        if data == "refused":
            error = ValueError("no")
            error.code = 40160
            raise error
        self.on_message(channel, data, "ada")

    async def enter(self, channel, data): ...

    async def leave(self, channel):
        raise KeyError(channel)

    async def members(self, channel):
        return {"ada"}

    async def close(self): ...


class Plain:
    """The same by plain functions; `on_message` is set after it was made."""

    def __init__(self, url):
        self.threads = set()

    def _here(self, *arguments):
        self.threads.add(threading.current_thread().name)

    connect = attach = detach = enter = _here

    def publish(self, channel, data):
        if data == "refused":
            error = ValueError("no")
            error.code = 40160
            raise error
        self.on_message(channel, data)

    def leave(self, channel):
        raise KeyError(channel)

    def members(self, channel):
        return ["ada"]

    def close(self):
        assert self.threads == {"ablykit-ada"}


class Mixed(Plain):
    """Plain functions that return what has to be awaited."""

    def publish(self, channel, data):
        return self._publish(channel, data)

    async def _publish(self, channel, data):
        super().publish(channel, data)


class Channelled:
    """One whose channels have the methods."""

    def __init__(self, url, *, key, client_id, on_message):
        self.flat = Awaited(url, key=key, client_id=client_id, on_message=on_message)
        self.connect, self.close = self.flat.connect, self.flat.close

    def channel(self, name):
        given = {each: functools.partial(getattr(self.flat, each), name) for each in CHANNEL_METHODS}
        return SimpleNamespace(**given)


class Both(Awaited):
    """One that has the methods itself, and a channel for its own use."""

    def channel(self, name):
        return SimpleNamespace()


CHANNEL_METHODS = ("attach", "detach", "publish", "enter", "leave", "members")

ORDERS = (
    Order("attach", channel="c"),
    Order("publish", id=1, channel="c", data="x"),
    Order("publish", id=2, channel="c", data="refused"),
    Order("enter", id=3, channel="c", data="d"),
    Order("leave", id=4, channel="c"),
    Order("members", id=5, channel="c"),
    Order("detach", channel="c"),
)


def drive(factory, *orders, place=PLACE, patience=5.0, reports=None):
    """Give orders one by one, each once the one before has been answered; return what was heard."""
    made = Objects(factory)

    async def drive():
        heard = Heard()
        client = made(place, heard)
        await client.open()
        for order in (Order("start"), *orders):
            before = len(heard.reports) + len(heard.troubles)
            client.tell(order)
            await heard.until(lambda before=before: len(heard.reports) + len(heard.troubles) > before)
        if reports:
            await heard.until(lambda: len(heard.reports) >= reports)
        client.tell(Order("close"))
        await client.finish(patience)
        return heard

    try:
        return asyncio.run(drive())
    finally:
        made.stop()


@pytest.mark.parametrize("factory", [Awaited, Plain, Mixed, Channelled, Both])
def test_what_the_methods_do_is_reported(factory, no_leftovers):
    heard = drive(factory, *ORDERS, reports=9)
    assert heard.troubles == []
    sender = None if issubclass(factory, Plain) else "ada"
    for report in (
        Report(state="connected"),
        Report(did="attach", channel="c"),
        Report(got="c", data="x", sender=sender),
        Report(did="publish", id=1, ok=True),
        Report(did="publish", id=2, ok=False, code=40160, log="publish raised ValueError: no"),
        Report(did="enter", id=3, ok=True),
        Report(did="leave", id=4, ok=False, log="leave raised KeyError: 'c'"),
        Report(members=["ada"], id=5),
        Report(did="detach", channel="c"),
        Report(state="closed"),
    ):
        assert report in heard.reports


def test_a_factory_may_be_awaited_and_may_take_anything():
    taken = {}

    async def factory(url, **given):
        taken.update(given, url=url)
        return Awaited(url, key=given["key"], client_id="ada", on_message=given["on_message"])

    drive(factory)
    assert {"url", "key", "client_id", "rest_url", "ca_file", "on_message", "on_state", "get_token"} == set(
        taken
    )
    drive(functools.partial(Awaited, key="mine"))


def test_it_asks_for_tokens_and_tells_its_states():
    class WithTokens(Awaited):
        def __init__(self, url, *, client_id, on_message, get_token, on_state):
            super().__init__(url, key=None, client_id=client_id, on_message=on_message)
            self.get_token, self.on_state = get_token, on_state

        async def attach(self, channel):
            self.on_state("suspended", 80002)
            self.on_message(channel, await self.get_token())

    made = Objects(WithTokens)

    async def asking():
        heard = Heard()
        client = made(replace(PLACE, key=None), heard)
        client.tell(Order("start"))
        await heard.until(lambda: heard.reports)
        client.tell(Order("attach", channel="c"))
        await heard.until(lambda: Report(need_token=True) in heard.reports)
        client.tell(Order("token", token="a-token"))
        await heard.until(lambda: Report(got="c", data="a-token") in heard.reports)
        assert Report(state="suspended", code=80002) in heard.reports
        client.tell(Order("close"))
        await client.finish(5)

    asyncio.run(asking())
    made.stop()


def test_one_that_can_not_start_is_told():
    def factory(url):
        raise OSError("no")

    heard = drive(factory)
    assert heard.troubles[0] == ("crashed", "start raised OSError: no")


def test_an_attach_that_raises_is_told():
    class Wrong(Awaited):
        async def attach(self, channel):
            raise OSError("no")

    assert drive(Wrong, Order("attach", channel="c")).troubles == [("raised", "attach raised OSError: no")]


@pytest.mark.parametrize("plain", [True, False])
def test_one_that_never_returns_holds_nothing_up(monkeypatch, plain):
    monkeypatch.setattr(objects, "STOP_TIMEOUT", 0.2)
    held = threading.Event()

    class Hangs(Plain if plain else Awaited):
        if plain:

            def close(self):
                held.wait(30)
        else:

            async def close(self):
                held.wait(30)

    heard = drive(Hangs, patience=0.2)
    held.set()
    assert heard.troubles == [("never-exited", "close() had not returned 0.2 s after it was called")]


def test_what_has_no_signature_is_given_everything():
    assert objects._takes(type("NoSignature", (), {"__signature__": "none"}), "key")
