"""Ably's own Python SDK, as published, on the embedded Ably: read by the linter as the server sees it."""

import asyncio

import pytest
from ably import AblyRest
from ably.util.exceptions import AblyException

from ablykit.protocol.tokens import jwt

pytestmark = pytest.mark.timeout(120)


async def connected(client):
    if client.connection.state.value != "connected":
        await client.connection.once_async("connected")
    return client


DATA = ["text", {"a": [1, None, "é"]}, [1, 2], b"\x00\xff", None]


def test_every_kind_of_data_is_published_heard_and_told_by_history(sdk):
    async def talk(sdk):
        client, heard, all_heard = await connected(sdk.realtime()), [], asyncio.Event()
        channel = client.channels.get("talk")

        def hear(message):
            heard.append(message.data)
            if len(heard) == len(DATA):
                all_heard.set()

        await channel.subscribe(hear)
        for data in DATA:
            await channel.publish("n", data)
        await all_heard.wait()
        async with sdk.rest() as rest:
            found = await rest.channels.get("talk").history(direction="forwards", limit=3)
            more = await found.next()
            told = [message.data for message in [*found.items, *more.items]]
            assert (found.has_next(), more.has_next()) == (True, False)
        assert await client.connection.ping() >= 0
        await client.close()
        return heard, told

    heard, told = sdk.run(talk)
    assert heard == told == DATA


def test_rest_publishes_and_asks(sdk):
    async def talk(sdk):
        async with sdk.rest(client_id="me") as rest:
            channel = rest.channels.get("a/b c")
            await channel.publish("n", "x")
            (message,) = (await channel.history()).items
            status = await channel.status()
            refused = None
            try:
                await rest.channels.get(":bad").publish("n", "x")
            except AblyException as error:
                refused = error.code
            return (
                message.client_id,
                message.data,
                status.status.occupancy.metrics.connections,
                refused,
                await rest.time(),
            )

    client_id, data, connections, refused, now = sdk.run(talk)
    assert (client_id, data, connections, refused) == ("me", "x", 0, 40010)
    assert now > 1_600_000_000_000


def test_members_are_seen_over_the_socket_and_over_http(sdk):
    async def talk(sdk):
        async with sdk.rest() as rest:
            token = await rest.auth.request_token({"client_id": "ada"})
            client = await connected(sdk.realtime(token_details=token))
            channel, heard = client.channels.get("room"), []
            await channel.presence.subscribe(
                lambda member: heard.append((member.client_id, int(member.action), member.data))
            )
            await channel.presence.enter("here")
            await channel.presence.update({"seat": 1})
            now = [(m.client_id, m.data) for m in await channel.presence.get()]
            same = [(m.client_id, m.data) for m in (await rest.channels.get("room").presence.get()).items]
            await channel.presence.leave()
            await client.connection.ping()
            past = [int(m.action) for m in (await rest.channels.get("room").presence.history()).items]
            await client.close()
            return heard, now, same, past

    heard, now, same, past = sdk.run(talk)
    assert heard == [("ada", 2, "here"), ("ada", 4, {"seat": 1}), ("ada", 3, {"seat": 1})]
    assert now == same == [("ada", {"seat": 1})]
    assert past == [3, 4, 2]


def test_a_token_is_renewed_through_a_callback(sdk):
    """The first token is over in a moment: the service ends the connection, the SDK asks for another."""

    async def talk(sdk):
        given = []

        async def callback(params):
            given.append(jwt(sdk.ably.key, ttl=2_000 if not given else 3_600_000, client_id="ada"))
            return given[-1]

        client = await connected(sdk.realtime(auth_callback=callback))
        await client.connection.once_async("disconnected")
        await client.connection.once_async("connected")
        channel = client.channels.get("c")
        await channel.publish("n", "still here")
        await client.close()
        return len(given)

    assert sdk.run(talk) == 2
    assert 40142 in [((entry.frame or {}).get("error") or {}).get("code") for entry in sdk.transcript]


def test_a_revoked_token_is_told_so(sdk):
    async def talk(sdk):
        key = sdk.ably.new_key(revocable_tokens=True)
        token = jwt(key, client_id="ada")
        client = await connected(sdk.realtime(token=token))
        async with AblyRest(key=key.reveal(), rest_host="127.0.0.1", tls_port=sdk.ably.tls_port) as rest:
            answer = await rest.request(
                "POST", f"/keys/{key.name}/revokeTokens", "3", body={"targets": ["clientId:ada"]}
            )
        change = await client.connection.once_async()
        await client.close()
        return answer.status_code, change.reason.code if change.reason else None

    status, code = sdk.run(talk)
    assert status == 201
    assert code == 40171, "the SDK's own word for: a new token is wanted, and there is no way to get one"
    assert 40141 in [((entry.frame or {}).get("error") or {}).get("code") for entry in sdk.transcript]


def test_nothing_is_lost_over_a_cut(sdk):
    async def talk(sdk):
        client, heard, last = await connected(sdk.realtime()), [], asyncio.Event()
        channel = client.channels.get("c")

        def hear(message):
            heard.append(message.data)
            if message.data == "after":
                last.set()

        await channel.subscribe(hear)
        await channel.publish("n", "before")
        before = client.connection.connection_details.connection_key
        dropped = asyncio.ensure_future(client.connection.once_async("disconnected"))
        await asyncio.sleep(0)
        await asyncio.to_thread(sdk.ably.disconnect_all)
        async with sdk.rest() as rest:
            await rest.channels.get("c").publish("n", "meanwhile")
        await dropped
        await connected(client)
        await channel.publish("n", "after")
        await last.wait()
        await client.close()
        return heard, before

    heard, _ = sdk.run(talk)
    assert heard == ["before", "meanwhile", "after"]


def test_statistics_tell_what_happened(sdk):
    async def talk(sdk):
        async with sdk.rest() as rest:
            await rest.channels.get("c").publish("n", "12345")
            (minute, *_) = (await rest.stats()).items
            return minute.entries, minute.unit

    entries, unit = sdk.run(talk)
    assert (entries["messages.inbound.rest.messages.count"], unit) == (1, "minute")
