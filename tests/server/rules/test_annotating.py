"""Messages are annotated, and what that comes to is told."""

import pytest

from tests.server.frames import only
from tests.server.over_http import Http

MODES = 983040 | 1 << 21 | 1 << 22


@pytest.fixture
def world(make_world):
    return make_world(mutable=["doc"])


@pytest.fixture
def serial(world):
    author = world.client("v=5")
    author.heard()
    return only(author.publish("doc:a", 0, {"data": "one"}))["res"][0]["serials"][0]


def client(world, name="ada", flags=MODES):
    made = world.client(f"v=5&clientId={name}")
    made.attach("doc:a", flags=flags)
    made.heard()
    return made


def annotate(who, count, /, **annotation):
    return who.say({"action": 21, "channel": "doc:a", "msgSerial": count, "annotations": [annotation]})


def test_an_annotation_is_told_with_the_new_summary(world, serial):
    ada, reader = client(world), client(world, "reader", 1 << 18)
    told, summed, ack = annotate(ada, 0, messageSerial=serial, type="likes:flag.v1")
    assert (told["action"], summed["action"], ack["action"]) == (21, 15, 1)
    annotation = told["annotations"][0]
    assert (annotation["clientId"], annotation["action"], annotation["messageSerial"]) == ("ada", 0, serial)
    assert ack["res"][0]["serials"] == [annotation["serial"]]
    message = only(reader.heard())["messages"][0]
    assert (message["action"], message["serial"]) == (4, serial)
    assert message["annotations"]["summary"] == {"likes:flag.v1": {"total": 1, "clientIds": ["ada"]}}
    annotate(ada, 1, messageSerial=serial, type="likes:flag.v1", action=1)
    assert only(reader.heard())["messages"][0]["annotations"]["summary"] == {
        "likes:flag.v1": {"total": 0, "clientIds": []}
    }


def test_a_summary_has_its_messages_name_so_that_subscribers_by_name_see_it(world):
    author, reader = client(world), client(world, "reader", 1 << 18)
    serial = author.publish("doc:a", 0, {"name": "vote", "data": "one"})[-1]["res"][0]["serials"][0]
    annotate(author, 1, messageSerial=serial, type="likes:flag.v1")
    created, summed = (frame["messages"][0] for frame in reader.heard())
    assert (created["name"], summed["name"], summed["action"]) == ("vote", "vote", 4)


def test_an_annotations_binary_data_is_told_in_each_format_its_own_way(world, serial):
    path = f"/channels/doc:a/messages/{serial}/annotations"
    reader = client(world, "reader")
    Http(world, "msgpack")("POST", path, {"type": "x:total.v1", "data": b"\x00\x01"}, status=201)
    told = [reader.heard()[0]["annotations"][0], Http(world)("GET", path)[0]]
    assert [(each["data"], each["encoding"]) for each in told] == [("AAE=", "base64")] * 2
    (bare,) = Http(world, "msgpack")("GET", path)
    assert (bare["data"], "encoding" in bare) == (b"\x00\x01", False)


def test_over_http_annotations_are_put_on_and_told(world, serial):
    http = Http(world)
    path = f"/channels/doc:a/messages/{serial}"
    said = http(
        "POST", f"{path}/annotations", [{"type": "stars:multiple.v1", "name": "5", "count": 3}], status=201
    )
    assert [a["serial"] for a in http("GET", f"{path}/annotations")] == said["serials"]
    message = http("GET", path)
    assert message["annotations"]["summary"]["stars:multiple.v1"] == {
        "5": {"total": 3, "clientIds": {}, "totalUnidentified": 3}
    }
    assert (message["data"], message["action"]) == ("one", 0), "to be annotated is not to be changed"
    assert len(http("GET", f"{path}/versions")) == 1
    assert http("GET", "/channels/doc:a/messages")[0]["annotations"] == message["annotations"]
    for body, code in (
        ([], 40000),
        (5, 40000),
        ({"type": 5}, 40000),
        ({"name": "x"}, 40003),
        ({"type": "x:flag.v1"}, 40000),
    ):
        assert http.refused("POST", f"{path}/annotations", body, status=400) == code
    assert http.refused("POST", f"{path}x/annotations", {"type": "x:total.v1"}, status=404) == 40400


@pytest.mark.parametrize(
    ("annotation", "code"),
    [
        ({}, 40003),
        ({"type": "x:total.v1"}, 40003),
        ({"type": "x:total.v1", "messageSerial": "nonsense"}, 40400),
        ({"type": "x:total.v1", "messageSerial": "SERIAL", "action": 7}, 40000),
        ({"type": "x:total.v1", "messageSerial": "SERIAL", "clientId": "bob"}, 40012),
        ({"type": "x:total.v1", "messageSerial": "SERIAL", "data": 5}, 40013),
    ],
)
def test_what_is_no_annotation_is_refused(world, serial, annotation, code):
    annotation = (
        {**annotation, "messageSerial": serial} if annotation.get("messageSerial") == "SERIAL" else annotation
    )
    assert only(annotate(client(world), 0, **annotation))["error"]["code"] == code


def test_who_may_not_annotate_is_told_so(world, serial):
    plain = client(world, flags=983040)
    assert only(annotate(plain, 0, messageSerial=serial, type="x:total.v1"))["error"]["code"] == 40165
    key = world.service.add_key(world.app, {"*": ["publish", "subscribe"]}).api_key
    other = world.client("v=5", key=key)
    other.heard()
    assert only(annotate(other, 0, messageSerial=serial, type="x:total.v1"))["error"]["code"] == 40160
    assert only(plain.say({"action": 21, "channel": "doc:a", "msgSerial": 1}))["error"]["code"] == 40000
    assert only(plain.say({"action": 21, "channel": "doc:a"}))["action"] == 9


def test_elsewhere_messages_are_not_annotated(world):
    author = world.client("v=5&clientId=ada")
    author.heard()
    serial = only(author.publish("other", 0, {"data": "x"}))["res"][0]["serials"][0]
    frame = {
        "action": 21,
        "channel": "other",
        "msgSerial": 1,
        "annotations": [{"type": "x:total.v1", "messageSerial": serial}],
    }
    assert only(author.say(frame))["error"]["code"] == 93002


def test_a_message_has_so_many_types_and_names_and_no_more(world, serial, monkeypatch):
    from ablykit.server.channels import summary

    monkeypatch.setattr(summary, "MOST_KEYS", 2)
    ada = client(world)
    answers = [
        annotate(ada, n, messageSerial=serial, type="x:distinct.v1", name=name)[-1]
        for n, name in enumerate("abca")
    ]
    assert [answer["action"] for answer in answers] == [1, 1, 2, 1]
    assert answers[2]["error"]["code"] == 40000
