"""Ably over HTTP, against an embedded Ably."""

import asyncio
import socket

import pytest

from ablykit.client import Realtime
from ablykit.client.rest import Rest
from ablykit.protocol import AblyError
from tests.conftest import trusting


def run(ably, talk, **options):
    async def with_rest():
        given = {"key": ably.key} | options
        async with Rest(ably.tls_url, tls=trusting(ably), **given) as rest:
            return await talk(rest)

    return asyncio.run(asyncio.wait_for(with_rest(), 10))


def test_what_is_published_stands_in_the_history_page_by_page(ably):
    async def talk(rest):
        for data in ("a", {"b": [1]}, b"\x00"):
            (serial,) = await rest.publish("some/channel", data, name="n")
            assert serial
        page, pages = await rest.history("some/channel", limit=2), []
        while page:
            pages.append([message.data for message in page.items])
            page = await page.next()
        assert pages == [[b"\x00", {"b": [1]}], ["a"]]
        forwards = await rest.history(
            "some/channel", direction="forwards", start=0, end=await rest.time() + 1_000
        )
        assert [message.data for message in forwards.items] == ["a", {"b": [1]}, b"\x00"]

    run(ably, talk)


def test_a_token_lets_another_client_in(ably):
    async def talk(rest):
        async def token():
            return await rest.request_token(client_id="me", ttl=60_000, capability={"c": ["publish"]})

        async with Realtime(ably.tls_url, auth_callback=token, tls=trusting(ably)) as client:
            assert client.client_id == "me"
            await client.channel("c").publish("x")
            with pytest.raises(AblyError, match="40160"):
                await client.channel("d").publish("x")
        return (await token()).token

    async def by_token(rest):
        await rest.publish("c", "y")
        with pytest.raises(AblyError, match="40106"):
            await rest.request_token()

    run(ably, by_token, key=None, token=run(ably, talk))


def test_a_refusal_is_raised_as_the_service_put_it(ably):
    async def talk(rest):
        with pytest.raises(AblyError) as refused:
            await rest.publish("c", "x")
        assert (refused.value.code, refused.value.status) == (40160, 401)

    run(ably, talk, key=ably.limited_key.reveal())


def test_without_a_service_or_credentials_it_says_so(ably):
    async def talk(rest):
        ably.stop()
        with pytest.raises(AblyError, match="no answer"):
            await rest.time()

    run(ably, talk)
    with pytest.raises(AblyError, match="40106"):
        Rest()


@pytest.mark.parametrize(("status", "body", "told"), [(200, "<html>", "not JSON"), (502, "[]", "no reason")])
def test_an_answer_of_something_else_is_named(status, body, told):
    """A proxy answers in Ably's place."""

    async def talk():
        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0, family=socket.AF_INET) as server:
            port = server.sockets[0].getsockname()[1]
            async with Rest(f"http://127.0.0.1:{port}", key="a.b:c") as rest:
                with pytest.raises(AblyError, match=told):
                    await rest.time()

    asyncio.run(asyncio.wait_for(talk(), 10))
