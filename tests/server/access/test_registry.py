"""Who may come in: apps, keys, tokens, and what was revoked."""

from dataclasses import fields

import pytest

from ablykit.protocol import AblyError, ApiKey, ChannelName
from ablykit.protocol.tokens import jwt
from ablykit.server.access.app import Limits
from ablykit.server.access.identity import Identity, Revocation, target
from tests.server.frames import by_token, only, token_of

NAME = ChannelName("c")


def test_a_limit_that_is_none_is_refused_with_those_there_are(world):
    with pytest.raises(ValueError, match=r"no limit 'nonsense'\. The limits are max_message_size") as refused:
        world.service.add_app(limits={"nonsense": 5})
    assert all(field.name in str(refused.value) for field in fields(Limits))


def test_a_key_is_found_by_all_of_its_text(world):
    added = world.service.add_key(world.app, {"c": ["publish"]})
    app, key = world.service.key_of(added.api_key.reveal())
    assert (app, key) == (world.app, added)
    assert key.operations(NAME) == {"publish"}
    for text, code, status in (
        ("nonsense", 40101, 401),
        ("", 40101, 401),
        ("this.is:wrong", 40101, 401),
        ("nosuch.key:secret", 40101, 401),
        ("nosuch.keykey:secret", 40400, 404),
        ("nosuchapp.keykey:secret", 40400, 404),
        (f"{added.api_key.name}:wrong", 40101, 401),
        (f"{world.app.id}.nothing:x", 40400, 401),
        (f"{world.app.id}.no:x", 40101, 401),
    ):
        with pytest.raises(AblyError) as refused:
            world.service.key_of(text)
        assert (refused.value.code, refused.value.status) == (code, status)
    given = ApiKey("app", "id", "secret")
    assert world.service.add_key(world.app, key=given).api_key is given


def test_a_nonce_is_new_once_until_it_is_forgotten(world):
    assert world.service.first_use("n")
    assert not world.service.first_use("n")
    world.later(31 * 60_000)
    assert world.service.first_use("n")


def test_what_was_revoked_and_when_is_known_by_the_app(world):
    client = world.client(f"v=5&accessToken={jwt(world.key, client_id='me')}", key=False)
    identity, key = client.session.identity, world.app.keys[world.key.key_id]
    revocation = Revocation("clientId", "me", identity.issued + 1, world.now + 10, key)
    world.service.revoke(world.app, [revocation])
    assert not world.service.is_revoked(identity)
    world.now += 10
    assert world.service.is_revoked(identity)


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
    with pytest.raises(ValueError, match=f"has a key named {world.key.name} already"):
        world.service.add_key(world.app, key=ApiKey(world.app.id, world.key.key_id, "other"))


def test_of_tokens_a_number_is_remembered(world, monkeypatch):
    from ablykit.server.access import registry

    monkeypatch.setattr(registry, "MOST_TOKENS", 2)
    first, *others = [token_of(world) for _ in range(3)]
    assert first not in world.service.tokens
    assert all(token in world.service.tokens for token in others)


def revoke(world, text, margin=0):
    before = world.service.clock.wall() + 1
    key = world.app.keys[world.key.key_id]
    world.service.revoke(world.app, [Revocation(*target(text), before, world.now + margin, key)])


def test_revocations_are_forgotten_when_no_token_can_be_that_old(world):
    revoke(world, "clientId:me")
    revoke(world, "clientId:me")
    world.later(3_590_000)
    assert [len(listed) for listed in world.service._revocations.values()] == [2]
    world.later(10_002)
    assert world.service._revocations == {}


def test_a_later_revocation_does_not_lift_one_that_is_in_force(world):
    token = token_of(world, client_id="me")
    revoke(world, "clientId:me")
    revoke(world, "clientId:me", margin=30_000)
    assert only(by_token(world, token).heard())["error"]["code"] == 40141


def test_what_is_forgotten_in_time(world):
    token_of(world)
    world.later(3 * 60 * 60_000)
    assert not world.service.tokens
    assert not world.service._nonces


def test_of_an_app_that_was_removed_nothing_is_left(make_world):
    world = make_world(sandbox=True)
    stays, goes = world.service.add_app(), world.service.add_app()
    keys = [world.service.add_key(app).api_key for app in (stays, goes)]
    for number, (app, key) in enumerate(zip((stays, goes), keys, strict=True)):
        world.service.remember(f"token {number}", Identity(app, app.keys[key.key_id]))
    world.service.remove(goes)
    assert goes.id not in world.service.apps
    assert list(world.service.tokens) == ["token 0"]
