"""A log may answer later: what is then answered, delivered, and in which order."""

import asyncio
import random

import httpx
import pytest

from ablykit.protocol import AblyError
from ablykit.server.answers import MOST_OPEN, PATIENCE
from ablykit.server.rest import http as rest_http
from ablykit.server.rest.routes import rest_app
from tests.server.frames import enter, only
from tests.server.late import Late


@pytest.fixture
def world(make_world):
    world = make_world(mutable=["doc"])
    world.app.new_log = Late
    return world


def log(world, channel="c"):
    return world.app.channels[channel].log


def actions(frames):
    return [frame["action"] for frame in frames]


def test_nothing_is_answered_or_delivered_before_the_log_has_it(world):
    client = world.client("v=5")
    client.attach("c")
    assert client.publish("c", 0, {"data": "a"}) == []
    log(world).answer()
    message, ack = client.heard()
    assert (message["messages"][0]["data"], ack["action"], ack["msgSerial"]) == ("a", 1, 0)
    assert ack["res"][0]["serials"] == [message["messages"][0]["serial"]]


def test_answers_keep_the_order_of_the_msgserials_whichever_channel_is_first(world):
    client = world.client("v=5")
    client.publish("slow", 0, {"data": "a"})
    client.publish("quick", 1, {"data": "b"})
    assert client.publish("c", 2) == [], "a NACK waits for its turn too"
    log(world, "quick").answer()
    assert client.heard() == []
    log(world, "slow").answer()
    assert [(each["action"], each["msgSerial"]) for each in client.heard()] == [(1, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("seed", range(10))
def test_out_of_step_between_channels_nothing_is_lost_doubled_or_reordered(world, seed):
    rng, channels = random.Random(seed), ("a", "b", "c")
    publishers = [world.client("v=5&echo=false") for _ in range(3)]
    listener = world.client("v=5")
    for channel in channels:
        listener.attach(channel)
    listener.heard()
    published, serials = {channel: {} for channel in channels}, [0, 0, 0]
    for number in range(300):
        who, channel = rng.randrange(3), rng.choice(channels)
        publishers[who].transport.frames, kept = [], publishers[who].heard()
        publishers[who].publish(channel, serials[who], {"data": f"{who}:{number}"})
        publishers[who].transport.frames[:0] = kept
        serials[who] += 1
        published[channel].setdefault(who, []).append(f"{who}:{number}")
        late = log(world, rng.choice([*world.app.channels]))
        late.answer(rng.randint(0, len(late.waiting)))
    for channel in channels:
        log(world, channel).answer()
    heard = [(frame["channel"], m["data"]) for frame in listener.heard() for m in frame["messages"]]
    for channel in channels:
        for who, expected in published[channel].items():
            assert [d for c, d in heard if c == channel and d.startswith(f"{who}:")] == expected
    assert len(heard) == 300


def test_a_log_that_never_answers_is_answered_for_with_50003_and_nothing_is_delivered(world):
    client, listener = world.client("v=5"), world.client("v=5")
    listener.attach("c")
    client.publish("c", 0, {"data": "a"})
    world.later(PATIENCE - 1)
    client.publish("c", 1, {"data": "b"})
    assert client.heard() == []
    world.later(1)
    nack = only(client.heard())
    assert (nack["action"], nack["msgSerial"], nack["error"]["code"]) == (2, 0, 50003)
    world.later(PATIENCE)
    assert [(each["msgSerial"], each["error"]["code"]) for each in client.heard()] == [(1, 50003)]
    assert listener.heard() == []
    assert not log(world).all(world.now)


def test_a_log_that_refuses_is_a_nack_that_says_why(world):
    client = world.client("v=5")
    client.attach("c")
    client.publish("c", 0, {"data": "a"})
    log(world).refuse(AblyError(50000, "no room"))
    assert only(client.heard())["error"]["message"].startswith("no room")


def test_an_id_that_is_published_again_meanwhile_is_delivered_once(world):
    client = world.client("v=5")
    client.attach("c")
    for serial in range(2):
        client.publish("c", serial, {"id": "same", "data": "a"})
    log(world).answer()
    message, *acks = client.heard()
    assert actions(acks) == [1, 1]
    assert {ack["res"][0]["serials"][0] for ack in acks} == {message["messages"][0]["serial"]}


def test_a_client_that_resumes_meanwhile_gets_its_answer_on_the_new_socket(world):
    client = world.client("v=5")
    key = only(client.heard())["connectionDetails"]["connectionKey"]
    client.publish("c", 0, {"data": "a"})
    client.drop()
    again = world.client(f"v=5&resume={key}")
    again.heard()
    assert again.publish("c", 0, {"data": "a"}) == [], "published again, it still waits"
    log(world).answer()
    assert [(each["action"], each["msgSerial"]) for each in again.heard()] == [(1, 0)]
    assert len(log(world).all(world.now)) == 1


def test_who_enters_is_present_once_the_log_says_so(world):
    client, listener = world.client("v=5&clientId=me"), world.client("v=5")
    client.attach("c")
    listener.attach("c")
    assert enter(client) == []
    assert not world.app.channels["c"].members
    log(world).answer()
    assert [member["clientId"] for member in listener.heard()[-1]["presence"]] == ["me"]
    assert actions(client.heard()) == [14, 1]
    assert len(world.app.channels["c"].members) == 1


def test_who_goes_before_the_log_answers_does_not_stay(world):
    client = world.client("v=5&clientId=me")
    client.attach("c")
    enter(client)
    client.say({"action": 7})
    client.drop()
    log(world).answer()
    assert not world.app.channels["c"].members
    assert [[m.action for m in each.frame.presence] for each in log(world).all(world.now)] == [[2], [3]]


def test_who_leaves_before_the_log_answers_to_the_entering_has_left(world):
    client = world.client("v=5&clientId=me")
    client.attach("c")
    enter(client)
    enter(client, 1, action=3)
    log(world).answer()
    assert actions(client.heard()) == [14, 1, 14, 1]
    assert not world.app.channels["c"].members


def test_an_entering_that_the_log_refuses_leaves_nobody_behind(world):
    client = world.client("v=5&clientId=me")
    client.attach("c")
    enter(client)
    log(world).refuse(AblyError(50000, "no room"))
    assert only(client.heard())["action"] == 2
    client.say({"action": 7})
    client.drop()
    assert not log(world).waiting


def test_revisions_and_annotations_wait_as_well(world):
    client = world.client("v=5&clientId=me")
    client.attach("doc:a")
    client.publish("doc:a", 0, {"data": "a"})
    late = log(world, "doc:a")
    late.answer()
    serial = client.heard()[0]["messages"][0]["serial"]
    assert client.publish("doc:a", 1, {"serial": serial, "action": 1, "data": "b"}) == []
    late.answer()
    assert actions(client.heard()) == [15, 1]
    annotation = {"messageSerial": serial, "type": "likes:total.v1"}
    frame = {"action": 21, "channel": "doc:a", "msgSerial": 2, "annotations": [annotation]}
    assert client.say(frame) == []
    late.answer()
    assert only(client.heard())["action"] == 1, "the annotation has its place, its summary none yet"
    late.answer()
    assert only(client.heard())["messages"][0]["annotations"]["summary"] == {"likes:total.v1": {"total": 1}}


def test_only_so_many_publishes_may_wait(world, monkeypatch):
    monkeypatch.setattr("ablykit.server.session.MOST_OPEN", 3)
    client = world.client("v=5")
    for serial in range(3):
        client.publish("c", serial, {"data": "a"})
    assert only(client.publish("c", 3, {"data": "a"}))["error"]["code"] == 42921
    assert client.closed
    assert len(log(world).waiting) == 3
    assert MOST_OPEN > 3


async def asked(world, answer):
    """What an HTTP publish is answered, with something done once it waits."""
    auth = httpx.BasicAuth(*world.key.reveal().split(":"))
    transport = httpx.ASGITransport(rest_app(world.service))
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost", auth=auth) as client:
        post = asyncio.ensure_future(client.post("/channels/c/messages", json={"data": "a"}))
        while not ("c" in world.app.channels and log(world).waiting):
            await asyncio.sleep(0)
        answer()
        return await post


def test_a_request_waits_for_the_log(world):
    said = asyncio.run(asked(world, lambda: log(world).answer()))
    assert (said.status_code, len(said.json()["serials"])) == (201, 1)
    said = asyncio.run(asked(world, lambda: log(world).refuse(AblyError(50000, "no room"))))
    assert (said.status_code, said.json()["error"]["code"]) == (500, 50000)


def test_a_request_does_not_wait_for_ever(world, monkeypatch):
    monkeypatch.setattr(rest_http, "PATIENCE", 1.0)
    said = asyncio.run(asked(world, lambda: None))
    assert (said.status_code, said.json()["error"]["code"]) == (504, 50003)
