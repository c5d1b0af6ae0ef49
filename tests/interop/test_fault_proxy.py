"""The stand-in for the proxy of Ably's newer suites makes the faults that they ask for."""

import json

import httpx
import pytest
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from ablykit.server import LocalAbly
from tests.interop.fault_proxy import Proxy

DETACHED = {"action": 13, "channel": "c"}


class Control:
    """A session of the proxy, and the key to use through it."""

    def __init__(self, proxy, key, *rules):
        made = proxy.post("/sessions", json={"rules": rules}).json()
        self._proxy, self._path, self._port = proxy, f"/sessions/{made['sessionId']}", made["proxy"]["port"]
        self._key = key

    def connect(self):
        return connect(f"ws://127.0.0.1:{self._port}/?v=5&key={self._key}")

    def get(self, path):
        return httpx.get(f"http://127.0.0.1:{self._port}{path}?x=1", timeout=10)

    def log(self, kind):
        return [
            each for each in self._proxy.get(f"{self._path}/log").json()["events"] if each["type"] == kind
        ]

    def post(self, what, **body):
        self._proxy.post(f"{self._path}/{what}", json=body).raise_for_status()

    def end(self):
        self._proxy.delete(self._path).raise_for_status()


@pytest.fixture
def session():
    with (
        LocalAbly(sandbox=True) as ably,
        TestClient(Proxy("127.0.0.1", f"127.0.0.1:{ably.port}").app) as proxy,
    ):
        assert proxy.get("/health").status_code == 200
        made = []

        def opened(*rules):
            made.append(Control(proxy, ably.key.reveal(), *rules))
            return made[-1]

        yield opened
        for each in made:
            each.end()


def rule(kind, then, times=None, **match):
    return {"match": {"type": kind, **match}, "action": then, **({"times": times} if times else {})}


def receive(socket):
    return json.loads(socket.recv(timeout=10))


def attach(socket, channel="c"):
    socket.send(json.dumps({"action": 10, "channel": channel}))


def test_what_no_rule_matches_is_passed_on_and_logged(session):
    proxy = session()
    with proxy.connect() as socket:
        assert receive(socket)["action"] == 4
        attach(socket)
        assert receive(socket)["action"] == 11
    (connected,) = proxy.log("ws_connect")
    assert connected["queryParams"]["v"] == "5"
    frames = [(each["direction"], each["message"]["action"]) for each in proxy.log("ws_frame")]
    assert frames == [("server_to_client", 4), ("client_to_server", 10), ("server_to_client", 11)]
    assert proxy.get("/time").status_code == 200
    assert [each["path"] for each in proxy.log("http_request")] == ["/time"]


def test_a_connection_is_refused_as_often_as_its_rule_says(session):
    proxy = session(rule("ws_connect", {"type": "refuse_connection"}, times=1))
    with pytest.raises(InvalidStatus):
        proxy.connect()
    with proxy.connect() as socket:
        assert receive(socket)["action"] == 4


def test_frames_are_replaced_and_suppressed_by_action_channel_and_number(session):
    proxy = session(
        rule("ws_frame_to_client", {"type": "replace", "message": DETACHED}, action="ATTACHED", count=2)
    )
    proxy.post("rules", position="prepend", rules=[
        rule("ws_frame_to_server", {"type": "suppress"}, action="ATTACH", channel="lost"),
    ])  # fmt: skip
    with proxy.connect() as socket:
        receive(socket)
        for channel in ("lost", "first", "second"):
            attach(socket, channel)
        assert receive(socket)["channel"] == "first"
        assert receive(socket) == DETACHED
    assert [bool(each["ruleMatched"]) for each in proxy.log("ws_frame")].count(True) == 2


def test_a_frame_is_sent_to_the_client_at_once_and_a_connection_ended(session):
    proxy = session()
    with proxy.connect() as socket:
        receive(socket)
        proxy.post("actions", type="inject_to_client", message=DETACHED)
        assert receive(socket) == DETACHED
        proxy.post("actions", type="inject_to_client_and_close", message=DETACHED, closeCode=1000)
        assert receive(socket) == DETACHED
        with pytest.raises(ConnectionClosedOK):
            receive(socket)


def test_a_connection_ends_some_time_after_it_began(session):
    proxy = session(rule("delay_after_ws_connect", {"type": "close"}, times=1, delayMs=1))
    proxy.post("rules", position="append", rules=[])
    with proxy.connect() as socket, pytest.raises(ConnectionClosedError):
        list(socket)


def test_requests_are_answered_delayed_and_dropped(session):
    refusal = {"type": "http_respond", "status": 503, "body": {"a": 1}, "headers": {"Server": "CloudFront"}}
    proxy = session(
        rule("http_request", refusal, times=1, method="GET", pathContains="/ti"),
        rule("http_request", {"type": "http_delay", "delayMs": 1}, times=1),
        rule("http_request", {"type": "http_drop"}),
    )
    refused = proxy.get("/time")
    assert (refused.status_code, refused.json()) == (503, {"a": 1})
    assert "CloudFront" in refused.headers.get_list("server")
    assert proxy.get("/time").json()[0] > 0
    with pytest.raises(httpx.RemoteProtocolError):
        proxy.get("/time")
    assert [each["status"] for each in proxy.log("http_response")] == [503, 200]
