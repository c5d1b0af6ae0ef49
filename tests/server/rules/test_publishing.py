"""From a MESSAGE to its ACK and to everyone who listens."""

from datetime import UTC, datetime
from math import nan

import msgspec
import pytest

from ablykit.protocol import MODES, Flag, Format
from ablykit.server.rules.publishing import MOST_AT_ONCE
from tests.server.frames import only


def nacked(frames):
    frame = only(frames)
    assert (frame["action"], frame["count"]) == (2, 1)
    return frame["error"]["code"]


def by_action(frames):
    return {frame["action"]: frame for frame in frames}


def test_the_articles_message_comes_back_as_it_was_sent_with_its_ack(world):
    client = world.client()
    connection = only(client.heard())["connectionId"]
    client.attach("my_channel")
    frames = by_action(client.publish("my_channel", 0, {"hello": "world"}))
    assert frames[1] == {"action": 1, "msgSerial": 0, "count": 1}
    assert frames[15]["messages"] == [{"hello": "world"}]
    assert frames[15]["id"] == f"{connection}:0"
    assert frames[15]["connectionId"] == connection


def test_modern_messages_and_acks_have_serials(world):
    client = world.client("v=5")
    client.attach("c")
    frames = by_action(client.publish("c", 0, {"data": "a"}, {"data": "b"}))
    serials = [message["serial"] for message in frames[15]["messages"]]
    assert frames[1]["res"] == [{"serials": serials}]
    assert serials == sorted(set(serials))
    assert [message["action"] for message in frames[15]["messages"]] == [0, 0]
    assert frames[15]["messages"][0]["version"]["serial"] == serials[0]


def test_everyone_attached_gets_it_in_the_same_order(world):
    clients = [world.client() for _ in range(3)]
    for client in clients:
        client.attach("c")
        client.heard()
    heard = [[] for _ in clients]
    for n in range(9):
        answers = clients[n % 3].publish("c", n, {"data": str(n)})
        for mine, client in zip(heard, clients, strict=True):
            frames = answers if client is clients[n % 3] else client.heard()
            mine += [m["data"] for f in frames if f["action"] == 15 for m in f["messages"]]
    assert heard == [[str(n) for n in range(9)]] * 3


def test_an_echo_can_be_turned_off_for_oneself_only(world):
    quiet, other = world.client("echo=false"), world.client()
    quiet.attach("c")
    other.attach("c")
    assert only(quiet.publish("c", 0, {"data": "x"}))["action"] == 1
    assert only(other.heard())["messages"] == [{"data": "x"}]
    other.publish("c", 0, {"data": "y"})
    assert only(quiet.heard())["messages"] == [{"data": "y"}]


def test_one_can_publish_without_attaching(world):
    listener = world.client()
    listener.attach("c")
    assert only(world.client().publish("c", 0, {"data": "x"}))["action"] == 1
    assert only(listener.heard())["action"] == 15


def test_without_subscribe_nothing_is_received(world):
    client = world.client()
    client.attach("c", flags=int(Flag.PUBLISH))
    assert only(client.publish("c", 0, {"data": "x"}))["action"] == 1


@pytest.mark.parametrize(("capability", "code"), [({"*": ["subscribe"]}, 40160), ({"other": ["*"]}, 40160)])
def test_a_key_without_the_right_is_refused(world, capability, code):
    key = world.service.add_key(world.app, capability).api_key
    assert nacked(world.client(key=key).publish("c", 0, {"data": "x"})) == code
    assert not world.app.channels


def test_a_mode_not_asked_for_is_refused_with_its_own_code(world):
    client = world.client()
    client.attach("c", flags=int(Flag.SUBSCRIBE))
    assert nacked(client.publish("c", 0, {"data": "x"})) == 40165


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"messages": []}, 40000),
        ({"messages": None}, 40000),
        ({"messages": [{"data": 5}]}, 40013),
        ({"messages": [{"data": True}]}, 40013),
        ({"messages": [{"data": "?", "encoding": "base64"}]}, 40013),
        ({"messages": [{"data": "x", "clientId": "*"}]}, 40012),
        ({"messages": [{"data": "x", "action": 1, "serial": "s"}]}, 93002),
        ({"messages": [{"id": "a:0"}, {"id": "b:1"}]}, 40031),
        ({"messages": [{"id": "a:0"}, {}]}, 40031),
        ({"messages": [{"id": "a"}, {"id": "b"}]}, 40031),
        ({"channel": ":bad"}, 40010),
        ({"channel": None}, 40000),
    ],
)
def test_what_is_wrong_with_a_publish_comes_as_its_nack(world, frame, code):
    whole = {"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}], **frame}
    assert nacked(world.client().say(whole)) == code


def test_wrong_types_are_an_error_frame(world):
    frame = only(world.client().say({"action": 15, "channel": "c", "msgSerial": 0, "messages": "x"}))
    assert (frame["action"], frame["error"]["code"]) == (9, 40000)


def test_without_a_msg_serial_there_is_nothing_to_acknowledge(world):
    frame = only(world.client().say({"action": 15, "channel": "c", "messages": [{"data": "x"}]}))
    assert (frame["action"], frame["channel"], frame["error"]["code"]) == (9, "c", 40000)


@pytest.mark.parametrize(("query", "limit"), [("", 16_384), ("v=5", 65_536)])
def test_the_size_limit_is_exact_and_of_the_face(world, query, limit):
    client = world.client(query + "&echo=false")
    assert only(client.publish("c", 0, {"data": "x" * limit}))["action"] == 1
    assert nacked(client.publish("c", 1, {"data": "x" * (limit + 1)})) == 40009
    assert nacked(client.publish("c", 2, {"data": "x" * limit}, {"name": "y"})) == 40009


def test_an_ack_and_a_nack_are_told_apart_by_serial(world):
    client = world.client("echo=false")
    client.heard()
    first = client.publish("c", 0, {"data": "ok"})
    second = client.publish("c", 1, {"data": "x" * 20_000})
    assert [(f["action"], f["msgSerial"]) for f in first + second] == [(1, 0), (2, 1)]


def test_a_serial_that_does_not_rise_is_dropped_without_a_word(world):
    client = world.client()
    client.attach("c")
    client.publish("c", 5, {"data": "x"})
    assert client.publish("c", 5, {"data": "again"}) == []
    assert client.publish("d", 0, {"data": "counts per connection, not per channel"}) == []
    assert {f["action"] for f in client.publish("c", 6, {"data": "y"})} == {1, 15}


def test_an_id_published_twice_within_two_minutes_is_delivered_once(world):
    client = world.client("v=5")
    client.attach("c")
    first = by_action(client.publish("c", 0, {"id": "a:0", "data": "x"}, {"id": "a:1", "data": "y"}))
    again = only(client.publish("c", 1, {"id": "a:0", "data": "x"}, {"id": "a:1", "data": "y"}))
    assert again["res"] == first[1]["res"]
    assert first[15]["messages"][0]["id"] == "a:0"
    assert "id" not in first[15]
    world.later(120_001)
    assert set(by_action(client.publish("c", 2, {"id": "a:0", "data": "x"}))) == {1, 15}


def test_a_client_id_is_filled_in_and_another_refused(world):
    client = world.client("clientId=me")
    client.attach("c")
    assert by_action(client.publish("c", 0, {"data": "x"}))[15]["messages"][0]["clientId"] == "me"
    assert by_action(client.publish("c", 1, {"clientId": "me"}))[15]["messages"][0]["clientId"] == "me"
    assert nacked(client.publish("c", 2, {"clientId": "you"})) == 40012
    anyone = world.client()
    anyone.attach("d")
    assert by_action(anyone.publish("d", 0, {"clientId": "you"}))[15]["messages"][0]["clientId"] == "you"


def test_an_ephemeral_message_is_delivered_but_not_kept(world):
    client = world.client()
    client.attach("c")
    assert 15 in by_action(client.publish("c", 0, {"data": "x", "extras": {"ephemeral": True}}))
    assert len(world.client().attach("c", params={"rewind": "10"})) == 1


def test_binary_and_text_cross_between_the_formats(world):
    text, binary = world.client(), world.client("format=msgpack")
    text.attach("c")
    binary.say(msgspec.msgpack.encode({"action": 10, "channel": "c"}), Format.MSGPACK)
    text.heard()
    raw = {"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": b"\x00\xff"}]}
    by_binary = by_action(binary.say(msgspec.msgpack.encode(raw), Format.MSGPACK))
    assert by_binary[15]["messages"] == [{"data": b"\x00\xff"}]
    assert only(text.heard())["messages"] == [{"data": "AP8=", "encoding": "base64"}]
    text.publish("c", 0, {"data": "AP8=", "encoding": "base64"}, {"data": {"a": [1]}, "x": 1})
    first, second = only(binary.heard())["messages"]
    assert first == {"data": b"\x00\xff"}
    assert second == {"data": {"a": [1]}, "x": 1}


def test_a_frame_is_encoded_once_for_each_format_however_many_listen(world, monkeypatch):
    from ablykit.server.channels import delivery

    encoded = []
    real = delivery.encode
    monkeypatch.setattr(
        delivery, "encode", lambda frame, format: encoded.append(format) or real(frame, format)
    )
    listeners = [world.client(query) for query in ["", "", "v=5", "v=5", "format=msgpack", "format=msgpack"]]
    for listener in listeners:
        raw = msgspec.msgpack.encode({"action": 10, "channel": "c"})
        listener.say(raw, Format.MSGPACK)
    publisher = world.client()
    wrap = lambda payload, format: payload  # noqa: E731
    encoded.clear()
    for listener in listeners:
        listener.transport.write = lambda d, variant, channel: d.encoded(variant, wrap, channel)
    publisher.transport.write = lambda *_: None
    publisher.publish("c", 0, {"data": "x"})
    assert sorted(encoded) == [Format.JSON, Format.JSON, Format.MSGPACK]


def test_one_may_publish_for_a_connection_whose_key_one_has(world):
    client = world.client("v=5&clientId=me")
    key = only(client.heard())["connectionDetails"]["connectionKey"]
    listener = world.client("v=5")
    listener.attach("c")
    assert only(world.client("v=5").publish("c", 0, {"data": "x", "connectionKey": key}))["action"] == 1
    (heard,) = listener.heard()
    assert heard["connectionId"] == client.session.connection.id
    assert heard["messages"][0]["clientId"] == "me"
    assert "connectionKey" not in heard["messages"][0]
    for keys in (["nonsense"], [key, None]):
        messages = [{"data": "x", **({"connectionKey": each} if each else {})} for each in keys]
        assert nacked(world.client("v=5").publish("c", 0, *messages)) == 40006


def test_on_a_filtered_channel_nothing_is_published(world):
    assert nacked(world.client("v=5").publish("[filter=bmFtZQ==]c", 0, {"data": "x"})) == 40010


def test_a_mutation_may_not_stand_among_new_messages(world):
    answer = world.client("v=5").publish("c", 0, {"data": "x"}, {"action": 1, "serial": "s"})
    assert nacked(answer) == 40000


def carrying(kind, serial, item, count=1):
    """A frame of a kind on `doc:a`, with `count` of an item."""
    action, member, usual = {
        "message": (15, "messages", {}),
        "update": (15, "messages", {"action": 1, "serial": serial}),
        "presence": (14, "presence", {"action": 2}),
        "annotation": (21, "annotations", {"type": "x:total.v1", "messageSerial": serial}),
    }[kind]
    frame = {"action": action, "channel": "doc:a", "msgSerial": 1, member: [{**usual, **item}] * count}
    return msgspec.msgpack.encode(frame)


@pytest.fixture
def doc(make_world):
    """A publisher on a mutable channel, a message's serial there, and a listener of each format."""
    world = make_world(mutable=["doc"])
    publisher = world.client("v=6&clientId=me&echo=false")
    publisher.attach("doc:a", flags=int(MODES & ~(Flag.PRESENCE_SUBSCRIBE | Flag.ANNOTATION_SUBSCRIBE)))
    serial = only(publisher.publish("doc:a", 0, {"data": "x"}))["res"][0]["serials"][0]
    listeners = [world.client(f"v=6&format={format.value}") for format in Format]
    for listener in listeners:
        attach = msgspec.msgpack.encode({"action": 10, "channel": "doc:a", "flags": int(MODES)})
        listener.say(attach, Format.MSGPACK)
    return world, publisher, serial, listeners


@pytest.mark.parametrize("kind", ["message", "update", "presence", "annotation"])
@pytest.mark.parametrize(
    "item",
    [
        {"extras": {"n": nan}},
        {"extras": {"n": b"x"}},
        {"data": {"n": msgspec.msgpack.Ext(5, b"x")}},
        {"data": [{1: "x"}]},
        {"unknown": datetime(2026, 1, 1, tzinfo=UTC)},
        {"data": "é", "encoding": "base64"},
    ],
    ids=lambda item: next(iter(item)),
)
def test_what_not_every_client_could_be_sent_is_refused_and_sent_to_nobody(doc, kind, item):
    world, publisher, serial, listeners = doc
    answer = only(publisher.say(carrying(kind, serial, item), Format.MSGPACK))
    assert (answer["action"], answer["error"]["code"]) == (2, 40013)
    assert [listener.heard() for listener in listeners] == [[], []]
    world.later(1)


@pytest.mark.parametrize("kind", ["message", "presence", "annotation"])
def test_only_so_many_are_taken_at_once(doc, kind):
    _, publisher, serial, listeners = doc
    answer = only(publisher.say(carrying(kind, serial, {}, MOST_AT_ONCE + 1), Format.MSGPACK))
    assert (answer["action"], answer["error"]["code"]) == (2, 40034)
    assert [listener.heard() for listener in listeners] == [[], []]


def test_a_frame_full_of_empty_messages_is_refused_and_nothing_of_it_kept(world):
    client = world.client()
    client.heard()
    before = world.app.budget.bytes
    assert nacked(client.publish("c", 0, *[{}] * 80_001)) == 40034
    assert world.app.budget.bytes == before


def test_annotations_have_the_size_limit_of_messages(doc):
    _, publisher, serial, _ = doc
    for item in (
        {"data": "x" * 65_536},
        {"extras": {"x": "x" * 65_536}},
        {"type": "x" * 65_536 + ":total.v1"},
    ):
        answer = only(publisher.say(carrying("annotation", serial, item), Format.MSGPACK))
        assert answer["error"]["code"] == 40009
        publisher.session.connection.answers.last_serial = 0


def test_what_is_persisted_is_counted_as_that(make_world):
    world = make_world(persisted=["kept"])
    world.client().publish("kept:a", 0, {"data": "123"})
    (minute,) = world.app.stats.intervals("minute", 0, 10**15)
    assert minute["entries"]["messages.persisted.messages.count"] == 1


def test_on_one_channel_not_too_much_is_published(make_world):
    world = make_world(enforce_rates=True, limits={"max_channel_rate": 1})
    assert only(world.client("v=5").publish("c", 0, {"data": "x"}))["action"] == 1
    assert nacked(world.client("v=5").publish("c", 0, {"data": "x"})) == 42913
