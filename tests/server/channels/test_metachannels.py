"""What the service itself says on metachannels."""

import json

import pytest

from ablykit.protocol import Flag
from ablykit.protocol.tokens import jwt
from ablykit.server.service import HOUSEKEEPING
from tests.server.over_http import Http

ALL = {"[*]*": ["*"], "*": ["*"]}


@pytest.fixture
def watch(world):
    """Makes clients that listen to a metachannel; tells what they heard since."""

    def watch(name):
        client = world.client("v=5&clientId=watcher", key=world.service.add_key(world.app, ALL).api_key)
        client.heard()
        (attached,) = client.attach(f"[meta]{name}")
        assert attached["flags"] == int(Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE)
        return lambda: [
            (message["name"], json.loads(message["data"]))
            for frame in client.heard()
            for message in frame["messages"]
        ]

    return watch


def test_connections_are_told_as_they_open_and_close(world, watch):
    heard = watch("connection.lifecycle")
    client = world.client("v=5&clientId=me")
    id = client.session.connection.id
    assert heard() == [("connection.opened", {"connectionId": id, "clientId": "me"})]
    client.drop()
    assert heard() == [("connection.closed", {"connectionId": id, "clientId": "me"})]


def test_connections_are_told_with_their_query_and_without_secrets(world, watch):
    heard = watch("clientEvents:connections")
    client = world.client("v=5&clientId=me&agent=x&resume=secret")
    world.later(250)
    client.drop()
    (opened, first), (closed, last) = heard()
    assert (opened, closed) == ("connection.opened", "connection.closed")
    assert first["query"] == last["query"] == {"v": "5", "clientId": "me", "agent": "x"}
    assert (first.get("duration"), last["duration"]) == (None, 250)
    by_token = world.client(f"accessToken={jwt(world.key)}&v=5", key=False)
    ((_, told),) = heard()
    assert told["query"] == {"v": "5"}
    assert not by_token.closed


def test_channels_are_told_with_their_details(world, watch):
    heard = watch("channel.lifecycle")
    client, other = world.client("v=5"), world.client("v=5")
    client.attach("c")
    other.attach("c")
    client.say({"action": 12, "channel": "c"})
    other.drop()
    (opened, first), (closed, last) = heard()
    assert (opened, closed) == ("channel.opened", "channel.closed")
    assert (first["channelId"], first["status"]["isActive"]) == ("c", True)
    assert first["status"]["occupancy"]["metrics"]["connections"] == 1
    assert last["status"]["isActive"] is False


def test_requests_are_told_with_what_they_asked(world, watch):
    heard, http = watch("clientEvents:apiRequests"), Http(world)
    http("GET", "/channels/c/messages", limit="5")
    http.refused("GET", "/channels/:x/messages", status=400)
    (succeeded, first), (refused, second) = heard()
    assert (succeeded, refused) == ("request.succeeded", "request.refused")
    assert (first["path"], first["query"], first["channels"]) == (
        "/channels/c/messages",
        {"limit": "5"},
        ["c"],
    )
    assert "authorization" not in first["headers"]
    assert second["error"]["code"] == 40010
    assert world.key.secret not in json.dumps([first, second])


def test_statistics_are_told_minute_by_minute(world, watch, monkeypatch):
    heard = watch("stats:minute")
    world.client("v=5").publish("c", 0, {"data": "x"})
    wall = world.service.clock.wall()
    monkeypatch.setattr(world.service.clock, "wall", lambda: wall + 60_000)
    world.later(HOUSEKEEPING)
    ((event, told),) = heard()
    assert (event, told["unit"]) == ("update", "minute")
    assert told["entries"]["messages.inbound.realtime.messages.count"] == 1
    world.later(HOUSEKEEPING)
    assert heard() == []


def test_nobody_else_publishes_or_is_present_there(world):
    client = world.client("v=5&clientId=me", key=world.service.add_key(world.app, ALL).api_key)
    client.heard()
    client.attach("[meta]log")
    (refused,) = client.publish("[meta]log", 0, {"data": "x"})
    assert refused["error"]["code"] == 40160
    assert "Only the service publishes" in world.service.denials.find(refused).rule
    (refused,) = client.say(
        {"action": 14, "channel": "[meta]log", "msgSerial": 1, "presence": [{"action": 2}]}
    )
    assert refused["error"]["code"] == 40160


def test_a_key_has_to_name_them(world):
    (refused,) = world.client("v=5").attach("[meta]connection.lifecycle")[-1:]
    assert refused["error"]["code"] == 40160


def test_what_was_told_is_history_and_can_be_rewound(world):
    key = world.service.add_key(world.app, {"[meta]*": ["history", "subscribe"]}).api_key
    told = Http(world)("GET", "/channels/[meta]connection.lifecycle/messages", key=key)
    assert told == []
    client = world.client("v=5", key=key)
    told = Http(world)("GET", "/channels/[meta]connection.lifecycle/messages", key=key)
    assert [message["name"] for message in told] == ["connection.opened"]
    _, rewound = client.attach("[meta]connection.lifecycle", params={"rewind": "1"})[-2:]
    assert rewound["messages"][0]["name"] == "connection.opened"


def test_metachannels_are_no_channels_of_the_statistics_and_do_not_tell_of_themselves(world, watch):
    heard = watch("channel.lifecycle")
    watch("connection.lifecycle")
    assert heard() == []
    assert "channels.opened" not in world.app.stats.intervals("minute", 0, 10**15)[0]["entries"]
