"""Messages as deltas, undone as an SDK undoes them."""

import base64
import json

import pytest
import vcdiff_decoder

from ablykit.server.channels.deltas import MOST_BASES
from tests.server.frames import filtered

TALK = [
    {"foo": "bar", "count": 1, "status": "active"},
    {"foo": "bar", "count": 2, "status": "active"},
    {"foo": "bar", "count": 2, "status": "inactive"},
    {"foo": "bar", "count": 3, "status": "inactive"},
]
LONG = "the same words again and again, as in a long text " * 3


class Reader:
    """Undoes deltas by the rules for clients (RTL18 to RTL20)."""

    def __init__(self):
        self.base, self.id, self.deltas = None, None, 0

    def read(self, frames):
        return [
            self.message(message, message.get("id") or f"{frame['id']}:{index}")
            for frame in frames
            if frame["action"] == 15
            for index, message in enumerate(frame["messages"])
        ]

    def message(self, message, id):
        data, steps = message.get("data"), [s for s in (message.get("encoding") or "").split("/") if s]
        if steps and steps[-1] == "base64":
            data = base64.b64decode(data)
            steps.pop()
        if steps and steps[-1] == "vcdiff":
            assert message["extras"]["delta"] == {"format": "vcdiff", "from": self.id}
            data = vcdiff_decoder.decode(self.base, data)
            self.deltas += 1
            steps.pop()
        self.base, self.id = data.encode() if isinstance(data, str) else data, id
        for step in reversed(steps):
            data = data.decode() if step == "utf-8" and isinstance(data, bytes) else data
            data = json.loads(data) if step == "json" else data
        return data


def wanting(world, channel="c", query="v=5", **more):
    client, reader = world.client(query), Reader()
    attached, *backlog = client.attach(channel, params={"delta": "vcdiff"}, **more)[-99:]
    assert attached["params"] == {"delta": "vcdiff"}
    return client, reader, backlog


def as_json(value):
    return {"data": json.dumps(value), "encoding": "json"}


@pytest.mark.parametrize("format", ["json", "msgpack"])
def test_after_the_first_message_come_deltas(world, format):
    client, reader, _ = wanting(world, query=f"v=5&format={format}")
    client.heard()
    publisher = world.client("v=5")
    for serial, value in enumerate(TALK):
        publisher.publish("c", serial, as_json(value))
    assert reader.read(client.heard()) == TALK
    assert reader.deltas == len(TALK) - 1


def test_text_and_binary_are_taken_as_they_are(world):
    client, reader, _ = wanting(world)
    data = base64.b64encode(bytes(range(200))).decode()
    messages = [
        {"data": LONG},
        {"data": LONG + "é"},
        {"data": data, "encoding": "base64"},
        {"data": data, "encoding": "cipher+aes-128-cbc/base64"},
    ]
    for serial, message in enumerate(messages):
        world.client().publish("c", serial, message)
    frames = client.heard()
    assert reader.read(frames) == [LONG, LONG + "é", bytes(range(200)), bytes(range(200))]
    encodings = [frame["messages"][0].get("encoding") for frame in frames]
    assert encodings == [None, "utf-8/vcdiff/base64", "base64", "cipher+aes-128-cbc/vcdiff/base64"]


def test_messages_of_one_publish_follow_each_other(world):
    client, reader, _ = wanting(world)
    world.client().publish("c", 0, *map(as_json, TALK))
    assert reader.read(client.heard()) == TALK
    assert reader.deltas == len(TALK) - 1


def test_what_is_no_smaller_as_a_delta_comes_whole(world):
    client, reader, _ = wanting(world)
    for serial, text in enumerate(["short", "other", "", LONG, LONG.upper()]):
        world.client().publish("c", serial, {"data": text})
    assert reader.read(client.heard()) == ["short", "other", "", LONG, LONG.upper()]
    assert reader.deltas == 0


def test_data_without_bytes_is_no_base(world):
    client, _, _ = wanting(world)
    for serial, data in enumerate([LONG, {"typed": "by hand"}, LONG, None, LONG]):
        world.client().publish("c", serial, {"data": data})
    frames = client.heard()
    assert [frame["messages"][0].get("data") for frame in frames] == [
        LONG,
        {"typed": "by hand"},
        LONG,
        None,
        LONG,
    ]


def test_each_attachment_has_the_base_that_it_was_sent(world):
    first, reads_first, _ = wanting(world)
    choosy, reads_choosy, _ = wanting(world, filtered("name == 'a'"))
    deaf, _, _ = wanting(world, query="v=5&echo=false")
    talk = [("a", LONG + "1"), ("b", LONG + "2"), ("a", LONG + "3"), ("a", LONG + "4")]
    for serial, (name, data) in enumerate(talk):
        if serial == 2:
            late, reads_late, _ = wanting(world)
        who = deaf if serial == 1 else world.client()
        who.publish("c", serial if who is deaf else 0, {"name": name, "data": data})
    said = [data for _, data in talk]
    heard = {client: client.heard() for client in (first, choosy, late)}
    assert reads_first.read(heard[first]) == said
    assert reads_choosy.read(heard[choosy]) == [said[0], said[2], said[3]]
    assert reads_late.read(heard[late]) == said[2:]
    assert (reads_first.deltas, reads_choosy.deltas, reads_late.deltas) == (3, 2, 1)


def test_a_base_is_known_by_what_it_was_and_not_by_its_id_alone(world):
    without_c, reads_without_c, _ = wanting(world, filtered("name != 'c'"))
    without_b, reads_without_b, _ = wanting(world, filtered("name != 'b'"))
    world.client().publish("c", 0, {"name": "b", "data": "1" + LONG}, {"name": "c", "data": LONG[::-1]})
    world.client().publish("c", 0, {"name": "a", "data": LONG + "2"})
    assert reads_without_b.read(without_b.heard()) == [LONG[::-1], LONG + "2"]
    assert reads_without_c.read(without_c.heard()) == ["1" + LONG, LONG + "2"]


def test_an_append_that_came_whole_is_another_base_than_the_append(make_world):
    world = make_world(mutable=["doc"])
    early, reads_early, _ = wanting(world, "doc:a")
    (ack,) = [f for f in world.client("v=5").publish("doc:a", 0, {"data": "begun "}) if f["action"] == 1]
    late, reads_late, _ = wanting(world, "doc:a")
    append = {"action": 5, "serial": ack["res"][0]["serials"][0], "data": LONG}
    world.client("v=5").publish("doc:a", 0, append)
    world.client("v=5").publish("doc:a", 0, {"data": LONG + "2"})
    assert reads_early.read(early.heard()) == ["begun ", LONG, LONG + "2"]
    assert reads_late.read(late.heard()) == ["begun " + LONG, LONG + "2"]


def test_among_many_bases_only_some_are_worth_a_delta(world):
    names = [f"n{n}" for n in range(MOST_BASES + 9)]
    readers = [wanting(world, filtered(f"name == '{name}' || name == 'all'")) for name in names]
    for name in names:
        world.client("v=5").publish("c", 0, {"name": name, "data": LONG + name})
    for data in (LONG + "a", LONG + "b"):
        world.client("v=5").publish("c", 0, {"name": "all", "data": data})
    for name, (client, reader, _) in zip(names, readers, strict=True):
        assert reader.read(client.heard()) == [LONG + name, LONG + "a", LONG + "b"]
    assert [reader.deltas for _, reader, _ in readers] == [2] * MOST_BASES + [1] * 9


def test_without_echo_ones_own_message_is_no_base(world):
    client, reader, _ = wanting(world, query="v=5&echo=false")
    world.client().publish("c", 0, {"data": LONG + "1"})
    assert reader.read(client.heard()) == [LONG + "1"]
    assert [frame["action"] for frame in client.publish("c", 0, {"data": LONG + "2"})] == [1]
    world.client().publish("c", 0, {"data": LONG + "3"})
    assert reader.read(client.heard()) == [LONG + "3"]
    assert reader.deltas == 1


def test_attaching_again_begins_with_a_whole_message(world):
    client, _, _ = wanting(world)
    publisher = world.client("v=5")
    publisher.publish("c", 0, as_json(TALK[0]))
    (first,) = client.heard()
    for serial, value in enumerate(TALK[1:], 1):
        publisher.publish("c", serial, as_json(value))
    client.heard()
    again = client.attach("c", params={"delta": "vcdiff"}, channelSerial=first["channelSerial"])
    assert Reader().read(again) == TALK[1:]


def test_the_occupancy_that_is_told_between_is_a_base_too(world):
    client, reader = world.client("v=5"), Reader()
    _, told = client.attach("c", params={"delta": "vcdiff", "occupancy": "metrics"})
    reader.read([told])
    world.client().publish("c", 0, {"data": LONG})
    world.later(100)
    world.client("v=5").attach("c")
    world.client().publish("c", 0, {"data": LONG})
    assert [value for value in reader.read(client.heard()) if isinstance(value, str)] == [LONG, LONG]
    assert reader.deltas == 0, "each is far from what came before it"


def test_who_has_the_same_base_shares_one_encoding(world, monkeypatch):
    from ablykit.server.channels import deltas

    calls = []
    real = deltas.encode
    monkeypatch.setattr(deltas, "encode", lambda base, target: calls.append(1) or real(base, target))
    listeners = [wanting(world)[0] for _ in range(20)]
    for serial, value in enumerate(TALK):
        world.client().publish("c", serial, as_json(value))
    assert len(calls) == len(TALK) - 1
    assert len({json.dumps(client.heard()) for client in listeners}) == 1


def test_history_has_messages_whole(world):
    wanting(world)
    for serial, value in enumerate(TALK):
        world.client().publish("c", serial, as_json(value))
    entries = world.app.channels["c"].log.all(world.now)
    assert [json.loads(entry.frame.messages[0].data) for entry in entries] == TALK


def test_a_delta_keeps_the_messages_extras_and_is_bare_in_messagepack(world):
    client, _, _ = wanting(world, query="v=5&format=msgpack")
    for serial in range(2):
        world.client().publish("c", serial, {"data": LONG, "extras": {"headers": {"a": 1}}})
    _, second = client.heard()
    (message,) = second["messages"]
    assert message["extras"]["headers"] == {"a": 1}
    assert message["extras"]["delta"]["format"] == "vcdiff"
    assert isinstance(message["data"], bytes)
