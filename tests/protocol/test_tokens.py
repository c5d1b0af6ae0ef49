"""Token requests, JWTs, and what two capabilities have in common."""

import base64
import json
from math import isfinite

import jwt as pyjwt
import pytest

from ablykit.protocol import AblyError, ApiKey, Capability, ChannelName
from ablykit.protocol.tokens import (
    TokenRequest,
    jwt,
    jwt_claims,
    jwt_embedded,
    jwt_header,
    jwt_key_name,
    mac_of,
    token_request,
)

KEY = ApiKey("app", "id", "a secret that is long enough for HS256")


def test_the_mac_is_over_each_member_on_a_line():
    """Against a value worked out by hand: HMAC-SHA256 of six lines, three of them empty."""
    import hashlib
    import hmac

    request = TokenRequest(key_name="app.id", timestamp=1_700_000_000_000, nonce="abc")
    by_hand = hmac.new(KEY.secret.encode(), b"app.id\n\n\n\n1700000000000\nabc\n", hashlib.sha256).digest()
    assert mac_of(request, KEY.secret) == base64.b64encode(by_hand).decode()


def test_a_request_is_signed_and_says_what_is_asked():
    request = token_request(
        KEY, ttl=5, capability={"b": ["subscribe", "publish"], "a": ["*"]}, client_id="me"
    )
    assert request.capability == '{"a":["*"],"b":["publish","subscribe"]}'
    assert (request.ttl, request.client_id, len(request.nonce) >= 16) == (5, "me", True)
    assert request.mac == mac_of(request, KEY.secret)
    assert token_request(KEY).nonce != token_request(KEY).nonce


def test_a_jwt_names_its_key_and_is_checked_with_its_secret():
    token = jwt(KEY, ttl=60_000, capability={"c": ["publish"]}, client_id="me", revocation_key="r")
    assert jwt_key_name(jwt_header(token)) == "app.id"
    claims = jwt_claims(token, KEY)
    assert claims["exp"] - claims["iat"] == 60
    assert claims["x-ably-capability"] == '{"c":["publish"]}'
    assert (claims["x-ably-clientId"], claims["x-ably-revocation-key"]) == ("me", "r")


@pytest.mark.parametrize(
    "token",
    [
        jwt(ApiKey("app", "id", "another secret that is long enough")),
        pyjwt.encode({"iat": 1}, KEY.secret, headers={"kid": "app.id"}),
        pyjwt.encode({"iat": "x", "exp": "y"}, KEY.secret, headers={"kid": "app.id"}),
        pyjwt.encode({"iat": 1, "exp": 2}, "", algorithm="none", headers={"kid": "app.id"}),
        "a.b.c",
    ],
)
def test_a_jwt_that_is_not_right_is_refused(token):
    with pytest.raises(AblyError) as refused:
        jwt_claims(token, KEY)
    assert refused.value.code == 40144


def test_a_jwt_without_a_kid_is_refused():
    with pytest.raises(AblyError) as refused:
        jwt_key_name(jwt_header(pyjwt.encode({"iat": 1, "exp": 2}, KEY.secret)))
    assert refused.value.code == 40144


@pytest.mark.parametrize("text", ["app.opaque", "", "a.b.c", "x", "e30", "WzFd.e30.x", "....", "é.é.é"])
def test_other_text_has_no_header(text):
    assert jwt_header(text) is None


THEIRS = "a secret of somebody else, long enough"


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (pyjwt.encode({"exp": 5}, THEIRS, headers={"x-ably-token": "T"}), ("T", 5)),
        (pyjwt.encode({"exp": 5, "x-ably-token": "T"}, THEIRS), ("T", 5)),
        (pyjwt.encode({"x-ably-token": "T"}, THEIRS), ("T", None)),
        (pyjwt.encode({"exp": "soon"}, THEIRS), None),
        (pyjwt.encode({"x-ably-token": 5}, THEIRS), None),
        (pyjwt.encode({"exp": 5}, THEIRS), None),
        ("eyJ4LWFibHktdG9rZW4iOiJUIn0.a.b.c.d", ("T", None)),
        ("eyJ4LWFibHktdG9rZW4iOiJUIn0.not.claims", ("T", None)),
    ],
)
def test_somebody_elses_jwt_may_carry_a_token(token, found):
    assert jwt_embedded(token, jwt_header(token)) == found


NO_TIMES = [
    float("nan"), float("inf"), -float("inf"), 1e300, 10**400, -1, -0.5, True, False, "1", "", None, [1], {},
]  # fmt: skip


@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: f"{value!r:.12}")
def test_what_is_no_time_in_an_unsigned_wrapper_is_refused(value):
    token = pyjwt.encode({"exp": value, "x-ably-token": "T"}, "", algorithm="none")
    if isinstance(value, float) and not isfinite(value):
        assert jwt_embedded(token, jwt_header(token)) is None, "NaN and infinities are not JSON"
        return
    with pytest.raises(AblyError) as refused:
        jwt_embedded(token, jwt_header(token))
    assert refused.value.code == 40144


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: f"{value!r:.12}")
def test_what_is_no_time_in_a_signed_jwt_is_refused(name, value):
    token = signed({"iat": 1, "exp": 2, name: value})
    with pytest.raises(AblyError) as refused:
        jwt_claims(token, KEY)
    assert refused.value.code == 40144


def signed(claims):
    """A JWT with any claims at all: pyjwt itself makes none of some."""
    return pyjwt.PyJWS().encode(json.dumps(claims).encode(), KEY.secret, "HS256", {"kid": "app.id"})


def test_times_may_have_fractions():
    assert jwt_claims(signed({"iat": 1.5, "exp": 2, "nbf": 0}), KEY)["iat"] == 1.5


DEEP = base64.urlsafe_b64encode(b"[" * 1100).decode()
DEEP_OBJECT = base64.urlsafe_b64encode(b'{"kid":' + b"[" * 980 + b"]" * 980 + b"}").decode()


@pytest.mark.parametrize("part", [DEEP, DEEP_OBJECT, "Ij_Yng", "e30\u00e9", "eyJhIjoiXHVkODAwIn0"])
def test_a_jwt_whose_parts_can_not_be_read_is_no_jwt(part):
    assert jwt_header(f"{part}.x.y") is None or part == DEEP_OBJECT
    assert jwt_embedded(f"e30.{part}.y", {}) is None
    with pytest.raises(AblyError):
        jwt_claims(f"{part}.{part}.y", KEY)


@pytest.mark.parametrize(
    ("asked", "held", "both"),
    [
        ({"*": ["*"]}, {"*": ["*"]}, {"*": ["*"]}),
        ({"*": ["*"]}, {"c": ["publish", "subscribe"]}, {"c": ["publish", "subscribe"]}),
        ({"c": ["publish"]}, {"*": ["*"]}, {"c": ["publish"]}),
        ({"c": ["publish", "presence"]}, {"c": ["publish", "history"]}, {"c": ["publish"]}),
        ({"ns:a": ["*"]}, {"ns:*": ["publish"]}, {"ns:a": ["publish"]}),
        ({"ns:*": ["publish"]}, {"ns:a": ["*"], "ns:b": ["history"]}, {"ns:a": ["publish"]}),
        ({"ns:*:x": ["publish"]}, {"ns:*": ["publish"]}, {"ns:*:x": ["publish"]}),
        ({"a": ["publish"]}, {"b": ["publish"]}, {}),
        ({"[meta]*": ["subscribe"]}, {"*": ["*"]}, {}),
        ({"[meta]*": ["subscribe"]}, {"[*]*": ["*"]}, {"[meta]*": ["subscribe"]}),
        ({"a": ["publish"]}, {"a": ["subscribe"]}, {}),
        ({"a:b:c": ["*"]}, {"a:b": ["*"]}, {}),
    ],
)
def test_what_two_capabilities_have_in_common(asked, held, both):
    found = Capability.parse(asked).within(Capability.parse(held))
    assert {resource: sorted(ops) for resource, ops in found.grants.items()} == both


@pytest.mark.parametrize("name", ["c", "ns:a", "ns:a:x", "other", "[meta]c"])
@pytest.mark.parametrize("asked", [{"*": ["*"]}, {"ns:*": ["publish"], "c": ["*"]}, {"[*]*": ["subscribe"]}])
@pytest.mark.parametrize(
    "held", [{"*": ["publish"]}, {"c": ["*"], "ns:*:x": ["publish"]}, {"[meta]*": ["*"], "c": ["history"]}]
)
def test_what_is_in_common_allows_what_both_allow(asked, held, name):
    channel = ChannelName.parse(name)
    one, two = Capability.parse(asked), Capability.parse(held)
    assert one.within(two).operations(channel) == one.operations(channel) & two.operations(channel)
