"""The client over real sockets, against an embedded Ably."""

import asyncio

import pytest

from ablykit.client import Realtime
from ablykit.protocol import Format
from tests.conftest import trusting


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
