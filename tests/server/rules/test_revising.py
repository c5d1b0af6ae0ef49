"""Messages are updated, deleted and appended to, where a namespace allows it."""

import json

import pytest
from starlette.testclient import TestClient

from ablykit.server.rest.routes import rest_app
from ablykit.server.rules.revising import current_versions
from tests.server.conftest import World
from tests.server.frames import only
from tests.server.over_http import Http, b64


@pytest.fixture
def world(make_world):
    return make_world(mutable=["doc"])


@pytest.fixture
def author(world):
    client = world.client("v=5&clientId=ada&echo=false")
    client.heard()
    return client


@pytest.fixture
def reader(world):
    client = world.client("v=5")
    client.attach("doc:a")
    client.heard()
    return client


def publish(client, count, /, **message):
    answer = only(client.publish("doc:a", count, message))
    return answer["res"][0]["serials"][0] if answer["action"] == 1 else answer["error"]["code"]


def test_a_message_keeps_its_serial_and_gets_versions(world, author, reader):
    serial = publish(author, 0, name="n", data="one", extras={"headers": {"a": 1}})
    version = publish(
        author,
        1,
        serial=serial,
        action=1,
        data="two",
        version={"description": "better", "metadata": {"k": "v"}},
    )
    last = publish(author, 2, serial=serial, action=2)
    assert serial < version < last
    created, updated, deleted = (frame["messages"][0] for frame in reader.heard())
    assert [m["action"] for m in (created, updated, deleted)] == [0, 1, 2]
    assert {m["serial"] for m in (created, updated, deleted)} == {serial}
    assert updated["version"] == {
        "serial": version, "timestamp": updated["version"]["timestamp"], "clientId": "ada",
        "description": "better", "metadata": {"k": "v"},
    }  # fmt: skip
    assert created["version"]["serial"] == serial


def test_over_http_a_message_is_told_as_it_is_and_as_it_was(world, author):
    serial = publish(author, 0, name="n", data="one")
    http = Http(world)
    path = f"/channels/doc:a/messages/{serial}"
    said = http("PATCH", path, {"action": 1, "data": "two"})
    assert said["versionSerial"] > serial
    now = http("GET", path)
    assert (now["data"], now["name"], now["action"], now["version"]["serial"]) == (
        "two",
        "n",
        1,
        said["versionSerial"],
    )
    assert [m["data"] for m in http("GET", f"{path}/versions")] == ["one", "two"]
    assert [(m["data"], m["serial"]) for m in http("GET", "/channels/doc:a/messages")] == [("two", serial)]
    assert len(http("GET", f"{path}/versions", limit=1)) == 1
    assert [m["data"] for m in http("GET", f"{path}/{http.links['next'].removeprefix('./')}")] == ["two"]


def test_an_append_is_told_as_its_part_and_kept_as_the_whole(world, author, reader):
    serial = publish(author, 0, data="Hel")
    publish(author, 1, serial=serial, action=5, data="lo")
    assert [frame["messages"][0]["data"] for frame in reader.heard()] == ["Hel", "lo"]
    whole = Http(world)("GET", f"/channels/doc:a/messages/{serial}")
    assert (whole["data"], whole["action"]) == ("Hello", 1)
    assert publish(author, 2, serial=serial, action=5, data={"a": 1}) == 40013


def told(client):
    return [(m["action"], m["data"]) for frame in client.heard() for m in frame["messages"]]


def late(world, **options):
    client = world.client("v=5")
    client.attach("doc:a", **options)
    return client


def test_who_attaches_late_is_sent_the_whole_message_first_and_then_what_is_appended(world, author, reader):
    serial = publish(author, 0, name="n", data="Hel")
    newcomer = late(world)
    version = publish(author, 1, serial=serial, action=5, data="lo")
    whole = only(newcomer.heard())["messages"][0]
    assert (whole["action"], whole["name"], whole["data"]) == (1, "n", "Hello")
    assert (whole["serial"], whole["version"]["serial"]) == (serial, version)
    publish(author, 2, serial=serial, action=5, data="!")
    assert told(newcomer) == [(5, "!")]
    assert told(reader) == [(0, "Hel"), (5, "lo"), (5, "!")]


def test_who_attaches_between_an_update_and_an_append_is_sent_the_whole_message(world, author):
    serial = publish(author, 0, data="Hi")
    publish(author, 1, serial=serial, action=1, data="Hel")
    newcomer = late(world)
    publish(author, 2, serial=serial, action=5, data="lo")
    publish(author, 3, serial=serial, action=5, data="!")
    assert told(newcomer) == [(1, "Hello"), (5, "!")]


def test_what_a_rewind_brought_whole_is_appended_to(world, author):
    first, second = publish(author, 0, data="A"), publish(author, 1, data="Hel")
    publish(author, 2, serial=first, action=5, data="B")
    newcomer = late(world, params={"rewind": "1"})
    publish(author, 3, serial=second, action=5, data="lo")
    publish(author, 4, serial=first, action=5, data="C")
    assert told(newcomer) == [(5, "lo"), (1, "ABC")]


def test_who_resumes_is_sent_the_whole_message_since_it_may_never_have_had_it(world, author):
    serial = publish(author, 0, data="Hel")
    point = only(world.client().attach("doc:a"))["channelSerial"]
    resumed = late(world, channelSerial=point)
    publish(author, 1, serial=serial, action=5, data="lo")
    publish(author, 2, serial=serial, action=5, data="!")
    assert told(resumed) == [(1, "Hello"), (5, "!")]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"action": 1, "data": "x"}, 40003),
        ({"action": 1, "serial": "nonsense", "data": "x"}, 40400),
        ({"action": 3, "serial": "x"}, 40000),
        ({"action": 1, "serial": "SERIAL", "data": 5}, 40013),
        ({"action": 1, "serial": "SERIAL", "data": "x" * 70_000}, 40009),
        ({"action": 1, "serial": "SERIAL", "version": {"clientId": "bob"}}, 40012),
    ],
)
def test_what_is_no_revision_is_refused(author, message, code):
    serial = publish(author, 0, data="one")
    message = {**message, "serial": serial} if message.get("serial") == "SERIAL" else message
    assert publish(author, 1, **message) == code


def test_two_revisions_at_once_are_refused(author):
    serial = publish(author, 0, data="one")
    answer = only(
        author.publish("doc:a", 1, {"action": 1, "serial": serial}, {"action": 1, "serial": serial})
    )
    assert answer["error"]["code"] == 40000


def test_elsewhere_messages_stay_as_they_are(world, author):
    serial = only(author.publish("other", 0, {"data": "x"}))["res"][0]["serials"][0]
    assert (
        only(author.publish("other", 1, {"action": 1, "serial": serial, "data": "y"}))["error"]["code"]
        == 93002
    )


@pytest.mark.parametrize(
    ("rights", "client_id", "action", "code"),
    [
        (["message-update-any"], "bob", 1, None),
        (["message-update-own"], "ada", 1, None),
        (["message-update-own"], "bob", 1, 40160),
        (["message-update-own"], None, 1, 40166),
        (["message-update-any"], "ada", 2, 40160),
        (["message-delete-own"], "ada", 2, None),
        (["message-update-own"], "ada", 5, None),
        (["publish"], "ada", 1, 40160),
    ],
)
def test_each_way_to_revise_needs_its_right(world, author, rights, client_id, action, code):
    serial = publish(author, 0, data="one")
    key = world.service.add_key(world.app, {"doc:*": rights}).api_key
    other = world.client(f"v=5{f'&clientId={client_id}' if client_id else ''}", key=key)
    other.heard()
    said = publish(other, 0, serial=serial, action=action, data="more")
    assert (said if isinstance(said, int) else None) == code


def test_http_refuses_what_does_not_fit(world, author):
    serial, http = publish(author, 0, data="one"), Http(world)
    path = f"/channels/doc:a/messages/{serial}"
    assert http.refused("PATCH", path, {"action": 0, "data": "x"}, status=400) == 40003
    assert http.refused("PATCH", path, {"action": 1, "serial": "another"}, status=400) == 40003
    assert http.refused("PATCH", path, [], status=400) == 40001
    for address in (f"{path}x", f"{path}x/versions", f"/channels/none/messages/{serial}"):
        assert http.refused("GET", address, status=404) == 40400


def test_a_sandbox_says_which_namespaces_are_so():
    world = World(sandbox=True)
    client = TestClient(rest_app(world.service), base_url="https://localhost")
    app = client.post(
        "/apps", json={"keys": [{}], "namespaces": [{"id": "doc", "mutableMessages": True}, {"id": "x"}]}
    ).json()
    auth = {"Authorization": f"Basic {b64(app['keys'][0]['keyStr'])}"}
    for channel, status in (("doc:a", 200), ("x:a", 400)):
        serial = client.post(f"/channels/{channel}/messages", json={"data": "x"}, headers=auth).json()[
            "serials"
        ][0]
        answer = client.patch(
            f"/channels/{channel}/messages/{serial}", json={"action": 1, "data": "y"}, headers=auth
        )
        assert answer.status_code == status, json.dumps(answer.json())


def test_what_annotations_come_to_goes_with_the_last_version(world, author):
    serial = publish(author, 0, data="one")
    author.publish("doc:a", 1, {"action": 1, "serial": serial, "data": "two"})
    author.say(
        {"action": 21, "channel": "doc:a", "msgSerial": 2, "annotations": [{"type": "x:total.v1", "messageSerial": serial}]}
    )  # fmt: skip
    story = world.app.channels["doc:a"].log.story(serial, world.now)
    first, last = story.versions()
    assert (first.data, last.data) == ("one", "two")
    assert last.annotations.summary == {"x:total.v1": {"total": 1}}
    assert story.now == last


def test_publishes_are_told_as_their_messages_are_now(world, author):
    serial = publish(author, 0, data="one")
    log = world.app.channels["doc:a"].log
    entries = log.all(world.now)
    assert current_versions(log, entries, world.now)[0] is entries[0]
    author.publish("doc:a", 1, {"action": 5, "serial": serial, "data": " two"})
    author.publish("doc:a", 2, {"data": "other"})
    kept = log.all(world.now)
    told = current_versions(log, [kept[0], kept[2]], world.now)
    assert [entry.frame.messages[0].data for entry in told] == ["one two", "other"]
    assert told[1] is kept[2]


def test_an_attachment_without_the_mode_revises_as_little_as_it_publishes(world, author):
    serial = publish(author, 0, data="one")
    listener = world.client("v=5&clientId=ada")
    listener.attach("doc:a", flags=1 << 18)
    listener.heard()
    assert publish(listener, 0, data="x") == 40165
    assert publish(listener, 1, serial=serial, action=1, data="x") == 40165


def test_a_message_is_not_appended_to_beyond_what_one_may_have(author):
    serial = publish(author, 0, data="x" * 40_000)
    assert publish(author, 1, serial=serial, action=5, data="x" * 40_000) == 40009


def test_a_revision_that_names_no_message_is_refused(author):
    assert publish(author, 0, action=1, data="x") == 40003


@pytest.mark.parametrize("more", ["not base64!", "é"])
def test_text_that_is_appended_to_base64_leaves_it_base64(author, reader, more):
    serial = publish(author, 0, data="AAEC", encoding="base64")
    assert publish(author, 1, action=5, serial=serial, data=more) == 40013
    assert [frame["action"] for frame in reader.heard()] == [15]
