"""A connection goes on with another token."""

import pytest

from ablykit.protocol import Flag
from ablykit.protocol.tokens import jwt
from ablykit.server.identity import PROMPT, Identity
from tests.server.frames import by_token, only


def test_a_token_is_asked_to_be_renewed_and_ends(world, make_token):
    client = by_token(world, make_token(ttl=60_000))
    client.heard()
    end = client.session.identity.deadline
    for now, actions in ((end - 30_001, []), (end - 29_999, [17]), (end - 1, []), (end, [6])):
        client.session.on_time(now)
        heard = client.heard()
        assert [frame["action"] for frame in heard] == actions
    assert heard[0]["error"]["code"] == 40142
    assert client.closed


def test_a_connection_goes_on_with_another_token(world, make_token):
    client = by_token(world, make_token(client_id="me", ttl=60_000))
    client.heard()
    client.attach("a")
    client.attach("b")
    heard = client.say(
        {"action": 17, "auth": {"accessToken": make_token(client_id="me", capability={"a": ["*"]})}}
    )
    assert [(frame["action"], frame.get("channel")) for frame in heard] == [(4, None), (9, "b")]
    assert heard[1]["error"]["code"] == 40160
    assert client.session.deadline > world.now + 60_000
    assert set(client.session.attachments) == {"a"}
    assert client.closed is None


def test_a_wider_token_opens_what_was_asked_for_when_attaching(world, make_token):
    client = by_token(world, make_token(capability={"c": ["subscribe"]}))
    client.heard()
    client.attach("c")
    assert only(client.publish("c", 0, {"data": "x"}))["error"]["code"] == 40160
    wider = make_token(capability={"c": ["subscribe", "publish"]})
    connected, attached = client.say({"action": 17, "auth": {"accessToken": wider}})
    assert connected["action"] == 4
    asked = Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE
    assert (attached["action"], attached["flags"]) == (11, int(asked | Flag.RESUMED))
    assert [frame["action"] for frame in client.publish("c", 1, {"data": "x"})] == [15, 1]


def test_a_narrower_token_takes_its_members_away(world, make_token):
    watcher = world.client("v=5")
    for channel in ("a", "b"):
        watcher.attach(channel)
    client = by_token(world, make_token(client_id="me"))
    for serial, channel in enumerate(("a", "b")):
        client.attach(channel)
        client.say({"action": 14, "channel": channel, "msgSerial": serial, "presence": [{"action": 2}]})
    watcher.heard()
    narrower = make_token(client_id="me", capability={"a": ["subscribe"]})
    frames = client.say({"action": 17, "auth": {"accessToken": narrower}})
    assert {(frame["action"], frame.get("channel")) for frame in frames} >= {(4, None), (11, "a"), (9, "b")}
    gone = watcher.heard()
    assert [(frame["channel"], frame["presence"][0]["action"]) for frame in gone] == [("a", 3), ("b", 3)]
    assert client.session.connection.present == set()


def test_a_new_token_for_somebody_else_ends_the_connection(world, make_token):
    client = by_token(world, make_token(client_id="me"))
    client.heard()
    assert (
        only(client.say({"action": 17, "auth": {"accessToken": make_token(client_id="you")}}))["error"][
            "code"
        ]
        == 40102
    )
    assert client.closed


def test_an_auth_without_a_token_is_no_auth(world):
    client = world.client()
    client.heard()
    assert only(client.say({"action": 17}))["error"]["code"] == 40000
    assert client.closed is None


@pytest.mark.parametrize(("deadline", "told"), [(None, None), (PROMPT + 100, 100), (PROMPT, PROMPT), (5, 5)])
def test_another_token_is_asked_for_before_the_end_if_there_is_time(world, deadline, told):
    key = world.app.keys[world.key.key_id]
    assert Identity(world.app, key, deadline=deadline).due(50.0) == told


def test_a_channel_that_was_left_meanwhile_is_neither_kept_nor_lost(world, make_token):
    client = by_token(world, make_token())
    client.heard()
    client.attach("c")
    client.session.detach(client.session.attachments["c"], world.now)
    answer = client.say({"action": 17, "auth": {"accessToken": make_token(capability={"d": ["*"]})}})
    assert [frame["action"] for frame in answer] == [4]


def test_a_token_of_another_app_ends_the_connection(world):
    other = world.service.add_key(world.service.add_app()).api_key
    client = by_token(world, jwt(world.key))
    client.heard()
    (refused,) = client.say({"action": 17, "auth": {"accessToken": jwt(other)}})
    assert (refused["error"]["code"], client.closed) == (40102, (1000, "40102"))
