"""One request over HTTP: stars are filled in, an embedded Ably is trusted, and what fails says why."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import ablykit
from ablykit.wire import WireError, fetch


@pytest.fixture
def elsewhere():
    """A server that is no Ably; `says` is what it answers."""
    said = {"status": 200, "body": b"<html>"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(said["status"])
            self.send_header("Content-Length", str(said.get("length", len(said["body"]))))
            self.end_headers()
            self.wfile.write(said["body"])

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        said["url"] = f"http://127.0.0.1:{server.server_port}/"
        yield said
        server.shutdown()
        thread.join()


def https(ably, path):
    return f"{ably.tls_url.replace('wss:', 'https:')}{path}"


def test_it_returns_status_headers_and_body(ably):
    answer = fetch(https(ably, f"/channels/chat/messages?key={ably.key}"))
    assert (answer.status, answer.body) == (200, [])
    assert 'rel="first"' in answer.headers["Link"]
    assert repr(answer) == "Answer(status=200, body=[])"


def test_without_tls_the_time_is_there_for_anybody(ably):
    answer = ablykit.fetch(f"{ably.url.replace('ws:', 'http:')}/time")
    assert isinstance(answer.body[0], int)


def test_a_refusal_is_an_answer(ably):
    answer = fetch(https(ably, "/channels/chat/messages"))
    assert answer.status == 401
    assert answer.body["error"]["code"] == 40101


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(ably, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "example.com")
    assert fetch(https(ably, "/time")).status == 200


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("wss://127.0.0.1/time", "Not an HTTP URL: wss://127.0.0.1/time. It must start with https://"),
        ("file:///etc/passwd", "Not an HTTP URL"),
        (
            "https://127.0.0.1:1/?key=app.key:secretsecret",
            "Nothing answers at https://127.0.0.1:1/?key=app.key:****",
        ),
    ],
)
def test_what_can_not_be_asked_says_why(url, says):
    with pytest.raises(WireError) as caught:
        fetch(url)
    assert says in str(caught.value)
    assert "secretsecret" not in str(caught.value)


def test_an_unknown_certificate_is_not_trusted(ably, monkeypatch):
    monkeypatch.setattr("ablykit.machine.runtime.find", lambda url: None)
    with pytest.raises(WireError, match="is not trusted"):
        fetch(https(ably, "/time"))
    assert fetch(https(ably, "/time"), ca_file=ably.ca_file).status == 200


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_not_json_is_said_not_to_be(elsewhere, status):
    elsewhere["status"] = status
    with pytest.raises(WireError, match=r"answers, but not in JSON\. Is this an Ably\?"):
        fetch(elsewhere["url"])


def test_any_json_will_do(elsewhere):
    elsewhere["body"] = json.dumps({"a": 1}).encode()
    assert fetch(elsewhere["url"]).body == {"a": 1}


def test_half_an_answer_is_none(elsewhere):
    elsewhere["length"] = 100
    with pytest.raises(WireError, match="Nothing answers at"):
        fetch(elsewhere["url"])


def test_a_body_is_posted_as_json(ably):
    answer = fetch(https(ably, f"/channels/c/messages?key={ably.key}"), {"name": "n", "data": "posted"})
    assert answer.status == 201
    assert ably.published("c")[0]["data"] == "posted"
    assert fetch(https(ably, f"/channels/c/messages?key={ably.key}"), []).status == 400
