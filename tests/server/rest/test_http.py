"""What all HTTP endpoints share."""

import pytest
from starlette.testclient import TestClient

from ablykit.protocol.tokens import jwt
from ablykit.server.rest.routes import rest_app
from tests.server.over_http import MSGPACK, Http, b64


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


@pytest.mark.parametrize("name", ["accessToken", "access_token"])
def test_links_repeat_no_token(world, http, name):
    http("GET", "/channels/c/messages", key=False, limit="3", **{name: jwt(world.key)})
    assert http.links["current"] == "./messages?limit=3"


def test_pages_lead_on_whatever_the_channel_is_called(http):
    for channel in ("a%3Fb", "a%23b", "%C3%A9", "a%2Fmessages"):
        for n in range(2):
            http("POST", f"/channels/{channel}/messages", {"data": str(n)}, status=201)
        http("GET", f"/channels/{channel}/messages", limit="1")
        rest = http("GET", f"/channels/{channel}/{http.links['next'].removeprefix('./')}")
        assert [message["data"] for message in rest] == ["0"]


@pytest.mark.parametrize(
    "params",
    [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"limit": "-1"}, {"start": "2", "end": "1"}, {"direction": "up"}, {"cursor": "gone"}, {"start": "9" * 30}],
)  # fmt: skip
def test_a_page_that_can_not_be_is_refused(http, params):
    http("POST", "/channels/c/messages", {"data": "x"}, status=201)
    assert http.refused("GET", "/channels/c/messages", status=400, **params) == 40003


def test_a_client_id_in_a_header_is_whom_one_publishes_as(http):
    http("POST", "/channels/c/messages", {"data": "x"}, headers={"X-Ably-ClientId": b64("me")}, status=201)
    assert http("GET", "/channels/c/messages")[0]["clientId"] == "me"
    assert (
        http.refused(
            "POST", "/channels/c/messages", {"data": "x"}, headers={"X-Ably-ClientId": "!"}, status=400
        )
        == 40012
    )


def test_who_may_be_anyone_may_say_so(http):
    http("POST", "/channels/c/messages", {"data": "x"}, headers={"X-Ably-ClientId": b64("*")}, status=201)
    assert "clientId" not in http("GET", "/channels/c/messages")[0]


def test_binary_is_base64_in_json_and_bare_in_messagepack(world):
    text, binary = Http(world), Http(world, "msgpack")
    binary("POST", "/channels/c/messages", {"data": b"\x00\x01"}, status=201)
    text("POST", "/channels/c/messages", {"data": "AAI=", "encoding": "base64"}, status=201)
    assert [m["data"] for m in binary("GET", "/channels/c/messages")] == [b"\x00\x02", b"\x00\x01"]
    assert [(m["data"], m["encoding"]) for m in text("GET", "/channels/c/messages")] == [
        ("AAI=", "base64"),
        ("AAE=", "base64"),
    ]


def test_a_key_is_sent_over_tls_or_not_at_all(world):
    client = TestClient(rest_app(world.service), base_url="http://localhost")
    assert client.get("/channels/c", params={"key": world.key.reveal()}).json()["error"]["code"] == 40103
    token = jwt(world.key)
    assert client.get("/channels/c", params={"accessToken": token}).status_code == 200


def test_a_body_that_can_not_be_read_or_is_no_object_is_refused(http):
    path = f"/keys/{http.world.key.name}/requestToken"
    assert http.refused("POST", path, [], status=400) == 40001
    answer = http._client.post(path, content=b"\xc1", headers={"Accept": "application/json"})
    assert answer.json()["error"]["code"] == 40001


def test_no_credentials_and_a_key_in_the_query(world):
    client = TestClient(rest_app(world.service), base_url="https://localhost")
    assert client.get("/channels/c").json()["error"]["code"] == 40101
    assert client.get("/channels/c", params={"key": world.key.reveal()}).status_code == 200


def test_of_several_channels_each_has_its_result_or_its_error(world, http):
    key = world.service.add_key(world.app, {"a": ["presence"]}).api_key
    said = http("GET", "/presence", key=key, channels="a,b")
    assert (said["successCount"], said["failureCount"]) == (1, 1)
    assert said["results"][1] == {"channel": "b", "error": said["results"][1]["error"]}
    assert world.service.denials.find(said["results"][1]).resource == "b"


@pytest.mark.parametrize(
    ("version", "told"), [("2", "list"), ("5", "dict"), ("1.2", "list"), ("newest", "dict"), ("", "dict")]
)
def test_a_request_says_which_version_it_speaks(http, version, told):
    spec = {"channels": ["a"], "messages": [{"data": "x"}]}
    said = http("POST", "/messages", spec, headers={"X-Ably-Version": version}, status=201)
    assert type(said).__name__ == told


@pytest.mark.parametrize(("version", "media"), [("1.2", "application/json"), ("2", MSGPACK), ("5", MSGPACK)])
def test_before_version_2_errors_are_json_in_whatever_format_the_rest_is(world, version, media):
    client = TestClient(rest_app(world.service), base_url="https://localhost")
    headers = {"Accept": MSGPACK, "X-Ably-Version": version}
    answer = client.get("/channels/c/messages", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, media)
    assert client.get("/time", headers=headers).headers["content-type"] == MSGPACK


def test_a_time_may_be_a_name_where_names_are_known(world):
    http = Http(world)
    assert http("GET", "/stats", start="2024-01", end="2024-02") == []
    assert http.refused("GET", "/channels/c/messages", status=400, start="2024-01") == 40003
    assert http.refused("GET", "/stats", status=400, start="2024-02", end="2024-01") == 40003
