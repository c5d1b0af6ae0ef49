"""What comes before every endpoint, asked over HTTP and with WebSockets."""

import asyncio
import http.client
import json
import socket

import pytest
from starlette.testclient import TestClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ablykit.machine.browsers import Door
from ablykit.server.rest import guard
from ablykit.server.rest.routes import rest_app
from tests.server.fuzz_http import ask
from tests.server.odd_requests import Asked
from tests.server.over_http import PAGE, b64


@pytest.fixture
def make_client(world):
    def make(**door):
        return TestClient(rest_app(world.service, Door(**door)), base_url="https://localhost")

    return make


def refusal(answer):
    assert answer.status_code == 403
    assert answer.headers["X-Ably-ErrorCode"] == "40300"
    error = answer.json()["error"]
    assert (error["code"], error["statusCode"]) == (40300, 403)
    assert error["message"].startswith(answer.headers["X-Ably-ErrorMessage"][:40])
    return error["message"]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_a_foreign_origin_is_refused_and_may_not_read_why(make_client, method, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = make_client().request(method, "/time", headers=headers)
    assert "--allow-origin" in refusal(answer)
    assert "access-control-allow-origin" not in answer.headers


def test_in_a_sandbox_a_foreign_page_gets_no_key(world, make_client):
    world.service.sandbox = True
    client, before = make_client(), len(world.service.apps)
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        answer = client.post("/apps", content="{}", headers={"Content-Type": "text/plain", **headers})
        assert "keySecret" not in refusal(answer) + answer.text
    assert len(world.service.apps) == before
    assert client.post("/apps", content="{}", headers={"Origin": PAGE}).status_code == 201


def test_a_host_that_is_not_ours_is_refused_and_a_local_page_may_read_why(make_client):
    answer = make_client().get("/time", headers={"Host": "box.lan:80", "Origin": PAGE})
    assert "--allow-host box.lan" in refusal(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


def test_hosts_and_origins_that_are_allowed_are_served(make_client):
    client = make_client(allow_hosts=["box.lan"], allow_origins=["https://app.example"])
    answer = client.get("/time", headers={"Host": "box.lan:80", "Origin": "https://app.example"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"


def test_the_preflight_names_authorization(make_client):
    answer = make_client().options(
        "/channels/c/messages",
        headers={
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-ably-version,x-own",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    named = answer.headers["Access-Control-Allow-Headers"].split(",")
    assert {"authorization", "x-ably-version", "x-own"} <= {name.strip() for name in named}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert method in answer.headers["Access-Control-Allow-Methods"]


def test_a_preflight_is_refused_in_words(make_client):
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "TRACE"}
    answer = make_client().options("/channels/c/messages", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["X-Ably-ErrorCode"] == "40000"
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    error = answer.json()["error"]
    assert (error["code"], error["statusCode"]) == (40000, 400)
    assert "Disallowed CORS method" in error["message"]


def test_a_client_that_leaves_is_no_failure_of_the_service(world, caplog):
    """Half of its request has come, and no more will."""
    basic = ("authorization", f"Basic {b64(world.key.reveal())}")
    asked = Asked("POST", "/channels/c/messages", "", [("host", "localhost"), basic], [b'{"da'], whole=False)
    answer = asyncio.run(ask(rest_app(world.service), asked))
    assert (answer.status, answer.read()["error"]["code"]) == (400, 40000)
    assert not caplog.records
    assert "c" not in world.app.channels


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/time", 200), ("GET", "/nothing", 404), ("DELETE", "/time", 405), ("GET", "/stats", 401)],
)
def test_a_page_may_read_answers_of_every_kind(make_client, method, path, status):
    answer = make_client().request(method, path, headers={"Origin": PAGE})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "X-Ably-ErrorCode" in answer.headers["Access-Control-Expose-Headers"]
    assert ("X-Ably-ErrorCode" in answer.headers) == (status != 200)


# -- over sockets


def asked(ably, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", ably.port, timeout=10)
    connection.putrequest("GET", "/time", skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_over_a_socket_the_host_must_be_ours(ably):
    assert asked(ably, Host=f"localhost:{ably.port}")[0] == 200
    status, body = asked(ably, Host="evil.example")
    assert status == 403
    assert b"--allow-host evil.example" in body
    assert asked(ably)[0] in (400, 403), "a request without a Host"


@pytest.mark.parametrize(
    ("headers", "option"),
    [({"Origin": "https://evil.example"}, "--allow-origin"), ({"Host": "evil.example"}, "--allow-host"), ({"Origin": "null"}, "--allow-origin")],
)  # fmt: skip
def test_a_websocket_of_a_foreign_page_is_refused(ably, headers, option):
    with pytest.raises(InvalidStatus) as caught, upgraded(ably, headers):
        pass
    answer = caught.value.response
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/json"
    error = json.loads(answer.body)["error"]
    assert error["code"] == 40300
    assert option in error["message"]
    assert ably.call(lambda: len(ably._running.sockets)) == 0


def test_a_websocket_of_an_allowed_page_is_opened(local):
    ably = local(allow_hosts=["box.lan"], allow_origins=["https://app.example"])
    for headers in ({"Origin": PAGE}, {"Host": "box.lan", "Origin": "https://app.example"}):
        with upgraded(ably, headers) as ws:
            assert json.loads(ws.recv(timeout=10))["action"] == 9


def upgraded(ably, headers):
    """A WebSocket whose URL names one host, on a socket to this machine: what DNS rebinding comes to."""
    host, others = headers.get("Host", "127.0.0.1"), {k: v for k, v in headers.items() if k != "Host"}
    raw = socket.create_connection(("127.0.0.1", ably.port), timeout=10)
    return connect(f"ws://{host}:{ably.port}", sock=raw, additional_headers=others)


# -- bodies


def test_a_body_that_is_too_long_is_refused_before_it_is_sent(ably):
    connection = http.client.HTTPConnection("127.0.0.1", ably.port, timeout=10)
    connection.putrequest("POST", "/channels/c/messages")
    connection.putheader("Content-Length", "300000000")
    connection.endheaders()
    answer = connection.getresponse()
    error = json.loads(answer.read())["error"]
    connection.close()
    assert (answer.status, error["code"]) == (413, 40009)


def test_a_body_that_does_not_say_its_length_is_refused_as_it_arrives(world, make_client):
    taken = []

    def chunks():
        for _ in range(300):
            taken.append(1)
            yield b" " * 65_536

    world.service.sandbox = True
    answer = make_client().post("/apps", content=chunks(), headers={"Origin": PAGE})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == 40009
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


def test_bodies_that_arrive_at_once_are_bounded_together(world, make_client, monkeypatch):
    monkeypatch.setattr(guard, "MOST_ARRIVING", 100)
    world.service.sandbox = True
    client = make_client()
    answer = client.post("/apps", content=b" " * 101)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, 50004)
    assert client.post("/apps", content=b"{}").status_code == 201, "what was refused is no longer counted"
