"""What ably-python does beyond talking: what its own suite asks of the service, asked here."""

import asyncio

import pytest
from ably import AblyVCDiffDecoder
from ably.types.annotation import Annotation, AnnotationAction
from ably.types.channelmode import ChannelMode
from ably.types.channeloptions import ChannelOptions
from ably.types.message import Message, MessageAction
from ably.types.operations import MessageOperation
from ably.types.options import VCDiffDecoder
from ably.util.crypto import CipherParams, generate_random_key
from ably.util.exceptions import AblyException

from tests.interop.test_ably_python import connected

pytestmark = pytest.mark.timeout(120)

TALK = [
    {"foo": "bar", "count": 1, "status": "active"},
    {"foo": "bar", "count": 2, "status": "active"},
    {"foo": "bar", "count": 2, "status": "inactive"},
    {"foo": "bar", "count": 3, "status": "inactive"},
]


class Heard(list):
    """What a channel's listener was told; waits until it is so much."""

    def __init__(self):
        super().__init__()
        self._news = asyncio.Event()

    def hear(self, thing):
        self.append(thing)
        self._news.set()

    async def until(self, count):
        while len(self) < count:
            self._news.clear()
            await self._news.wait()
        return self


class Counting(VCDiffDecoder):
    def __init__(self, broken=False):
        self.calls, self.broken, self._real = 0, broken, AblyVCDiffDecoder()

    def decode(self, delta, base):
        self.calls += 1
        if self.broken:
            self.broken = False
            raise ValueError("broken, as the test asked")
        return self._real.decode(delta, base)


@pytest.mark.parametrize("broken", [False, True])
def test_every_message_but_the_first_comes_as_a_delta(sdk, broken):
    async def talk(sdk):
        decoder, heard, again = Counting(broken), Heard(), []
        client = await connected(sdk.realtime(vcdiff_decoder=decoder))
        channel = client.channels.get("c", ChannelOptions(params={"delta": "vcdiff"}))
        await channel.attach()
        channel.on("attaching", lambda change: again.append(change.reason.code))
        await channel.subscribe(heard.hear)
        for data in TALK:
            await channel.publish("n", data)
        await heard.until(len(TALK))
        await client.close()
        return [message.data for message in heard], decoder.calls, again

    said, calls, again = sdk.run(talk)
    assert said == TALK
    assert again == ([40018] if broken else [])
    assert calls >= 3 if broken else calls == 3


def test_what_is_encrypted_is_carried_and_not_read(sdk):
    cipher = CipherParams(secret_key=generate_random_key(256), algorithm="aes")

    async def talk(sdk):
        client, heard = await connected(sdk.realtime()), Heard()
        channel = client.channels.get("c", ChannelOptions(cipher=cipher))
        await channel.subscribe(heard.hear)
        for data in ("text", {"a": [1, None]}, b"\x00\xff"):
            await channel.publish("n", data)
        await heard.until(3)
        async with sdk.rest() as rest:
            told = (await rest.channels.get("c", cipher=cipher).history(direction="forwards")).items
        await client.close()
        return [m.data for m in heard], [m.data for m in told]

    heard, told = sdk.run(talk)
    assert heard == told == ["text", {"a": [1, None]}, b"\x00\xff"]
    assert all("aes-256-cbc" in message["encoding"] for message in sdk.ably.published("c"))


def test_messages_are_updated_appended_to_and_deleted_over_both_ways(sdk):
    async def talk(sdk):
        client, heard = await connected(sdk.realtime()), Heard()
        live = client.channels.get("doc:a")
        await live.subscribe(heard.hear)
        said = {}
        async with sdk.rest() as rest:
            asked = rest.channels.get("doc:a")
            for name, channel in (("realtime", live), ("rest", asked)):
                result = await channel.publish("n", "one")
                (serial,) = result.serials
                about = MessageOperation(description="why", metadata={"reason": "test"})
                first = await channel.update_message(Message(serial=serial, data="two"), about)
                now = await asked.get_message(serial)
                seen = [
                    now.data,
                    now.action,
                    now.version.serial == first.version_serial,
                    now.version.metadata,
                ]
                await channel.append_message(Message(serial=serial, data=" three"))
                appended = (await asked.get_message(serial)).data
                await channel.delete_message(Message(serial=serial), about)
                versions = (await asked.get_message_versions(serial)).items
                said[name] = (
                    seen,
                    appended,
                    [v.action for v in versions],
                    versions[0].version.serial == serial,
                )
                with pytest.raises(AblyException) as refused:
                    await channel.update_message(Message(data="x"))
                assert refused.value.status_code == 400
        await heard.until(8)
        await client.close()
        return said, [(m.action, m.data) for m in heard]

    said, heard = sdk.run(talk)
    kinds = [
        MessageAction.MESSAGE_CREATE,
        MessageAction.MESSAGE_UPDATE,
        MessageAction.MESSAGE_UPDATE,
        MessageAction.MESSAGE_DELETE,
    ]
    for seen, appended, versions, first in said.values():
        assert seen == ["two", MessageAction.MESSAGE_UPDATE, True, {"reason": "test"}]
        assert (appended, versions, first) == ("two three", kinds, True)
    assert heard[:4] == heard[4:]
    assert heard[2] == (MessageAction.MESSAGE_APPEND, " three")


def test_annotations_are_put_on_counted_and_taken_off(sdk):
    modes = [
        ChannelMode.PUBLISH,
        ChannelMode.SUBSCRIBE,
        ChannelMode.ANNOTATION_PUBLISH,
        ChannelMode.ANNOTATION_SUBSCRIBE,
    ]

    async def talk(sdk):
        client = await connected(sdk.realtime(client_id="ada"))
        channel = client.channels.get("doc:a", ChannelOptions(modes=modes))
        await channel.attach()
        (serial,) = (await channel.publish("n", "x")).serials
        heard, summed = Heard(), Heard()
        await channel.annotations.subscribe(heard.hear)
        await channel.subscribe(summed.hear)
        wave = Annotation(type="emoji:distinct.v1", name="wave")
        await channel.annotations.publish(serial, wave)
        async with sdk.rest(client_id="bob") as rest:
            asked = rest.channels.get("doc:a")
            await asked.annotations.publish(serial, Annotation(type="emoji:distinct.v1", name="nod"))
            await channel.annotations.delete(serial, wave)
            await heard.until(3)
            await summed.until(3)
            listed = [(a.action, a.name) for a in (await asked.annotations.get(serial)).items]
        await client.close()
        return (
            [(a.action, a.name, a.client_id) for a in heard],
            [m.annotations.summary for m in summed],
            listed,
        )

    heard, summaries, listed = sdk.run(talk)
    create, delete = AnnotationAction.ANNOTATION_CREATE, AnnotationAction.ANNOTATION_DELETE
    assert heard == [(create, "wave", "ada"), (create, "nod", "bob"), (delete, "wave", "ada")]
    assert listed == [(action, name) for action, name, _ in heard]
    totals = [{n: s["total"] for n, s in each["emoji:distinct.v1"].items()} for each in summaries]
    assert totals == [{"wave": 1}, {"wave": 1, "nod": 1}, {"nod": 1}]


def test_250_members_are_told(sdk):
    async def talk(sdk):
        async with sdk.rest() as rest:
            many, one = await connected(sdk.realtime(client_id="*")), await connected(sdk.realtime())
            crowd = many.channels.get("crowd")
            await crowd.attach()
            for n in range(250):
                await crowd.presence.enter_client(f"c{n}", str(n))
            members = await one.channels.get("crowd").presence.get()
            over_http = (await rest.channels.get("crowd").presence.get(limit=1000)).items
            await asyncio.gather(many.close(), one.close())
            return {m.client_id for m in members}, len(over_http)

    members, over_http = sdk.run(talk)
    assert members == {f"c{n}" for n in range(250)}
    assert over_http == 250


def test_it_rewinds_and_is_told_what_goes_on(sdk):
    wide = sdk.ably.new_key({"*": ["*"], "[meta]*": ["subscribe"]}).reveal()

    async def talk(sdk):
        client, told, rewound = await connected(sdk.realtime(key=wide)), Heard(), Heard()
        await client.channels.get("[meta]channel.lifecycle").subscribe(told.hear)
        first = client.channels.get("c")
        await first.attach()
        for n in range(3):
            await first.publish("n", str(n))
        other = await connected(sdk.realtime())
        await other.channels.get("c", ChannelOptions(params={"rewind": "2"})).subscribe(rewound.hear)
        await rewound.until(2)
        await told.until(1)
        await asyncio.gather(client.close(), other.close())
        return [m.data for m in rewound], told[0].name, told[0].data["channelId"]

    assert sdk.run(talk) == (["1", "2"], "channel.opened", "c")


def test_statistics_are_told_as_its_own_suite_expects(sdk):
    minute = {
        "intervalId": "2024-02-03:15:05",
        "inbound": {"realtime": {"messages": {"count": 70, "data": 7000}}},
        "outbound": {"realtime": {"messages": {"count": 40, "data": 4000}}},
        "persisted": {"presence": {"count": 20, "data": 2000}},
        "connections": {"tls": {"peak": 20, "opened": 10}},
        "channels": {"peak": 50, "opened": 30},
        "apiRequests": {"succeeded": 50, "failed": 10},
        "tokenRequests": {"succeeded": 60, "failed": 20},
    }
    wanted = {
        "messages.all.messages.count": 110,
        "messages.inbound.realtime.all.count": 70,
        "messages.outbound.realtime.all.data": 4000,
        "messages.persisted.all.count": 20,
        "connections.all.peak": 20,
        "connections.all.opened": 10,
        "channels.peak": 50,
        "apiRequests.other.succeeded": 50,
        "apiRequests.tokenRequests.failed": 20,
    }

    async def talk(sdk):
        async with sdk.rest() as rest:
            await rest.request("POST", "/stats", "3", body=[minute])
            found = {}
            for unit in ("minute", "hour", "day", "month"):
                (each,) = (await rest.stats(end=1_707_000_000_000, unit=unit, limit=1)).items
                found[unit] = (each.unit, {name: each.entries.get(name) for name in wanted})
            return found

    for unit, (told, entries) in sdk.run(talk).items():
        assert (told, entries) == (unit, wanted)


def test_batches_and_refusals_are_told(sdk):
    narrow = sdk.ably.new_key({"a": ["publish"]})

    async def talk(sdk):
        async with sdk.rest(key=narrow.reveal(), **({} if sdk.tls else {"use_token_auth": True})) as rest:
            spec = {"channels": ["a", "b"], "messages": [{"data": "x"}]}
            batch = await rest.request("POST", "/messages", "3", body=spec)
            missing = await rest.request("GET", "/not-found", "3")
            wrong = await rest.request("GET", "/channels/a/messages", "3", params={"limit": "abc"})
            with pytest.raises(AblyException) as refused:
                await rest.channels.get("b").publish("n", "x")
            return batch, missing, wrong, refused.value

    batch, missing, wrong, refused = sdk.run(talk)
    (told,) = batch.items
    assert (told["successCount"], told["failureCount"]) == (1, 1)
    assert (missing.status_code, missing.success) == (404, False)
    assert (wrong.status_code, int(wrong.error_code)) == (401, 40160), "its rights are looked at first"
    assert (refused.status_code, refused.code) == (401, 40160)
    assert sdk.ably.why(refused).operation == "publish"


def test_a_connection_key_publishes_for_its_connection_or_is_refused(sdk):
    async def talk(sdk):
        client, heard = await connected(sdk.realtime(client_id="ada")), Heard()
        await client.channels.get("c").subscribe(heard.hear)
        key = client.connection.connection_details.connection_key
        async with sdk.rest() as rest:
            channel = rest.channels.get("c")
            await channel.publish(messages=[Message(data="x", connection_key=key)])
            with pytest.raises(AblyException) as refused:
                await channel.publish(messages=[Message(data="x", connection_key="should.be.wrong")])
        (message,) = await heard.until(1)
        await client.close()
        return message.client_id, refused.value.code

    assert sdk.run(talk) == ("ada", 40006)
