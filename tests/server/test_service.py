"""The service: its apps, keys and limits, and what it remembers."""

from dataclasses import fields

import pytest

from ablykit.protocol import AblyError, ApiKey, ChannelName, ConnectionParams, parse_query
from ablykit.protocol.tokens import jwt
from ablykit.server.auth import Revocation
from ablykit.server.service import HOUSEKEEPING, IN_2021, TODAY, Limits, Namespace, namespaces
from tests.server.frames import enter, token_of

NAME = ChannelName("c")


def test_a_limit_is_changed_in_both_looks_and_all_others_stay(world):
    app = world.service.add_app("mine", limits={"max_message_size": 7})
    assert (app.id, app.limits.max_message_size, app.limits_2021.max_message_size) == ("mine", 7, 7)
    assert app.limits.max_inbound_rate == TODAY.max_inbound_rate
    assert app.limits_for(parse_query("v=5")) is app.limits
    assert app.limits_for(ConnectionParams()).max_inbound_rate == IN_2021.max_inbound_rate


def test_a_limit_that_is_none_is_refused_with_those_there_are(world):
    with pytest.raises(ValueError, match="no limit 'nonsense'; there are max_message_size") as refused:
        world.service.add_app(limits={"nonsense": 5})
    assert all(field.name in str(refused.value) for field in fields(Limits))


def test_namespaces_are_made_of_the_names_of_each_kind(world):
    named = namespaces(mutable=["doc", "both"], persisted=["both", "kept"])
    assert named["doc"] == Namespace(mutable_messages=True)
    assert named["both"] == Namespace(mutable_messages=True, persisted=True)
    app = world.service.add_app(namespaces=named)
    assert app.namespace_of(ChannelName("doc:a:b")).mutable_messages
    assert app.namespace_of(ChannelName("docs")) == Namespace()
    assert app.retention_of(ChannelName("kept:a")) == app.limits.persisted_retention
    assert app.retention_of(ChannelName("doc:a")) == app.limits.retention


def test_a_key_is_found_by_all_of_its_text(world):
    added = world.service.add_key(world.app, {"c": ["publish"]})
    app, key = world.service.key_of(added.api_key.reveal())
    assert (app, key) == (world.app, added)
    assert key.operations(NAME) == {"publish"}
    for text, code in (
        ("nonsense", 40101),
        ("", 40101),
        ("this.is:wrong", 40101),
        ("nosuch.key:secret", 40400),
        ("nosuchapp.key:secret", 40400),
        (f"{added.api_key.name}:wrong", 40101),
        (f"{world.app.id}.nothing:x", 40101),
    ):
        with pytest.raises(AblyError) as refused:
            world.service.key_of(text)
        assert refused.value.code == code
    given = ApiKey("app", "id", "secret")
    assert world.service.add_key(world.app, key=given).api_key is given


def test_a_channel_is_made_once_and_metachannels_stand_apart(world):
    channel = world.service.channel(world.app, NAME)
    assert world.service.channel(world.app, NAME) is channel
    meta = world.service.channel(world.app, ChannelName("log", "meta"))
    assert (list(world.app.channels), list(world.app.metachannels)) == (["c"], ["[meta]log"])
    assert world.app.find(ChannelName("log", "meta")) is meta
    assert world.app.find(ChannelName("log")) is None


def test_a_nonce_is_new_once_until_it_is_forgotten(world):
    assert world.service.first_use("n")
    assert not world.service.first_use("n")
    world.later(31 * 60_000)
    assert world.service.first_use("n")


def test_it_says_when_something_is_due_and_does_it(world):
    woken = []
    world.service.agenda.wake = lambda: woken.append(True)
    client = world.client("v=5&clientId=me&remainPresentFor=2000")
    client.attach("c")
    client.say({"action": 14, "channel": "c", "msgSerial": 0, "presence": [{"action": 2}]})
    client.drop()
    assert woken
    assert world.service.next_due() == world.now + 2_000
    key = world.app.keys[world.key.key_id]
    soon = Revocation("clientId", "x", 0, world.now + 1_000, key)
    world.service.revoke(world.app, [soon])
    assert world.service.next_due() == world.now + 1_000
    world.later(2_000)
    assert world.service.next_due() > world.now
    assert not world.service.channel(world.app, NAME).members


def test_tokens_and_connections_are_forgotten_in_their_time(world):
    client = world.client("v=5")
    client.drop()
    assert len(world.service.connections) == 1
    world.later(120_000)
    assert world.service.connections == {}


def test_an_app_that_is_removed_takes_its_connections_and_tokens_along(world):
    other = world.service.add_app()
    key = world.service.add_key(other).api_key
    mine, theirs = world.client("v=5"), world.client("v=5", key=key)
    token = world.client(f"v=5&accessToken={jwt(key)}", key=False)
    world.service.remove_app(other)
    assert (theirs.closed, token.closed) == ((1000, "40400"), (1000, "40400"))
    assert mine.closed is None
    assert list(world.service.connections.values()) == [mine.session.connection]
    assert other.id not in world.service.apps


def test_what_was_revoked_and_when_is_known_by_the_app(world):
    client = world.client(f"v=5&accessToken={jwt(world.key, client_id='me')}", key=False)
    identity, key = client.session.identity, world.app.keys[world.key.key_id]
    revocation = Revocation("clientId", "me", identity.issued + 1, world.now + 10, key)
    world.service.revoke(world.app, [revocation])
    assert not world.app.revoked(identity, world.now)
    assert world.app.revoked(identity, world.now + 10)


def test_each_minute_is_told_of_once(world, monkeypatch):
    world.client("v=5")
    wall = world.service.clock.wall()
    monkeypatch.setattr(world.service.clock, "wall", lambda: wall + 60_000)
    for _ in range(2):
        world.later(HOUSEKEEPING)
    log = world.app.metachannels["[meta]stats:minute"].log
    assert len(log.all(world.now)) == 1


def test_a_seed_makes_no_name_again_that_was_given_by_hand(make_world):
    seeded = make_world()
    world = make_world()
    given = world.service.add_app(seeded.service.add_app().id)
    assert world.service.add_app().id != given.id
    app = seeded.service.add_app()
    same = world.service.add_app(app.id)
    made = seeded.service.add_key(app).api_key
    world.service.add_key(same, key=made)
    assert world.service.add_key(same).api_key.name != made.name
    assert len(same.keys) == 2


def test_two_keys_of_one_name_are_refused(world):
    with pytest.raises(ValueError, match=f"two keys of the name {world.key.name}"):
        world.service.add_key(world.app, key=ApiKey(world.app.id, world.key.key_id, "other"))


def test_what_fails_when_it_is_due_ends_nothing(world):
    def fails(now):
        raise RuntimeError("as the test wants")

    world.service.agenda.at("fails", world.now + 1, fails)
    client = world.client("v=5&clientId=me&remainPresentFor=1")
    client.attach("c")
    enter(client)
    client.drop()
    world.later(1)
    assert not world.app.channels["c"].members


def test_what_a_dropped_connection_costs_does_not_grow_with_those_dropped_before(world):
    for _ in range(3):
        client = world.client("v=5")
        resumed = world.client(f"v=5&resume={client.session.connection.key}")
        resumed.drop()
    due = [key for _, _, key in world.service.agenda._heap if key[0] == "expires"]
    assert len(due) == 3, "one entry each, and nothing is looked through"


def test_of_dropped_connections_and_idle_channels_a_number_is_remembered(world, monkeypatch):
    from ablykit.server import service

    monkeypatch.setattr(service, "MOST_DROPPED", 3)
    monkeypatch.setattr(service, "MOST_IDLE", 5)
    clients = [world.client("v=5") for _ in range(5)]
    for number, client in enumerate(clients):
        client.publish(f"c{number}", 0, {"data": "x"})
        client.drop()
    assert len(world.service.connections) == 3
    assert len(world.app.channels) + len(world.app.metachannels) == 5
    assert "c4" in world.app.channels, "the one used last is among them"
    assert "c0" not in world.app.channels
    kept = sum(len(each.log.all(world.now)) for each in world.app.idle)
    assert len(world.app.memory._order) == kept, "what went is counted no longer"


def test_of_tokens_a_number_is_remembered(world, monkeypatch):
    from ablykit.server import service

    monkeypatch.setattr(service, "MOST_TOKENS", 2)
    first, *others = [token_of(world) for _ in range(3)]
    assert first not in world.service.tokens
    assert all(token in world.service.tokens for token in others)
