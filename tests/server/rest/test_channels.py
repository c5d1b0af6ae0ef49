"""Channels over HTTP: what each endpoint answers, and how it refuses."""

from math import nan

import pytest

from ablykit.server.rest.channels import MOST_IN_A_BATCH
from ablykit.server.rules.publishing import MOST_AT_ONCE
from tests.server.over_http import Http


def test_a_publish_is_delivered_and_told_by_history(world, http):
    listener = world.client("v=5")
    listener.attach("c")
    listener.heard()
    said = http("POST", "/channels/c/messages", {"name": "n", "data": "one"}, status=201)
    assert (said["channel"], len(said["serials"])) == ("c", 1)
    http("POST", "/channels/c/messages", [{"data": "two"}, {"data": {"a": 1}}], status=201)
    first, second = listener.heard()
    assert first["messages"][0]["serial"] == said["serials"][0]
    assert "connectionId" not in first
    assert [m["data"] for m in second["messages"]] == ["two", {"a": 1}]
    found = http("GET", "/channels/c/messages")
    assert [m["data"] for m in found] == [{"a": 1}, "two", "one"]
    assert found[2]["id"] == said["messageId"]
    assert http("GET", "/channels/c/history", direction="forwards") == found[::-1]


def test_history_is_between_two_times_or_up_to_an_attachment(world, http):
    http("POST", "/channels/c/messages", {"data": "before"}, status=201)
    serial = world.client().attach("c")[0]["channelSerial"]
    http("POST", "/channels/c/messages", {"data": "after"}, status=201)
    assert [m["data"] for m in http("GET", "/channels/c/messages", fromSerial=serial)] == ["before"]
    after, before = http("GET", "/channels/c/messages")
    assert http("GET", "/channels/c/messages", end=before["timestamp"]) == [before]
    assert http("GET", "/channels/c/messages", start=after["timestamp"]) == [after]


def test_an_id_published_twice_is_delivered_once(http):
    for _ in range(2):
        said = http(
            "POST",
            "/channels/c/messages",
            [{"id": "x:0", "data": "a"}, {"id": "x:1", "data": "b"}],
            status=201,
        )
    assert len(http("GET", "/channels/c/messages")) == 2
    assert said["messageId"] == "x"


def test_members_are_told_now_and_in_history(world, http):
    client = world.client("v=5")
    client.attach("c")
    for n, name in enumerate(("a", "b")):
        client.say(
            {
                "action": 14,
                "channel": "c",
                "msgSerial": n,
                "presence": [{"action": 2, "clientId": name, "data": name}],
            }
        )
    found = http("GET", "/channels/c/presence")
    assert [(m["clientId"], m["action"], m["data"]) for m in found] == [("a", 1, "a"), ("b", 1, "b")]
    assert [m["clientId"] for m in http("GET", "/channels/c/presence", clientId="b")] == ["b"]
    assert http("GET", "/channels/c/presence", connectionId="nobody") == []
    assert len(http("GET", "/channels/c/presence", limit=1)) == 1
    assert [m["clientId"] for m in http("GET", f"/channels/c/{http.links['next'].removeprefix('./')}")] == [
        "b"
    ]
    assert [(m["clientId"], m["action"]) for m in http("GET", "/channels/c/presence/history")] == [
        ("b", 2),
        ("a", 2),
    ]


def test_a_channels_status_counts_who_takes_part(world, http):
    assert set(http("GET", "/channels/c")["status"]["occupancy"]["metrics"].values()) == {0}
    assert "c" not in world.app.channels, "to look does not make one"
    world.client("v=5").attach("c", flags=1 << 18)
    world.client("v=5").attach("c")
    metrics = http("GET", "/channels/c")["status"]["occupancy"]["metrics"]
    assert metrics == {
        "connections": 2, "publishers": 1, "subscribers": 2, "presenceConnections": 1, "presenceMembers": 0, "presenceSubscribers": 1,
    }  # fmt: skip
    assert http("GET", "/channels", by="id") == ["c"]
    assert http("GET", "/channels", prefix="x") == []
    assert http("GET", "/channels")[0]["channelId"] == "c"


def test_a_batch_publishes_to_each_channel_it_may(world, http):
    key = world.service.add_key(world.app, {"a": ["publish"]}).api_key
    spec = {"channels": ["a", "b", ":x"], "messages": [{"data": "x"}]}
    said = http("POST", "/messages", spec, key=key, status=201)
    assert (said["successCount"], said["failureCount"]) == (1, 2)
    assert [r.get("error", {}).get("code") for r in said["results"]] == [None, 40160, 40010]
    assert [
        r["successCount"]
        for r in http("POST", "/messages", [spec, {"channels": "a", "messages": {"data": "y"}}], status=201)
    ] == [2, 1]
    for wrong in (5, {"channels": []}, {"channels": [5]}, [5]):
        assert http.refused("POST", "/messages", wrong, status=400) == 40000


def test_a_batch_that_is_wrong_in_part_publishes_nothing(world, http):
    for wrong in ({"channels": []}, 5, {"channels": "a", "messages": [5]}):
        assert (
            http.refused(
                "POST", "/messages", [{"channels": "a", "messages": {"data": "x"}}, wrong], status=400
            )
            == 40000
        )
    assert not world.app.channels


def test_a_batch_has_a_greatest_number_of_channels(world, http):
    names = [f"c{n}" for n in range(MOST_IN_A_BATCH + 1)]
    one, other = ({"channels": part, "messages": {"data": "x"}} for part in (names[:50], names[50:]))
    for body in ({**one, "channels": names}, [one, other]):
        assert http.refused("POST", "/messages", body, status=400) == 90010
    assert http.refused("GET", "/presence", channels=",".join(names), status=400) == 90010
    assert not world.app.channels
    said = http("POST", "/messages", {**one, "channels": names[1:]}, status=201)
    assert said["successCount"] == MOST_IN_A_BATCH


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"extras": {"n": 2**64}}, 40013),
        ({"data": "é", "encoding": "base64"}, 40013),
        ({"data": [[0] * 9] * 9_999}, 40009),
    ],
)
def test_what_is_published_over_http_must_be_deliverable_too(world, http, item, code):
    if item.get("extras") and http.format == "msgpack":
        item = {"extras": {"n": nan}}
    assert http.refused("POST", "/channels/c/messages", item, status=400) == code
    assert http.refused("POST", "/channels/c/messages", [{}] * (MOST_AT_ONCE + 1), status=400) == 40034
    assert http("GET", "/channels/c/messages") == []


def test_a_batch_before_version_3_is_answered_with_its_results_alone(http):
    spec = {"channels": ["a", "b"], "messages": {"data": "x"}}
    said = http("POST", "/messages", spec, headers={"X-Ably-Version": "2"}, status=201)
    assert [each["channel"] for each in said] == ["a", "b"]
    spec["channels"].append("[bad")
    said = http("POST", "/messages", spec, headers={"X-Ably-Version": "2"}, status=400)
    assert said["error"]["code"] == 40020
    assert [each.get("error", {}).get("code") for each in said["batchResponse"]] == [None, None, 40010]
    spec["channels"].pop()
    for version, asked in (("nonsense", {}), ("2", {"newBatchResponse": "true"})):
        said = http("POST", "/messages", spec, headers={"X-Ably-Version": version}, status=201, **asked)
        assert said["successCount"] == 2


def test_one_may_publish_for_a_connection_whose_key_one_has(world, http):
    client = world.client("v=5&clientId=me&echo=false")
    (connected,) = client.heard()
    client.attach("c")
    key = connected["connectionDetails"]["connectionKey"]
    messages = [{"data": "1", "connectionKey": key}, {"data": "2", "connectionKey": key}]
    http("POST", "/channels/c/messages", messages, status=201)
    assert client.heard() == [], "it is an echo"
    newest, _ = http("GET", "/channels/c/messages")
    assert (newest["clientId"], newest["connectionId"]) == ("me", connected["connectionId"])
    assert "connectionKey" not in newest
    stranger = world.service.add_key(world.service.add_app()).api_key
    for wrong, who in ((["nonsense"], None), ([key, None], None), ([key], stranger)):
        body = [{"data": "x", **({"connectionKey": each} if each else {})} for each in wrong]
        assert http.refused("POST", "/channels/c/messages", body, key=who, status=400) == 40006


@pytest.mark.parametrize("operation", ["subscribe", "presence"])
def test_batch_presence_tells_of_each_channel(world, http, operation):
    key = world.service.add_key(world.app, {"a": [operation]}).api_key
    found = http("GET", "/presence", key=key, channels="a,b")
    assert [(r["channel"], r.get("presence"), r.get("error", {}).get("code")) for r in found["results"]] == [
        ("a", [], None),
        ("b", None, 40160),
    ]
    assert http.refused("GET", "/presence", status=400) == 40000


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/channels/c/messages", "publish"),
        ("GET", "/channels/c/messages", "history"),
        ("GET", "/channels/c/history", "history"),
        ("GET", "/channels/c/presence", "presence"),
        ("GET", "/channels/c/presence", "subscribe"),
        ("GET", "/channels/c/presence/history", "history"),
        ("GET", "/channels/c", "channel-metadata"),
    ],
)
def test_each_address_needs_its_right_and_some_credentials(world, http, method, path, operation):
    body = {"data": "x"} if method == "POST" else None
    allowed = world.service.add_key(world.app, {"c": [operation]}).api_key
    other = world.service.add_key(world.app, {"c": ["push-admin"], "d": [operation]}).api_key
    http(method, path, body, key=allowed, status=201 if method == "POST" else 200)
    assert http.refused(method, path, body, key=other, status=401) == 40160
    assert http.refused(method, path, body, key=False, status=401) == 40101
    assert http.refused(method, path.replace("ls/c", "ls/:c"), body, status=400) == 40010


@pytest.mark.parametrize(
    ("body", "code"), [([], 40000), (5, 40000), ([5], 40000), ({"name": 5}, 40000), ({"data": 5}, 40013)]
)
def test_what_is_no_message_is_refused(http, body, code):
    assert http.refused("POST", "/channels/c/messages", body, status=400) == code


def test_a_publish_can_be_refused_on_purpose(http):
    assert http.refused("POST", "/channels/c/messages", {"data": "x"}, status=400, _forceNack="true") == 40099
    assert http("GET", "/channels/c/messages") == []


def test_a_message_is_told_revised_and_annotated(make_world):
    world = make_world(mutable=["doc"])
    http = Http(world)
    path = "/channels/doc:a/messages"
    (serial,) = http("POST", path, {"data": "one"}, status=201)["serials"]
    own = f"{path}/{serial}"
    version = http("PATCH", own, {"action": 1, "data": "two"})["versionSerial"]
    assert (http("GET", own)["data"], http("GET", own)["version"]["serial"]) == ("two", version)
    assert [each["data"] for each in http("GET", f"{own}/versions")] == ["one", "two"]
    http("POST", f"{own}/annotations", [{"type": "emoji:total.v1"}], status=201)
    assert [each["type"] for each in http("GET", f"{own}/annotations")] == ["emoji:total.v1"]
    assert http.refused("GET", f"{path}/nothing", status=404) == 40400
    assert http.refused("PATCH", own, {"action": 1, "serial": "another"}, status=400) == 40003
    assert http.refused("PATCH", own, {"action": 0}, status=400) == 40003
    assert http.refused("GET", "/channels/never/messages/x", status=404) == 40400


def test_asking_for_a_channels_status_activates_the_channel(world, http):
    assert http("GET", "/channels/untouched")["status"]["isActive"] is True
    assert "untouched" not in world.app.channels, "a question costs no memory"
