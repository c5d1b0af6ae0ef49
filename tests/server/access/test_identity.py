"""Who somebody is, what that may do, and what it can be revoked by."""

import pytest

from ablykit.protocol import AblyError, ChannelName
from ablykit.protocol.tokens import jwt
from ablykit.server.access.identity import Identity, Revocation, target
from tests.server.frames import by_token, only


def refused(client):
    frame = only(client.heard())
    assert frame["action"] == 9
    assert client.closed
    return frame["error"]["code"]


def connected(client):
    frame = only(client.heard())
    assert frame["action"] == 4, frame
    return frame["connectionDetails"]


@pytest.mark.parametrize(
    ("held", "asked", "told"),
    [
        ("me", None, "me"),
        ("me", "me", "me"),
        ("*", None, "*"),
        ("*", "me", "me"),
        (None, None, None),
    ],
)
def test_a_tokens_client_id_is_the_connections(world, make_token, held, asked, told):
    query = f"v=5&clientId={asked}" if asked else "v=5"
    assert connected(by_token(world, make_token(client_id=held), query)).get("clientId") == told


@pytest.mark.parametrize("held", ["me", None])
def test_another_client_id_than_the_tokens_is_refused(world, make_token, held):
    assert refused(by_token(world, make_token(client_id=held), "clientId=you")) == 40102


def test_a_token_may_do_what_it_and_its_key_may(world, make_token):
    client = by_token(world, make_token(capability={"a": ["subscribe"], "b": ["*"]}))
    client.heard()
    assert only(client.attach("c"))["error"]["code"] == 40160
    assert only(client.attach("a"))["flags"] == 786432
    assert only(client.publish("a", 0, {"data": "x"}))["error"]["code"] == 40160
    assert only(client.publish("b", 1, {"data": "x"}))["action"] == 1


def revoke(world, text, margin=0):
    before = world.service.clock.wall() + 1
    key = world.app.keys[world.key.key_id]
    world.service.revoke(world.app, [Revocation(*target(text), before, world.now + margin, key)])


@pytest.mark.parametrize("target", ["clientId:me", "revocationKey:r", "channel:c"])
def test_what_is_revoked_ends_and_is_taken_no_longer(world, target):
    token = jwt(world.key, client_id="me", revocation_key="r", capability={"c": ["*"]})
    other = jwt(world.key, client_id="you", revocation_key="s", capability={"d": ["*"]})
    mine, theirs = by_token(world, token), by_token(world, other)
    for client in (mine, theirs):
        connected(client)
    revoke(world, target)
    assert only(mine.heard())["error"]["code"] == 40141
    assert mine.closed
    assert theirs.closed is None
    assert refused(by_token(world, token)) == 40141
    connected(by_token(world, other))


@pytest.mark.parametrize("text", ["", "clientId:", "nonsense:x", None, 5])
def test_a_target_that_is_none_is_refused(text):
    with pytest.raises(AblyError, match="A target must be one of clientId"):
        target(text)


def test_a_token_of_another_key_is_not_revoked(world):
    other = world.service.add_key(world.app).api_key
    token = jwt(other, client_id="me")
    client = by_token(world, token)
    connected(client)
    revoke(world, "clientId:me")
    assert client.closed is None
    connected(by_token(world, token))


def test_by_channel_a_token_without_a_capability_of_its_own_goes_by_its_keys(world):
    client = by_token(world, jwt(world.key))
    connected(client)
    revoke(world, "channel:c")
    assert client.closed is None
    revoke(world, "channel:*")
    assert client.closed


def test_an_operation_is_checked_with_the_reason_at_hand(world):
    key = world.service.add_key(world.app, {"c": ["publish"]})
    identity = Identity(world.app, key)
    identity.check("publish", ChannelName("c"))
    with pytest.raises(AblyError) as refused:
        identity.check_any(("history", "stats"), ChannelName("[meta]c"))
    assert refused.value.operation == "history or stats"
    wide = Identity(world.app, world.service.add_key(world.app, {"[*]*": ["*"]}))
    assert wide.operations(ChannelName.parse("[meta]log")) == {"subscribe", "history", "channel-metadata"}
    assert "Only the service publishes" in wide.rule({"publish"}, ChannelName.parse("[meta]log"))
