"""The client that the wrong ones are made of, in what would blame them for more than their one mistake."""

import asyncio

import pytest

from ablykit.judge.service import Service
from ablykit.protocol import Action
from tests.judge.good import Good, Refused


@pytest.fixture
def made():
    """A server, what crosses its wires, and a client on it."""
    with Service(seed=1) as service:
        key = service.ably.new_key({"judge:*": ["*"]}).reveal()

        def make(kind):
            return kind(service.relay.url, client_id="ada", key=key, on_message=lambda *_: None)

        yield service.ably, service.transcript, make


def sent(transcript, action):
    return [e for e in transcript if e.direction == "out" and (e.frame or {}).get("action") == action]


def test_a_channel_that_was_refused_is_not_attached_again_after_a_break(made):
    ably, transcript, make = made

    async def play():
        client = make(Good)
        await client.connect()
        with pytest.raises(Refused):
            await client.attach("elsewhere")
        await client.attach("judge:one")
        ably.disconnect("ada")
        await client.publish("judge:one", "after the break")
        await client.close()

    asyncio.run(play())
    asked = [entry.channel for entry in sent(transcript, Action.ATTACH)]
    assert asked == ["elsewhere", "judge:one", "judge:one"]


def test_told_to_close_while_it_connects_it_sends_close(made):
    ably, transcript, make = made

    class Closes(Good):
        times = 0

        async def query(self):
            self.times += 1
            if self.times == 2:
                self.closes = asyncio.create_task(self.close())
                await asyncio.sleep(0)  # it has begun
                assert self.closing
            return await super().query()

    async def play():
        client = make(Closes)
        await client.connect()
        ably.disconnect("ada")
        await client.closed.wait()
        await client.closes

    asyncio.run(play())
    assert len(sent(transcript, Action.CLOSE)) == 1
