"""The client over real sockets, against an embedded Ably."""

import ast
import asyncio
import gc

import pytest

from ablykit.client import Realtime
from ablykit.protocol import AblyError, Format
from ablykit.protocol.tokens import jwt
from tests.conftest import trusting
from tests.notebook import ROOT


@pytest.mark.parametrize("format", list(Format))
def test_it_connects_over_tls_attaches_publishes_hears_and_closes(ably, format):
    async def talk():
        async with Realtime(ably.tls_url, key=ably.key, tls=trusting(ably), format=format) as client:
            channel = client.channel("c")
            await channel.attach()
            messages = channel.messages()
            result = await channel.publish({"a": [1, "ü"]}, name="greeting")
            message = await anext(messages)
            assert (message.name, message.data) == ("greeting", {"a": [1, "ü"]})
            assert result.serials == [message.serial]
        assert client.state == "closed"
        assert [each async for each in messages] == []

    asyncio.run(asyncio.wait_for(talk(), 10))


def run(talk):
    asyncio.run(asyncio.wait_for(talk, 20))


def client_of(ably, **options):
    return Realtime(ably.tls_url, tls=trusting(ably), **({"key": ably.key.reveal()} | options))


def test_the_client_knows_no_other_room_than_the_protocol():
    for path in (ROOT / "ablykit" / "client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ablykit"):
                assert node.module.split(".")[1] in ("client", "protocol"), path


def test_cut_again_and_again_it_loses_nothing(ably):
    async def talk():
        async with client_of(ably, client_id="me") as one, client_of(ably) as two:
            got = two.channel("c").messages()
            await two.channel("c").attach()
            await one.channel("c").presence.enter()
            was = one.connection_id

            async def cut():
                for _ in range(5):
                    await asyncio.sleep(0.02)
                    await asyncio.to_thread(ably.disconnect_all)

            async def publish():
                for number in range(100):
                    await one.channel("c").publish(str(number))

            await asyncio.gather(cut(), publish())
            assert [(await anext(got)).data for _ in range(100)] == [str(number) for number in range(100)]
            assert one.connection_id == was
            assert [each.client_id for each in await two.channel("c").presence.get()] == ["me"]

    run(talk())


def test_its_token_is_renewed_without_a_break(ably):
    async def talk():
        made, changes = [], []

        async def token():
            made.append(jwt(ably.key, ttl=3_600_000, client_id="me"))
            return made[-1]

        async with client_of(ably, key=None, auth_callback=token) as client:
            client.on_state(changes.append)
            assert client.client_id == "me"
            await asyncio.to_thread(ably.advance, 3_590)
            while len(made) < 2:
                await asyncio.sleep(0.005)
            await client.channel("c").publish("still here")
            assert {change.current for change in changes} <= {"connected"}

    run(talk())


def test_a_callback_that_fails_is_why_there_is_no_connection(ably):
    async def talk():
        def fail():
            raise AblyError(40160, "Not for you", 403)

        client = client_of(ably, key=None, auth_callback=fail)
        with pytest.raises(AblyError, match="Not for you"):
            await client.connect()
        assert client.state == "failed"
        await client.close()

    run(talk())


def test_what_the_service_refuses_is_raised_and_leaves_nothing_behind(ably):
    async def talk():
        with pytest.raises(AblyError, match=r"40400|40101"):
            async with client_of(ably, key="nobody.x:y"):
                pass
        with pytest.raises(AblyError, match=r"40142|40101|40144|40400"):
            async with client_of(ably, key=None, token="a.b.c"):
                pass

    run(talk())


def test_without_a_service_it_says_so_and_goes_on_trying(ably):
    async def talk():
        ably.stop()
        client = client_of(ably)
        with pytest.raises(AblyError, match="Error"):
            await client.connect(timeout=300)
        assert (client.state, client.error.code) == ("disconnected", 80003)
        await client.close()
        with pytest.raises(AblyError, match="closed"):
            await client.when("connected")

    run(talk())


def test_it_needs_some_way_to_authenticate_and_an_endpoint():
    with pytest.raises(AblyError, match="40106"):
        Realtime("main")
    with pytest.raises(ValueError, match="endpoint"):
        Realtime("ftp://x", key="a.b:c")


def test_a_listener_that_fails_is_reported_and_one_may_publish(ably):
    async def talk():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        async with client_of(ably) as client:
            channel, got, tasks = client.channel("c"), [], []

            def answer(message):
                got.append(message.data)
                if len(got) == 1:
                    tasks.append(asyncio.ensure_future(channel.publish("answer")))
                    client.channel("d").subscribe(got.append)
                    raise KeyError("mine")

            channel.subscribe(answer)
            await channel.attach()
            await channel.publish("question")
            while len(got) < 2:
                await asyncio.sleep(0.005)
            assert got == ["question", "answer"]
            assert "mine" in str(reported[0]["exception"])
        gc.collect()

    run(talk())


def test_another_process_goes_on_where_this_one_was(ably):
    async def talk():
        async with client_of(ably, client_id="me") as one, client_of(ably) as other:
            await one.channel("c").attach()
            key = one.recovery_key
            assert one.error is None
            two = client_of(ably, client_id="me", recover=key)
            got = two.channel("c").messages()
            await other.channel("c").publish("meanwhile")
            async with two:
                assert (await anext(got)).data == "meanwhile"

    run(talk())


def test_a_frame_does_not_set_another_timer_where_the_one_that_is_set_comes_first(ably):
    async def talk():
        async with client_of(ably) as client:
            channel = client.channel("c")
            await channel.attach()
            timer, due = client._timer, client._machine.due
            await channel.publish("a")
            assert client._machine.due > due, "each frame puts off the time at which silence is too long"
            assert client._timer is timer
            assert timer.when() * 1000 <= client._machine.due

    run(talk())


def test_a_tick_that_comes_too_early_is_followed_by_another(ably):
    async def talk():
        async with client_of(ably) as client:
            client._timer.cancel()
            client._tick()
            assert client.state == "connected"
            assert client._timer.when() * 1000 == pytest.approx(client._machine.due)

    run(talk())
