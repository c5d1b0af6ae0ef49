"""Every HTTP endpoint: what it answers, and how it refuses."""

import base64
import json

import msgspec
import pytest
from starlette.testclient import TestClient

from ablykit.protocol.codec import plain
from ablykit.protocol.tokens import jwt, token_request
from ablykit.server.rest import rest_app

MSGPACK = "application/x-msgpack"


class Http:
    """A client of a world's HTTP side."""

    def __init__(self, world, format="json"):
        self.world, self.format = world, format
        self._client = TestClient(
            rest_app(world.service), base_url="https://ably.test", raise_server_exceptions=True
        )

    def __call__(self, method, path, body=None, *, key=None, headers=None, status=200, **params):
        auth = {} if key is False else {"Authorization": f"Basic {b64((key or self.world.key).reveal())}"}
        media = "application/json" if self.format == "json" else MSGPACK
        encode = json.dumps if self.format == "json" else msgspec.msgpack.encode
        answer = self._client.request(
            method, path, params=params or None, content=None if body is None else encode(body),
            headers={"Accept": media, "Content-Type": media, **auth, **(headers or {})},
        )  # fmt: skip
        assert answer.status_code == status, answer.content
        assert answer.headers["content-type"] == media
        assert answer.headers["access-control-allow-origin"] == "*"
        self.links = {
            rel: link
            for link, rel in (
                part.rsplit('>; rel="', 1) for part in answer.headers.get("link", "").split(", ") if part
            )
        }
        self.links = {rel.rstrip('"'): link.lstrip("<") for rel, link in self.links.items()}
        return answer.json() if self.format == "json" else msgspec.msgpack.decode(answer.content)

    def refused(self, *arguments, status, **options):
        error = self(*arguments, status=status, **options)["error"]
        assert error["statusCode"] == status
        assert error["href"].endswith(str(error["code"]))
        return error["code"]


def b64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(params=["json", "msgpack"])
def http(world, request):
    return Http(world, request.param)


def test_a_publish_is_delivered_and_told_by_history(world, http):
    listener = world.client("v=5")
    listener.attach("c")
    listener.heard()
    said = http("POST", "/channels/c/messages", {"name": "n", "data": "one"}, status=201)
    assert (said["channel"], len(said["serials"])) == ("c", 1)
    http("POST", "/channels/c/messages", [{"data": "two"}, {"data": {"a": 1}}], status=201)
    first, second = listener.heard()
    assert first["messages"][0]["serial"] == said["serials"][0]
    assert "connectionId" not in first
    assert [m["data"] for m in second["messages"]] == ["two", {"a": 1}]
    found = http("GET", "/channels/c/messages")
    assert [m["data"] for m in found] == [{"a": 1}, "two", "one"]
    assert found[2]["id"] == said["messageId"]
    assert http("GET", "/channels/c/history", direction="forwards") == found[::-1]


def test_binary_is_base64_in_json_and_bare_in_messagepack(world):
    text, binary = Http(world), Http(world, "msgpack")
    binary("POST", "/channels/c/messages", {"data": b"\x00\x01"}, status=201)
    text("POST", "/channels/c/messages", {"data": "AAI=", "encoding": "base64"}, status=201)
    assert [m["data"] for m in binary("GET", "/channels/c/messages")] == [b"\x00\x02", b"\x00\x01"]
    assert [(m["data"], m["encoding"]) for m in text("GET", "/channels/c/messages")] == [
        ("AAI=", "base64"),
        ("AAE=", "base64"),
    ]


@pytest.mark.parametrize("direction", ["forwards", "backwards"])
def test_history_comes_in_pages_that_lead_on(world, http, direction):
    for n in range(7):
        http("POST", "/channels/a%2Fb c/messages", {"data": str(n)}, status=201)
    path, seen = "/channels/a%2Fb c/", []
    link = f"./messages?limit=3&direction={direction}"
    while link:
        seen.append([m["data"] for m in http("GET", path + link.removeprefix("./"))])
        link = http.links.get("next")
    whole = [str(n) for n in range(7)][:: 1 if direction == "forwards" else -1]
    assert seen == [whole[:3], whole[3:6], whole[6:]]
    assert "key" not in str(http.links)


def test_history_is_between_two_times_or_up_to_an_attachment(world, http):
    http("POST", "/channels/c/messages", {"data": "before"}, status=201)
    serial = world.client().attach("c")[0]["channelSerial"]
    http("POST", "/channels/c/messages", {"data": "after"}, status=201)
    assert [m["data"] for m in http("GET", "/channels/c/messages", fromSerial=serial)] == ["before"]
    after, before = http("GET", "/channels/c/messages")
    assert http("GET", "/channels/c/messages", end=before["timestamp"]) == [before]
    assert http("GET", "/channels/c/messages", start=after["timestamp"]) == [after]


def test_an_id_published_twice_is_delivered_once(http):
    for _ in range(2):
        said = http(
            "POST",
            "/channels/c/messages",
            [{"id": "x:0", "data": "a"}, {"id": "x:1", "data": "b"}],
            status=201,
        )
    assert len(http("GET", "/channels/c/messages")) == 2
    assert said["messageId"] == "x"


def test_members_are_told_now_and_in_history(world, http):
    client = world.client("v=5")
    client.attach("c")
    for n, name in enumerate(("a", "b")):
        client.say(
            {
                "action": 14,
                "channel": "c",
                "msgSerial": n,
                "presence": [{"action": 2, "clientId": name, "data": name}],
            }
        )
    found = http("GET", "/channels/c/presence")
    assert [(m["clientId"], m["action"], m["data"]) for m in found] == [("a", 1, "a"), ("b", 1, "b")]
    assert [m["clientId"] for m in http("GET", "/channels/c/presence", clientId="b")] == ["b"]
    assert http("GET", "/channels/c/presence", connectionId="nobody") == []
    assert len(http("GET", "/channels/c/presence", limit=1)) == 1
    assert [m["clientId"] for m in http("GET", f"/channels/c/{http.links['next'].removeprefix('./')}")] == [
        "b"
    ]
    assert [(m["clientId"], m["action"]) for m in http("GET", "/channels/c/presence/history")] == [
        ("b", 2),
        ("a", 2),
    ]


def test_a_channels_status_counts_who_takes_part(world, http):
    assert http("GET", "/channels/c")["status"]["isActive"] is False
    assert "c" not in world.app.channels, "to look does not make one"
    world.client("v=5").attach("c", flags=1 << 18)
    world.client("v=5").attach("c")
    metrics = http("GET", "/channels/c")["status"]["occupancy"]["metrics"]
    assert metrics == {
        "connections": 2, "publishers": 1, "subscribers": 2, "presenceConnections": 1, "presenceMembers": 0, "presenceSubscribers": 1,
    }  # fmt: skip
    assert http("GET", "/channels", by="id") == ["c"]
    assert http("GET", "/channels", prefix="x") == []
    assert http("GET", "/channels")[0]["channelId"] == "c"


def test_a_batch_publishes_to_each_channel_it_may(world, http):
    key = world.service.add_key(world.app, {"a": ["publish"]}).api_key
    spec = {"channels": ["a", "b", ":x"], "messages": [{"data": "x"}]}
    said = http("POST", "/messages", spec, key=key, status=201)
    assert (said["successCount"], said["failureCount"]) == (1, 2)
    assert [r.get("error", {}).get("code") for r in said["results"]] == [None, 40160, 40010]
    assert [
        r["successCount"]
        for r in http("POST", "/messages", [spec, {"channels": "a", "messages": {"data": "y"}}], status=201)
    ] == [2, 1]
    for wrong in (5, {"channels": []}, {"channels": [5]}, [5]):
        assert http.refused("POST", "/messages", wrong, status=400) == 40000


def test_a_batch_before_version_3_is_answered_with_its_results_alone(http):
    spec = {"channels": ["a", "b"], "messages": {"data": "x"}}
    said = http("POST", "/messages", spec, headers={"X-Ably-Version": "2"}, status=201)
    assert [each["channel"] for each in said] == ["a", "b"]
    said = http("POST", "/messages", spec, headers={"X-Ably-Version": "nonsense"}, status=201)
    assert said["successCount"] == 2


def test_one_may_publish_for_a_connection_whose_key_one_has(world, http):
    client = world.client("v=5&clientId=me&echo=false")
    (connected,) = client.heard()
    client.attach("c")
    key = connected["connectionDetails"]["connectionKey"]
    messages = [{"data": "1", "connectionKey": key}, {"data": "2", "connectionKey": key}]
    http("POST", "/channels/c/messages", messages, status=201)
    assert client.heard() == [], "it is an echo"
    newest, _ = http("GET", "/channels/c/messages")
    assert (newest["clientId"], newest["connectionId"]) == ("me", connected["connectionId"])
    assert "connectionKey" not in newest
    stranger = world.service.add_key(world.service.add_app()).api_key
    for wrong, who in ((["nonsense"], None), ([key, None], None), ([key], stranger)):
        body = [{"data": "x", **({"connectionKey": each} if each else {})} for each in wrong]
        assert http.refused("POST", "/channels/c/messages", body, key=who, status=400) == 40006


def test_batch_presence_tells_of_each_channel(world, http):
    key = world.service.add_key(world.app, {"a": ["presence"]}).api_key
    found = http("GET", "/presence", key=key, channels="a,b")
    assert [(r["channel"], r.get("presence"), r.get("error", {}).get("code")) for r in found["results"]] == [
        ("a", [], None),
        ("b", None, 40160),
    ]
    assert http.refused("GET", "/presence", status=400) == 40000


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
        ({"ttl": "x"}, 40000),
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


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/channels/c/messages", "publish"),
        ("GET", "/channels/c/messages", "history"),
        ("GET", "/channels/c/history", "history"),
        ("GET", "/channels/c/presence", "presence"),
        ("GET", "/channels/c/presence/history", "history"),
        ("GET", "/channels/c", "channel-metadata"),
    ],
)
def test_each_address_needs_its_right_and_some_credentials(world, http, method, path, operation):
    body = {"data": "x"} if method == "POST" else None
    allowed = world.service.add_key(world.app, {"c": [operation]}).api_key
    other = world.service.add_key(world.app, {"c": ["push-admin"], "d": [operation]}).api_key
    http(method, path, body, key=allowed, status=201 if method == "POST" else 200)
    assert http.refused(method, path, body, key=other, status=401) == 40160
    assert http.refused(method, path, body, key=False, status=401) == 40101
    assert http.refused(method, path.replace("ls/c", "ls/:c"), body, status=400) == 40010


@pytest.mark.parametrize(
    "params",
    [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"limit": "-1"}, {"start": "2", "end": "1"}, {"direction": "up"}, {"cursor": "gone"}, {"start": "9" * 30}],
)  # fmt: skip
def test_a_page_that_can_not_be_is_refused(http, params):
    http("POST", "/channels/c/messages", {"data": "x"}, status=201)
    assert http.refused("GET", "/channels/c/messages", status=400, **params) == 40003


@pytest.mark.parametrize(
    ("body", "code"), [([], 40000), (5, 40000), ([5], 40000), ({"name": 5}, 40000), ({"data": 5}, 40013)]
)
def test_what_is_no_message_is_refused(http, body, code):
    assert http.refused("POST", "/channels/c/messages", body, status=400) == code


def test_a_client_id_in_a_header_is_whom_one_publishes_as(http):
    http("POST", "/channels/c/messages", {"data": "x"}, headers={"X-Ably-ClientId": b64("me")}, status=201)
    assert http("GET", "/channels/c/messages")[0]["clientId"] == "me"
    assert (
        http.refused(
            "POST", "/channels/c/messages", {"data": "x"}, headers={"X-Ably-ClientId": "!"}, status=400
        )
        == 40012
    )


def test_a_publish_can_be_refused_on_purpose(http):
    assert http.refused("POST", "/channels/c/messages", {"data": "x"}, status=400, _forceNack="true") == 40099
    assert http("GET", "/channels/c/messages") == []


def test_who_may_be_anyone_may_say_so(http):
    http("POST", "/channels/c/messages", {"data": "x"}, headers={"X-Ably-ClientId": b64("*")}, status=201)
    assert "clientId" not in http("GET", "/channels/c/messages")[0]


def test_of_an_app_that_is_not_here_nothing_is_here(http):
    assert http.refused("GET", "/keys/no.such/requestToken", key=False, status=404) == 40400
    assert http.refused("PUT", f"/keys/{http.world.key.name}/requestToken", {}, status=405) == 40500


def test_errors_are_in_headers_too_and_browsers_may_ask(world):
    client = TestClient(rest_app(world.service), base_url="https://ably.test")
    answer = client.get("/channels/c/messages")
    assert answer.headers["X-Ably-ErrorCode"] == "40101"
    assert answer.headers["X-Ably-ErrorMessage"].startswith("No authentication")
    assert client.get("/nothing").headers["X-Ably-ErrorCode"] == "40400"
    assert client.delete("/time").headers["X-Ably-ErrorCode"] == "40500"
    preflight = client.options("/channels/c/messages", headers={"Origin": "https://x"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "*"


def test_a_key_is_sent_over_tls_or_not_at_all(world):
    client = TestClient(rest_app(world.service), base_url="http://ably.test")
    assert client.get("/channels/c", params={"key": world.key.reveal()}).json()["error"]["code"] == 40103
    token = jwt(world.key)
    assert client.get("/channels/c", params={"accessToken": token}).status_code == 200
