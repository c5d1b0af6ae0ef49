"""Channels and presence as an application holds them, against an embedded Ably."""

import asyncio

import pytest

from ablykit.client import Realtime
from ablykit.client.channels import Stream
from ablykit.protocol import AblyError, Message, ProtocolMessage
from tests.conftest import trusting


@pytest.fixture
def run(ably):
    """Run a test's coroutine with two clients."""

    def run(talk):
        async def with_clients():
            one, two = (
                Realtime(ably.tls_url, key=ably.key, client_id=name, tls=trusting(ably))
                for name in ("one", "two")
            )
            async with one, two:
                await talk(one, two)

        asyncio.run(asyncio.wait_for(with_clients(), 20))

    return run


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


def test_listeners_get_what_others_publish_until_they_end(run):
    async def talk(one, two):
        channel, got = two.channel("c"), []
        end = channel.subscribe(got.append)
        await channel.attach()
        result = await one.channel("c").publish([Message(data="a"), Message(data="b", name="n")])
        await until(lambda: len(got) == 2)
        assert [(each.data, each.name, each.client_id) for each in got] == [
            ("a", None, "one"),
            ("b", "n", "one"),
        ]
        assert len(result.serials) == 2
        end()
        stream = channel.messages()
        await one.channel("c").publish([], extras={"headers": {"h": 1}})
        message = await anext(stream)
        assert (message.data, message.extras) == ([], {"headers": {"h": 1}})
        assert len(got) == 2

    run(talk)


def test_a_stream_ends_with_its_channel_and_raises_why_it_failed(run):
    async def talk(one, two):
        channel, changes = one.channel("c"), []
        end = channel.on_state(changes.append)
        stream = channel.messages()
        await channel.attach()
        await channel.detach()
        assert (channel.state, channel.error) == ("detached", None)
        assert [each async for each in stream] == []
        assert [each.current for each in changes] == ["attaching", "attached", "detaching", "detached"]
        end()
        bad = one.channel(":bad").messages()
        with pytest.raises(AblyError, match=r"40010"):
            await anext(bad)
        with pytest.raises(AblyError, match=r"40010"):
            await one.channel(":bad").attach()

    run(talk)


def test_a_stream_hands_out_in_order():
    async def talk():
        stream = Stream()
        for item in (1, 2, None):
            stream.put(item)
        assert [each async for each in stream] == [1, 2]

    asyncio.run(talk())


def test_members_enter_update_and_leave(run):
    async def talk(one, two):
        mine, theirs, got = one.channel("c").presence, two.channel("c").presence, []
        end = theirs.subscribe(got.append)
        await two.channel("c").attach()
        await mine.enter({"mood": "good"})
        assert [(each.client_id, each.data) for each in await mine.get()] == [("one", {"mood": "good"})]
        await mine.update("better")
        await mine.leave()
        await until(lambda: len(got) == 3)
        assert [each.action for each in got] == [2, 4, 3]
        end()

    run(talk)


def test_who_asks_waits_for_the_end_of_the_sync(ably, run):
    async def talk(one, two):
        async with Realtime(ably.tls_url, key=ably.key, tls=trusting(ably)) as many:
            enter = many.channel("c").presence.enter
            await asyncio.gather(*(enter(client_id=f"member {number}") for number in range(150)))
            get = two.channel("c").presence.get
            first, second = await asyncio.gather(get(), get())
            assert len(first) == len(second) == 150

    run(talk)


def test_a_nack_is_raised_from_publish(ably, run):
    async def talk(one, two):
        ably.nack_next(40160)
        with pytest.raises(AblyError, match="40160"):
            await one.channel("c").publish("x")
        await one.channel("c").publish("y")

    run(talk)


def test_who_is_present_is_told_when_a_sync_has_named_everybody(run):
    async def talk(one, two):
        channel = one.channel("c")
        await channel.presence.enter("here")
        machine = channel.presence._machine
        machine.members.begin_sync()
        asked = asyncio.ensure_future(channel.presence.get())
        await until(lambda: machine._known)
        assert not asked.done(), "the SYNC is still under way"
        (member,) = machine.members.present()
        machine.receive(ProtocolMessage(action=16, channel="c", channel_serial="s:", presence=[member]), 0.0)
        assert [each.client_id for each in await asked] == ["one"]

    run(talk)
