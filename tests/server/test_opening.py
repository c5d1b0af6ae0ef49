"""How a connection begins: let in or refused, new or resumed."""

import json

import pytest

from ablykit.protocol import Format
from tests.server.frames import only


def error_of(frames):
    frame = only(frames)
    assert frame["action"] == 9
    return frame["error"]["code"]


def test_without_credentials_the_frame_of_the_article_comes_and_the_end(world):
    client = world.client(key=False)
    frame = only(client.heard())
    assert frame["error"]["message"] == (
        "No authentication information provided. (See https://help.ably.io/error/40101 for help.)"
    )
    assert (frame["error"]["code"], frame["error"]["statusCode"]) == (40101, 401)
    assert isinstance(frame["timestamp"], int)
    assert client.closed == (1000, "40101")
    assert client.session is None


@pytest.mark.parametrize(
    ("query", "options", "code"),
    [
        ("", {"secure": False}, 40103),
        ("key=nonsense", {"key": False}, 40101),
        ("key=nosuch.keykey:secret", {"key": False}, 40400),
        ("accessToken=nosuch.token", {"key": False}, 40143),
        ("format=xml", {}, 40003),
        ("v=0", {}, 40017),
        ("clientId=*", {}, 40012),
        ("clientId=", {}, 40012),
        ("", {"path": "/elsewhere"}, 40400),
    ],
)
def test_a_refused_connection_is_told_why_in_a_frame(world, query, options, code):
    client = world.client(query, **options)
    assert error_of(client.heard()) == code
    assert client.closed[0] == 1000


@pytest.mark.parametrize("wrong", ["v=0", "echo=x", "clientId=*"])
def test_a_refusal_comes_in_the_format_that_was_asked_for(world, wrong):
    client = world.client(f"format=msgpack&{wrong}")
    assert client.session is None
    assert client.transport.formats == [Format.MSGPACK]
    assert client.heard()[0]["action"] == 9


def test_versions_of_two_parts_are_spoken(world):
    assert "connectionKey" in only(world.client("v=1.2").heard())


def test_a_wrong_secret_and_an_unknown_key_are_two_refusals(world):
    for wrong, code in (
        (f"{world.key.name}:wrong", 40101),
        (f"{world.app.id}.nosuch:{world.key.secret}", 40400),
    ):
        assert error_of(world.client(f"key={wrong}", key=False).heard()) == code


def test_in_2021_connected_has_nine_details_and_the_key_on_top(world):
    frame = only(world.client().heard())
    details = frame["connectionDetails"]
    assert frame["connectionKey"] == details["connectionKey"]
    assert frame["connectionSerial"] == -1
    assert set(details) == {
        "clientId", "connectionKey", "maxMessageSize", "maxInboundRate", "maxOutboundRate",
        "maxFrameSize", "serverId", "connectionStateTtl", "maxIdleInterval",
    }  # fmt: skip
    assert (details["clientId"], details["maxMessageSize"], details["maxInboundRate"]) == (
        "*",
        16384,
        250,
    )


@pytest.mark.parametrize("version", [2, 5, 6])
def test_modern_connected_has_its_details_only(world, version):
    frame = only(world.client(f"v={version}").heard())
    assert "connectionKey" not in frame
    assert "connectionSerial" not in frame
    assert frame["connectionDetails"]["maxMessageSize"] == 65536
    assert frame["connectionDetails"]["siteCode"]


def test_a_client_id_is_taken_over(world):
    assert only(world.client("clientId=me").heard())["connectionDetails"]["clientId"] == "me"


def test_a_sandbox_takes_keys_without_tls(make_world):
    world = make_world(sandbox=True)
    assert only(world.client(secure=False).heard())["action"] == 4


def test_a_connection_is_resumed_by_its_key_within_its_time(world, dropped):
    connected, key = dropped
    world.later(119_999)
    again = only(world.client(f"v=5&resume={key}").heard())
    assert again["connectionId"] == connected["connectionId"]
    assert "error" not in again


def test_after_its_time_a_new_connection_says_that_the_old_one_is_gone(world, dropped):
    connected, key = dropped
    world.later(120_001)
    again = only(world.client(f"v=5&resume={key}").heard())
    assert again["connectionId"] != connected["connectionId"]
    assert again["error"]["code"] == 80018


def test_in_2021_a_failed_resume_has_its_own_code(world):
    assert only(world.client("resume=nonsense").heard())["error"]["code"] == 80008


def test_recover_takes_a_recovery_key(world, dropped):
    connected, key = dropped
    for recover in (
        json.dumps({"connectionKey": key, "msgSerial": 1, "channelSerials": {}}),
        f"{key}:5:1",
    ):
        client = world.client(f"v=5&recover={recover}")
        frame = only(client.heard())
        assert frame["connectionId"] == connected["connectionId"]
        assert frame["connectionDetails"]["connectionKey"] != key, "RTN16d"
        client.drop()


def test_after_a_close_none_of_its_keys_resumes_a_connection(world, dropped):
    _, key = dropped
    client = world.client(f"v=5&recover={json.dumps({'connectionKey': key})}")
    newer = only(client.heard())["connectionDetails"]["connectionKey"]
    client.say({"action": 7})
    for each in (key, newer):
        assert only(world.client(f"v=5&resume={each}").heard())["error"]["code"] == 80018


def test_another_apps_key_can_not_resume_a_connection(world, dropped):
    _, key = dropped
    other = world.service.add_key(world.service.add_app()).api_key
    assert only(world.client(f"v=5&resume={key}", key=other).heard())["error"]["code"] == 80018


def test_another_client_id_can_not_resume_a_connection(world, dropped):
    _, key = dropped
    assert only(world.client(f"v=5&resume={key}&clientId=x").heard())["error"]["code"] == 80018


def test_a_newer_socket_takes_the_connection_from_an_open_one(world):
    client = world.client("v=5")
    key = only(client.heard())["connectionDetails"]["connectionKey"]
    world.client(f"v=5&resume={key}")
    frame = only(client.heard())
    assert (frame["action"], frame["error"]["code"]) == (6, 80016)
    assert client.closed
    client.drop()
    assert "error" not in only(world.client(f"v=5&resume={key}").heard())
