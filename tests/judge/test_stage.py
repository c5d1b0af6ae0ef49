"""What runs and scenes have in common: clients that are told things, and waiting for what they do."""

import asyncio

from ablykit.judge.lines import Order, Report
from ablykit.judge.stage import Stage


class Puppet:
    """A client that is made to say things."""

    def __init__(self):
        self.told, self.ended = [], False

    def tell(self, order):
        self.told.append(order)

    async def finish(self, patience):
        self.ended = True


class Theatre(Stage):
    def __init__(self):
        super().__init__()
        self.clients["me"] = Puppet()

    def token_for(self, client):
        return f"a token for {client}"


def test_what_a_client_says_wakes_whoever_waits_for_it():
    async def wait():
        stage = Theatre()
        waiting = asyncio.create_task(stage.until(lambda: stage.history.state("me") == "connected", 5))
        await asyncio.sleep(0)
        stage.hear("me", Report(state="connecting"))
        stage.hear("me", Report(state="connected"))
        assert await waiting
        assert await stage.until(lambda: True, 0)

    asyncio.run(wait())


def test_what_never_happens_is_waited_for_no_longer_than_it_may():
    async def wait():
        stage = Theatre()
        assert not await stage.until(lambda: False, 0.05)
        talking = asyncio.create_task(talk(stage))
        assert not await stage.until(lambda: False, 0.05)
        talking.cancel()

    async def talk(stage):
        while True:
            stage.hear("me", Report(log="still here"))
            await asyncio.sleep(0)

    asyncio.run(wait())


def test_who_needs_a_token_is_given_one():
    stage = Theatre()
    stage.hear("me", Report(need_token=True))
    assert stage.clients["me"].told == [Order("token", token="a token for me")]


def test_trouble_is_kept_and_wakes_whoever_waits():
    stage = Theatre()
    stage.trouble("me", "crashed", "it ended")
    assert stage.history.has_ended("me")
    assert stage.news.is_set()


def test_all_are_told_to_close_and_waited_for():
    stage = Theatre()
    asyncio.run(stage.close(1))
    assert stage.clients["me"].told == [Order("close")]
    assert stage.clients["me"].ended
