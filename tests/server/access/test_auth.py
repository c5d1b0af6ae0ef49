"""Who is there: keys, tokens, JWTs; what they may do, and for how long."""

import base64
import json
import time

import jwt as pyjwt
import pytest

from ablykit.protocol import AblyError, ApiKey
from ablykit.protocol.tokens import TokenRequest, jwt, mac_of, token_request
from ablykit.server.access.auth import by_header, give_token
from ablykit.server.access.identity import Identity, Revocation, target
from tests.server.frames import by_token, only, token_of


def connected(client):
    frame = only(client.heard())
    assert frame["action"] == 4, frame
    return frame["connectionDetails"]


def refused(client):
    frame = only(client.heard())
    assert frame["action"] == 9
    assert client.closed
    return frame["error"]["code"]


def test_a_token_connects_also_without_tls(world, make_token):
    connected(by_token(world, make_token(), secure=False))


def test_who_is_nobody_may_not_publish_as_somebody(world, make_token):
    nobody = by_token(world, make_token())
    nobody.heard()
    assert only(nobody.publish("c", 0, {"data": "x", "clientId": "me"}))["error"]["code"] == 40012
    assert nobody.publish("c", 1, {"data": "x"})[-1]["action"] == 1


def test_a_token_that_is_over_is_refused(world):
    token = token_of(world, ttl=1_000)
    world.now += 1_000
    assert refused(by_token(world, token)) == 40142
    world.later(60 * 60_000)
    assert refused(by_token(world, token)) == 40143


def test_a_jwt_that_is_over_is_refused(world):
    assert refused(by_token(world, jwt(world.key, ttl=-5_000))) == 40142


def revoke(world, text, margin=0):
    before = world.service.clock.wall() + 1
    key = world.app.keys[world.key.key_id]
    world.service.revoke(world.app, [Revocation(*target(text), before, world.now + margin, key)])


def test_a_margin_leaves_time_to_get_another_token(world, monkeypatch):
    keeps, renews = (by_token(world, token_of(world, client_id="me")) for _ in range(2))
    for client in (keeps, renews):
        connected(client)
    revoke(world, "clientId:me", margin=30_000)
    assert [only(client.heard()) for client in (keeps, renews)] == [{"action": 17}] * 2
    wall = world.service.clock.wall()
    monkeypatch.setattr(world.service.clock, "wall", lambda: wall + 1)
    newer = token_of(world, client_id="me")
    assert only(renews.say({"action": 17, "auth": {"accessToken": newer}}))["action"] == 4
    world.later(29_999)
    assert keeps.closed is None
    world.later(1)
    assert only(keeps.heard())["error"]["code"] == 40141
    assert renews.closed is None


THEIRS = "a secret of somebody else, long enough"


def carrying(token, ttl=60, **header):
    claims = {"exp": int(time.time()) + ttl}
    return pyjwt.encode(claims, THEIRS, headers={"x-ably-token": token, **header})


def test_a_token_is_taken_in_somebody_elses_jwt(world, make_token):
    token = make_token(client_id="me", capability={"c": ["publish"]})
    details = connected(client := by_token(world, carrying(token)))
    assert details["clientId"] == "me"
    assert only(client.attach("d"))["error"]["code"] == 40160
    assert client.session.identity.deadline - world.now <= 60_000, "it ends with the JWT around it"


def test_a_jwt_that_ends_after_the_token_in_it_is_refused(world, make_token):
    assert refused(by_token(world, carrying(make_token(ttl=60_000), ttl=120))) == 40144


def test_a_jwt_in_a_jwt_in_a_jwt_is_one_too_many(world, make_token):
    assert refused(by_token(world, carrying(carrying(make_token())))) == 40144


@pytest.mark.parametrize("ends", [float("nan"), float("inf"), 10**400, "later", True])
def test_an_unsigned_wrapper_does_not_let_an_expired_jwt_in(world, ends):
    claims = {"exp": ends, "x-ably-token": jwt(world.key, ttl=-5_000)}
    assert refused(by_token(world, pyjwt.encode(claims, "", algorithm="none"))) == 40144


@pytest.mark.parametrize("claims", [{}, {"exp": 1}])
def test_an_unsigned_wrapper_can_only_shorten(world, claims):
    alive, over = jwt(world.key), jwt(world.key, ttl=-5_000)
    assert (
        refused(by_token(world, pyjwt.encode({**claims, "x-ably-token": over}, "", algorithm="none")))
        == 40142
    )
    client = by_token(world, pyjwt.encode({**claims, "x-ably-token": alive}, "", algorithm="none"))
    assert refused(client) == 40142 if claims else connected(client)


@pytest.mark.parametrize(
    ("claims", "code"),
    [({"exp": float("nan")}, 40144), ({"iat": float("nan")}, 40144), ({"exp": 10**400}, 40144), ({"nbf": 4e9}, 40144), ({"iat": 4e9, "exp": 4e9 + 60}, 40144)],
)  # fmt: skip
def test_a_signed_jwt_has_an_end_and_is_of_the_past(world, claims, code):
    now = int(time.time())
    text = json.dumps({"iat": now, "exp": now + 60} | claims).encode()
    token = pyjwt.PyJWS().encode(text, world.key.secret, "HS256", {"kid": world.key.name})
    assert refused(by_token(world, token)) == code


@pytest.mark.parametrize("token", ["junk", "", "a.b", "a.b.c", base64.b64encode(b"[").decode()])
def test_junk_is_no_token_and_not_worth_renewing(world, token):
    assert refused(by_token(world, token)) == 40101


@pytest.mark.parametrize("token", [base64.b64encode(b"[" * 1100).decode() + ".x.y", "é" * 20 + ".x"])
def test_a_token_that_can_not_be_read_is_refused_and_no_more(world, token):
    assert refused(by_token(world, token)) in (40101, 40143)


def test_a_token_of_one_of_our_apps_that_is_not_known_is_worth_renewing(world):
    assert refused(by_token(world, f"{world.app.id}.gone")) == 40143
    assert refused(by_token(world, "nosuch.token")) == 40143


def test_an_encrypted_jwt_carries_its_token_in_its_header(world, make_token):
    header = base64.urlsafe_b64encode(
        json.dumps({"x-ably-token": make_token(client_id="me")}).encode()
    ).decode()
    assert connected(by_token(world, f"{header.rstrip('=')}.a.b.c.d"))["clientId"] == "me"


def test_a_jwt_of_an_app_that_is_not_here_says_so(world):
    stranger = ApiKey("nobody", "key", "secret that is long enough to sign")
    assert refused(by_token(world, jwt(stranger))) == 40400


@pytest.mark.parametrize("make", [jwt, token_request])
def test_a_token_that_can_be_revoked_lives_an_hour_at_most(world, make):
    key = world.service.add_key(world.app, revocable_tokens=True).api_key
    made = make(key, ttl=3_601_000)
    if make is jwt:
        assert refused(by_token(world, made)) == 40003
    else:
        with pytest.raises(AblyError, match="3600000"):
            give_token(world.service, key.name, made, None)
    connected(by_token(world, jwt(key, ttl=3_600_000)))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mac": "wrong"}, 40101),
        ({"mac": None}, 40101),
        ({"nonce": None}, 40101),
        ({"ttl": 5}, 40101),
        ({"key_name": "other.key"}, 40101),
    ],
)
def test_a_request_that_was_not_signed_so_is_refused(world, change, code):
    request = token_request(world.key).replace(**change)
    with pytest.raises(AblyError) as refusal:
        give_token(world.service, world.key.name, request, None)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"ttl": 0}, 40003),
        ({"ttl": 86_400_001}, 40003),
        ({"client_id": ""}, 40012),
        ({"capability": {"d": ["subscribe"]}}, 40160),
        ({"timestamp": 1_000}, 40104),
    ],
)
def test_what_can_not_be_given_is_not(world, asked, code):
    key = world.service.add_key(world.app, {"c": ["*"]}).api_key
    with pytest.raises(AblyError) as refusal:
        give_token(world.service, key.name, token_request(key, **asked), None)
    assert refusal.value.code == code


def test_a_mac_that_is_given_must_be_right_even_from_the_keys_own_holder(world):
    holder = world.client().session.identity
    request = token_request(world.key)
    assert give_token(world.service, world.key.name, request.replace(mac=None, nonce=None), holder).token
    with pytest.raises(AblyError, match="mac is wrong"):
        give_token(world.service, world.key.name, request.replace(mac="wrong"), holder)


def test_a_nonce_may_be_used_again_at_another_time_and_with_another_key(world):
    other = world.service.add_key(world.service.add_app()).api_key
    now = world.service.clock.wall()
    for key, timestamp in ((world.key, now), (world.key, now + 1), (other, now)):
        request = token_request(key, timestamp=timestamp).replace(nonce="1234567890123456")
        request = request.replace(mac=mac_of(request, key.secret))
        assert give_token(world.service, key.name, request, None).token
        with pytest.raises(AblyError, match="nonce was used before"):
            give_token(world.service, key.name, request, None)


def test_what_is_refused_is_said_to_be_not_permitted(world):
    client = by_token(world, token_of(world, capability={"a": ["subscribe"]}))
    client.heard()
    for frame in (*client.attach("c"), *client.publish("c", 0, {"data": "x"})):
        assert "is not permitted" in frame["error"]["message"]


def test_a_request_is_good_for_one_token(world):
    request = token_request(world.key)
    given = give_token(world.service, world.key.name, request, None)
    assert (given.expires - given.issued, given.capability) == (3_600_000, '{"*":["*"]}')
    with pytest.raises(AblyError) as refusal:
        give_token(world.service, world.key.name, request, None)
    assert refusal.value.code == 40105


def test_who_holds_the_key_need_not_sign(world):
    holder = Identity(world.app, world.app.keys[world.key.key_id])
    given = give_token(world.service, world.key.name, TokenRequest(client_id="me"), holder)
    assert given.client_id == "me"


@pytest.mark.parametrize(("name", "code"), [("no.key", 40400), ("nokey", 40400)])
def test_a_key_that_is_not_there_gives_no_token(world, name, code):
    with pytest.raises(AblyError) as refusal:
        give_token(world.service, name, TokenRequest(), None)
    assert refusal.value.code == code
    with pytest.raises(AblyError) as refusal:
        give_token(world.service, f"{world.app.id}.nokey", TokenRequest(), None)
    assert refusal.value.code == 40101


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", 40101),
        ("Basic", 40101),
        ("Basic !!!", 40101),
        ("Digest x", 40101),
        ("Basic /w==", 40101),
        ("Basic é", 40101),
        ("é é", 40101),
        ("Bearer é", 40101),
    ],
)
def test_a_header_that_is_none_is_refused(world, header, code):
    with pytest.raises(AblyError) as refusal:
        by_header(world.service, header, secure=True)
    assert refusal.value.code == code


def test_a_request_is_signed_by_the_services_own_clock_or_the_true_time(world):
    for timestamp in (world.service.clock.shown(), world.service.clock.wall()):
        assert token_of(world, timestamp=timestamp)
    with pytest.raises(AblyError, match="too far"):
        token_of(world, timestamp=world.service.clock.wall() - 16 * 60_000)


def test_a_clock_that_was_moved_takes_requests_of_clients_whose_clocks_were_not(world):
    world.service.advance(3_600_000)
    for timestamp in (world.service.clock.real(), world.service.clock.wall()):
        assert token_of(world, timestamp=timestamp)
    with pytest.raises(AblyError, match="too far"):
        token_of(world, timestamp=world.service.clock.real() + 1_800_000)


def test_who_asks_over_http_is_known_by_key_or_token_in_a_header(world):
    key = base64.b64encode(world.key.reveal().encode()).decode()
    assert not by_header(world.service, f"Basic {key}", secure=True).is_token
    assert by_header(world.service, f"bearer {token_of(world)}", secure=False).is_token
    with pytest.raises(AblyError, match="TLS"):
        by_header(world.service, f"Basic {key}", secure=False)


@pytest.mark.parametrize("claim", ["x-ably-clientId", "x-ably-revocation-key", "x-ably-capability"])
def test_a_claim_that_is_no_text_is_refused(world, claim):
    claims = {"iat": int(time.time()), "exp": int(time.time()) + 60, claim: 5}
    token = pyjwt.encode(claims, world.key.secret, headers={"kid": world.key.name})
    assert refused(by_token(world, token)) == 40144


def test_a_jwt_that_names_no_key_of_the_app_is_refused(world):
    stranger = ApiKey(world.app.id, "nothing", "secret that is long enough to sign")
    assert refused(by_token(world, jwt(stranger))) == 40144
