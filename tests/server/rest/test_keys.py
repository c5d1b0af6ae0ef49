"""Tokens over HTTP: given and revoked."""

from ablykit.protocol.codec import plain
from ablykit.protocol.tokens import jwt, token_request
from tests.server.over_http import b64


def test_a_token_is_given_for_a_signed_request_and_taken(world, http):
    request = plain(token_request(world.key, client_id="me", capability={"c": ["publish"]}))
    given = http("POST", f"/keys/{world.key.name}/requestToken", request, key=False, status=201)
    assert (given["keyName"], given["clientId"], given["capability"]) == (
        world.key.name,
        "me",
        '{"c":["publish"]}',
    )
    for headers in (
        {"Authorization": f"Bearer {b64(given['token'])}"},
        {"Authorization": f"Bearer {given['token']}"},
    ):
        http("POST", "/channels/c/messages", {"data": "x"}, headers=headers, key=False, status=201)
        assert (
            http.refused(
                "POST", "/channels/d/messages", {"data": "x"}, headers=headers, key=False, status=401
            )
            == 40160
        )
    assert http("GET", "/channels/c/messages")[0]["clientId"] == "me"
    assert http("POST", f"/keys/{world.key.name}/requestToken", {"ttl": 5}, status=201)["expires"]
    for wrong, code in (
        ({"capability": {"c": ["*"]}}, 40000),
        ({"ttl": "x"}, 40003),
        ({"ttl": "007"}, 40003),
        ({"capability": "{"}, 40000),
    ):
        assert http.refused("POST", f"/keys/{world.key.name}/requestToken", wrong, status=400) == code


def test_tokens_are_revoked_by_a_key_made_for_it(world, http):
    key = world.service.add_key(world.app, revocable_tokens=True).api_key
    token = jwt(key, client_id="me")
    path, bearer = f"/keys/{key.name}/revokeTokens", {"Authorization": f"Bearer {b64(token)}"}
    http("GET", "/channels/c/messages", headers=bearer, key=False)
    said = http("POST", path, {"targets": ["clientId:me", "nonsense"]}, key=key, status=201)
    assert (said["successCount"], said["results"][1]["error"]["code"]) == (1, 40000)
    assert http.refused("GET", "/channels/c/messages", headers=bearer, key=False, status=401) == 40141
    assert (
        http.refused("POST", f"/keys/{world.key.name}/revokeTokens", {"targets": ["clientId:me"]}, status=401)
        == 40163
    )
    assert http.refused("POST", path, {"targets": ["clientId:me"]}, status=401) == 40101
    other = {"Authorization": f"Bearer {b64(jwt(key))}"}
    assert (
        http.refused("POST", path, {"targets": ["clientId:me"]}, key=False, headers=other, status=401)
        == 40162
    )
    future = {"targets": ["clientId:x"], "issuedBefore": 10**14}
    long_ago = {"targets": ["clientId:x"], "issuedBefore": world.service.clock.wall() - 3_700_000}
    too_many = {"targets": ["clientId:x"] * 101}
    for body, code in (
        ({}, 40000),
        ({"targets": []}, 40000),
        (too_many, 40000),
        (future, 40003),
        (long_ago, 40003),
    ):
        assert http.refused("POST", path, body, key=key, status=400) == code


def test_a_revocation_may_leave_time_to_get_another_token(world, http):
    key = world.service.add_key(world.app, revocable_tokens=True).api_key
    bearer = {"Authorization": f"Bearer {b64(jwt(key, client_id='me'))}"}
    now = world.service.clock.wall()
    body = {"targets": ["clientId:me"], "allowReauthMargin": True}
    (result,) = http("POST", f"/keys/{key.name}/revokeTokens", body, key=key, status=201)["results"]
    assert now + 30_000 <= result["appliesAt"] <= world.service.clock.wall() + 30_000
    http("GET", "/channels/c/messages", headers=bearer, key=False)
    world.later(30_000)
    assert http.refused("GET", "/channels/c/messages", headers=bearer, key=False, status=401) == 40141


def test_statistics_are_told_and_can_be_put_in(http):
    minute = {"intervalId": "2024-02-03:15:03", "inbound": {"realtime": {"messages": {"count": 5}}}}
    assert http.refused("POST", "/stats", minute, status=404) == 40400
    http.world.service.sandbox = True
    http("POST", "/stats", minute, status=201)
    http("POST", "/stats", [minute], status=201)
    for version, part in (("1.2", "inbound"), ("2", "inbound"), ("3", "entries"), ("", "entries")):
        headers = {"X-Ably-Version": version}
        (told,) = http("GET", "/stats", end="2024-02-03:15:03", by="hour", headers=headers)
        assert part in told, version
    (told,) = http("GET", "/stats", end="2024-02-03:15:03", by="hour")
    assert told["entries"]["messages.inbound.all.messages.count"] == 10
    assert http.refused("POST", "/stats", 5, status=400) == 40000
    narrow = http.world.service.add_key(http.world.app, {"c": ["publish"]}).api_key
    assert http.refused("GET", "/stats", key=narrow, status=401) == 40160


def test_a_token_of_an_app_that_is_not_here_is_not_given(http):
    assert http.refused("POST", "/keys/no.such/requestToken", {}, key=False, status=404) == 40400


def test_numbers_that_came_through_a_query_string_are_taken(world, http):
    signed = plain(token_request(world.key, ttl=60_000))
    as_text = {**signed, "ttl": str(signed["ttl"]), "timestamp": str(signed["timestamp"])}
    given = http("POST", f"/keys/{world.key.name}/requestToken", as_text, key=False, status=201)
    assert given["expires"] - given["issued"] == 60_000
