"""What is beside channels and keys on the HTTP side."""

import asyncio
from urllib.parse import quote

import httpx
from starlette.testclient import TestClient

from ablykit.server.common.sources import ARTICLE_DAY, Clock
from ablykit.server.rest.routes import rest_app, time_between
from tests.server.over_http import b64


def test_errors_are_in_headers_too(world):
    client = TestClient(rest_app(world.service), base_url="https://localhost")
    answer = client.get("/channels/c/messages")
    assert answer.headers["X-Ably-ErrorCode"] == "40101"
    assert answer.headers["X-Ably-ErrorMessage"].startswith("No authentication")
    assert client.get("/nothing").headers["X-Ably-ErrorCode"] == "40400"
    assert client.delete("/time").headers["X-Ably-ErrorCode"] == "40500"


def test_of_an_app_that_is_not_here_nothing_is_here(http):
    assert http.refused("GET", "/keys/no.such/requestToken", key=False, status=404) == 40400
    assert http.refused("PUT", f"/keys/{http.world.key.name}/requestToken", {}, status=405) == 40500


def test_an_escaped_slash_is_part_of_a_name(http):
    """A channel may be called as an address ends."""
    for name in ("a/messages", "a/presence", "a/history", "a/messages/x", "a/%2F"):
        address = f"/channels/{quote(name, safe='')}"
        assert http("POST", f"{address}/messages", {"data": name}, status=201)["channel"] == name
        assert [message["data"] for message in http("GET", f"{address}/messages")] == [name]
        assert http("GET", address)["channelId"] == name
    assert http("GET", "/channels/a/messages") == []
    assert http("GET", "/channels/a%2fmessages")["channelId"] == "a/messages", "in small letters too"
    assert http.refused("GET", "/channels/a/messages/b%2Fc", status=404) == 40400
    assert http("GET", "/channels/a/b")["channelId"] == "a/b", "as it may be written where it is clear"


def test_nobody_is_sent_on_to_an_address_without_a_slash(http):
    """The redirect would repeat the key."""
    assert http.refused("GET", "/time/", key=False, status=404) == 40400


def test_the_time_needs_no_credentials(http):
    assert http("GET", "/time", key=False) == [ARTICLE_DAY], "of a seeded service it is always the same"


def test_the_time_is_no_other_stamp():
    for _ in range(10):
        clock = Clock(None)
        before = clock.now()
        assert before < asyncio.run(time_between(clock)) < clock.now()


def test_the_time_stands_between_what_was_published_before_and_after_it(local):
    """Within one millisecond, as no client over a network could."""
    ably = local(sandbox=True)  # so that the key is taken without TLS, which is slower
    base = f"http://{ably.address}:{ably.port}"
    with httpx.Client(base_url=base, auth=tuple(ably.key.reveal().split(":"))) as client:

        def publish(data):
            client.post("/channels/c/messages", json={"data": data}).raise_for_status()

        for _ in range(100):
            publish("before")
            start = client.get("/time").json()[0]
            publish("between")
            end = client.get("/time").json()[0]
            publish("after")
            found = client.get("/channels/c/messages", params={"start": start, "end": end}).json()
            assert [message["data"] for message in found] == ["between"]


def test_what_fails_within_is_told_as_a_failure_and_no_more(world, http, monkeypatch, caplog):
    monkeypatch.setattr(world.service, "key_of", lambda text: {}[f"?key={text}"])
    assert http.refused("GET", "/channels/c", status=500) == 50000
    assert http("GET", "/time", key=False), "the service goes on"
    assert "GET /channels/c failed" in caplog.text
    assert "in by_key" in caplog.text, "with its traceback"
    assert world.key.secret not in caplog.text


def test_requests_are_counted_and_told(world, http):
    http("GET", "/channels/c")
    http.refused("GET", "/channels/:x", status=400)
    (minute,) = world.app.stats.intervals("minute", 0, 10**15)
    assert (
        minute["entries"]["apiRequests.other.succeeded"],
        minute["entries"]["apiRequests.other.failed"],
    ) == (1, 1)


def test_apps_are_made_and_ended_in_a_sandbox_only(http):
    assert http.refused("POST", "/apps", {}, key=False, status=404) == 40400
    assert http.refused("DELETE", f"/apps/{http.world.app.id}", status=404) == 40400
    http.world.service.sandbox = True
    app = http("POST", "/apps", {}, key=False, status=201)
    assert http.refused("DELETE", f"/apps/{app['appId']}", status=401) == 40100
    basic = {"Authorization": f"Basic {b64(app['keys'][0]['keyStr'])}"}
    assert http._client.delete(f"/apps/{app['appId']}", headers=basic).status_code == 204
