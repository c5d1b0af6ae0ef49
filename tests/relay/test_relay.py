"""Between a client and an Ably: all passes, all is written down."""

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest

from ablykit import wire
from ablykit.machine import runtime
from ablykit.record import lint
from ablykit.relay.relay import Relay
from tests.foreign import ConnectionClosed, connect
from tests.relay.lab import SECOND, beat, beats, until


@pytest.fixture
def relay(ably):
    with Relay(ably.tls_url) as relay:
        yield relay


def test_frames_pass_both_ways_as_they_are_and_are_written_down(ably, relay):
    for base in (relay.url, relay.tls_url):
        with wire.connect(f"{base}?key={ably.key}&v=5&heartbeats=false") as conn:
            conn.recv("CONNECTED")
            conn.send("junk", {"action": 10, "channel": "c"})
            conn.recv("ATTACHED")
        name = "client 1" if base == relay.url else "client 2"
        passed = [entry for entry in relay.transcript if entry.connection == name]
        assert passed[0].raw.startswith(f"{ably.tls_url}/?key={ably.key}")
        for direction in ("out", "in"):
            assert frames(passed, direction) == frames(conn.transcript, direction)
    assert not [f for f in lint(relay.transcript) if f.rule.side == "service"]


def frames(entries, direction):
    return [entry.raw for entry in entries if entry.kind == "frame" and entry.direction == direction]


def test_binary_frames_stay_binary(ably, relay):
    with wire.connect(f"{relay.tls_url}?key={ably.key}&format=msgpack") as conn:
        assert isinstance(conn.recv().raw, bytes)
        conn.send({"action": 0, "id": "x"})
        assert conn.recv("HEARTBEAT")["id"] == "x"


def test_the_end_passes_with_its_code(ably, relay):
    with wire.connect(relay.tls_url) as conn:
        assert conn.recv()["error"]["code"] == 40101
        assert conn.wait_closed() == wire.Closed(1000, "40101")
    foreign = connect(f"{relay.url}/?key={ably.key.reveal()}")
    json.loads(foreign.recv())
    ably.disconnect_all()
    with pytest.raises(ConnectionClosed):
        foreign.recv()
    assert foreign.close_code == 1006, "a cut passes as a cut"


@pytest.mark.parametrize(("sent", "said"), [(None, "1005"), (1000, "1000"), (4321, "4321 bye")])
def test_a_client_that_closes_at_once_gets_what_was_answered_and_its_code_is_written_down(
    ably, relay, sent, said
):
    closing = [] if sent is None else [sent, "bye" if sent == 4321 else ""]
    for _ in range(5):
        foreign = connect(f"{relay.url}/?key={ably.key.reveal()}")
        foreign.recv()
        foreign.send_and_close('{"action":7}', *closing)
        assert json.loads(foreign.recv())["action"] == 8
        foreign.close()
    wait_for(lambda: len(talks(relay)) == 5)
    for talk in talks(relay):
        assert [entry.action for entry in talk] == [
            "WebSocket open", "CONNECTED", "CLOSE", "CLOSED", "WebSocket close",
        ]  # fmt: skip
        assert talk[-1].raw == said


def talks(relay):
    """What passed of each connection that has ended."""
    found = {}
    for entry in relay.transcript:
        found.setdefault(entry.connection, []).append(entry)
    return [talk for talk in found.values() if talk[-1].kind == "close"]


def wait_for(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_stars_that_come_in_over_a_socket_are_not_filled_in(ably, relay, secure):
    """Any web page can open a WebSocket to the relay, and a key's name is no secret."""
    base = relay.tls_url if secure else relay.url
    context = ssl.create_default_context(cafile=relay.ca_file) if secure else None
    with connect(f"{base}/?key={ably.key}", ssl=context) as foreign:
        assert json.loads(foreign.recv())["error"]["code"] == 40101
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{base.replace('ws', 'http')}/channels/c?key={ably.key}", context=context)
    assert refused.value.code == 401


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Host: evil.example", "does not know the host name 'evil.example'"),
        ("Host: 127.0.0.1\r\nOrigin: https://evil.example", "Web pages of the origin 'https://evil.example'"),
        ("Host: 127.0.0.1\r\nORIGIN: null", "Web pages of the origin 'null'"),
    ],
)
@pytest.mark.parametrize("more", ["", "Upgrade: websocket\r\n"], ids=["http", "websocket"])
def test_pages_of_other_sites_are_refused_and_told_how_to_be_let_in(relay, header, said, more):
    answer = ask(relay, f"GET /time HTTP/1.1\r\n{header}\r\n{more}\r\n".encode()).decode()
    assert answer.startswith("HTTP/1.1 403 ")
    assert said in answer
    assert len(relay.transcript) == 0


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Host: 127.0.0.1\r\nORIGIN :null", "illegal header line"),
        ("X: y", "Missing mandatory Host"),
        ("Host: 127.0.0.1\r\nHost: 127.0.0.1", "multiple Host"),
    ],
)
@pytest.mark.parametrize("more", ["", "Upgrade: websocket\r\n"], ids=["http", "websocket"])
def test_a_page_is_not_let_in_by_a_head_that_is_malformed(relay, header, said, more):
    answer = ask(relay, f"GET /time HTTP/1.1\r\n{header}\r\n{more}\r\n".encode()).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert said in answer
    assert len(relay.transcript) == 0


def test_pages_and_names_that_are_allowed_reach_the_service(local):
    ably = local(allow_origins=["https://app.example"])
    head = (
        b"GET /time HTTP/1.1\r\nHost: box.lan:%d\r\nOrigin: https://app.example\r\nConnection: close\r\n\r\n"
    )
    with Relay(ably.url, allow_hosts=["box.lan"], allow_origins=["https://app.example"]) as relay:
        assert ask(relay, head % relay.port).startswith(b"HTTP/1.1 200 ")


def test_on_every_address_it_is_reached_by_one_of_them(ably):
    with (
        Relay(ably.tls_url, host="0.0.0.0") as relay,
        wire.connect(f"{relay.tls_url}?key={ably.key}") as conn,
    ):
        assert relay.tls_url == f"wss://127.0.0.1:{relay.tls_port}"
        assert conn.recv()["action"] == 4


def test_a_users_own_client_fills_them_in_also_from_another_process(ably, relay):
    with wire.connect(f"{relay.tls_url}?key={ably.key}") as conn:
        assert conn.recv()["action"] == 4
    typed = subprocess.run(
        [sys.executable, "-m", "ablykit", "connect", f"{relay.tls_url}/?key={ably.key}"],
        input="", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert [json.loads(line)["action"] for line in typed.stdout.splitlines()] == [4, 8]


def test_a_service_that_refuses_the_upgrade_is_heard():
    with (
        Answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlate") as service,
        Relay(service.url) as relay,
    ):
        with pytest.raises(wire.WireError, match="503"):
            wire.connect(relay.url)
        wait_for(lambda: talks(relay))
        assert relay.transcript[-1].raw == "1006 HTTP/1.1 503 Busy"


def test_a_service_that_hangs_up_ends_the_client_and_is_told():
    with Answering(b"") as service, Relay(service.url) as relay, wire.connect(relay.url) as conn:
        assert conn.wait_closed().code == 1014


def test_a_service_that_is_none_ends_the_client_and_is_told():
    with (
        Answering(b"SSH-2.0-x\r\n\r\n") as service,
        Relay(service.url) as relay,
        wire.connect(relay.url) as conn,
    ):
        closed = conn.wait_closed()
        assert (closed.code, closed.reason) == (
            1014,
            "The service does not answer in HTTP/1.1: illegal status line",
        )


def test_a_bad_request_for_a_websocket_is_refused_also_when_nothing_answers(caplog):
    with Relay("ws://127.0.0.1:1") as relay:
        asked = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        assert ask(relay, asked).startswith(b"HTTP/1.1 400 ")
        wait_for(lambda: talks(relay))
        assert relay.transcript[-1].raw.startswith("1014 Nothing answers")
    assert caplog.text == ""


def test_the_clients_own_headers_pass_and_compression_is_not_offered():
    asked = b"GET /?v=5 HTTP/1.1\r\nHost: localhost\r\nAbly-Agent: ably-js/2\r\nUpgrade: websocket\r\nConnection: x\r\n"
    with Answering(b"HTTP/1.1 400 No\r\n\r\n") as service, Relay(service.url) as relay:
        assert ask(relay, asked + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").startswith(
            b"HTTP/1.1 400"
        )
        head = service.asked.decode().split("\r\n")
    assert head[0] == "GET /?v=5 HTTP/1.1"
    assert sorted(head[1:-2]) == [
        "Ably-Agent: ably-js/2", "Connection: Upgrade", f"Host: {service.url[5:]}", "Upgrade: websocket",
    ]  # fmt: skip


class Answering:
    """A service that gives one answer to whatever it is asked, and hangs up."""

    def __init__(self, answer):
        self._answer, self._listening = answer, socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(10)
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with self._listening.accept()[0] as sock:
            self.asked = sock.recv(65536)
            sock.sendall(self._answer)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._thread.join()
        self._listening.close()


def ask(relay, said, *, ends=False):
    """What a socket is answered that says this, and perhaps that it will say no more."""
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as sock:
        sock.sendall(said)
        if ends:
            sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.usefixtures("no_leftovers")
def test_it_refuses_what_it_can_not_do_and_leaves_nothing():
    for wrong in ("http://x", "nonsense", "ws:///"):
        with pytest.raises(ValueError, match="forwards to ws://HOST or wss://HOST"):
            Relay(wrong)
    with pytest.raises(ValueError, match=r"Give it wss://x in place of wss://x/\?key=a\.b:\*{4}$"):
        Relay("wss://x/?key=a.b:secret")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            Relay("ws://127.0.0.1:1", port=taken.getsockname()[1])


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_http_passes_too(ably, relay, secure):
    context = ssl.create_default_context(cafile=relay.ca_file)
    base = relay.tls_url.replace("wss", "https") if secure else relay.url.replace("ws", "http")
    for _ in range(2):
        with urllib.request.urlopen(
            f"{base}/time", context=context if secure else None, timeout=10
        ) as answer:
            (now,) = json.load(answer)
            assert now > 1_600_000_000_000
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(
            f"{base}/nothing", b"x" * 200_000, context=context if secure else None, timeout=10
        )
    assert refused.value.code == 404
    assert refused.value.headers["X-Ably-ErrorCode"] == "40400"
    assert len(relay.transcript) == 0


def test_one_connection_serves_several_requests(ably, relay):
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/time")
        answer = connection.getresponse()
        assert answer.status == 200
        assert len(json.load(answer)) == 1
        assert not answer.will_close
    connection.close()


def test_the_systems_certificates_are_read_once(monkeypatch):
    made, make = [], ssl.create_default_context
    monkeypatch.setattr(
        ssl, "create_default_context", lambda *args, **options: made.append(1) or make(*args, **options)
    )
    with Relay("wss://127.0.0.1:1") as relay:
        for _ in range(2):
            assert ask(relay, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").startswith(
                b"HTTP/1.1 502 "
            )
    assert len(made) == 1


def test_http_to_a_target_that_is_not_there_is_told():
    with Relay("ws://127.0.0.1:1") as relay, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{relay.url.replace('ws', 'http')}/time", timeout=10)
    assert refused.value.code == 502
    assert b"Nothing answers" in refused.value.read()


def test_a_client_that_says_nothing_or_junk_is_let_go(ably, relay, no_leftovers):
    assert ask(relay, b"", ends=True) == ask(relay, b"junk", ends=True) == b""
    assert b"431" in ask(relay, b"x" * 100_000)
    for junk in (b"junk\r\n\r\n", b"GET\r\nUpgrade: websocket\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        assert ask(relay, junk).startswith(b"HTTP/1.1 400 ")
    assert b"400" in ask(relay, b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n"), (
        "as the service answers it"
    )
    with wire.connect(f"{relay.url}?key={ably.key}") as conn:
        conn.recv("CONNECTED")


def test_a_ping_of_the_service_reaches_the_client(local):
    ably = local(heartbeat_interval=30)
    with Relay(ably.tls_url) as relay, wire.connect(f"{relay.url}?key={ably.key}&heartbeats=false") as conn:
        heard = threading.Event()
        conn.transcript.listen(lambda entry: heard.set() if entry.kind == "ping" else None)
        assert heard.wait(5)
        both = {("in", "ping"), ("out", "pong")}
        wait_for(lambda: both <= {(e.direction, e.kind) for e in relay.transcript})


def test_stopped_under_traffic_it_ends_every_connection_without_a_word_of_its_own(ably, caplog, no_leftovers):
    with Relay(ably.tls_url) as relay:
        foreign = [connect(f"{relay.url}/?key={ably.key.reveal()}") for _ in range(3)]
        for one in foreign:
            one.recv()
            one.send('{"action":0}')
    for one in foreign:
        with pytest.raises(ConnectionClosed):
            list(iter(one.recv, None))
    wait_for(lambda: len(talks(relay)) == 3)
    assert caplog.text == ""


def test_at_the_interpreters_exit_it_leaves_nothing(ably):
    script = f"""
from ablykit import wire
from ablykit.machine import runtime
from ablykit.relay import Relay
relay = Relay({ably.tls_url!r})
conn = wire.connect(f"{{relay.tls_url}}?key={ably.key}")
print(conn.recv()["action"], relay.ca_file, relay.tls_url)
"""
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
    )
    action, ca_file, url = done.stdout.split()
    # That a step took more than 0.1 s is said in dev mode too; on a busy machine any may.
    said = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (action, said) == ("4", [])
    assert not Path(ca_file).exists()
    assert runtime.find(url) is None


# -- faults


def test_frames_are_sent_that_nobody_sent(lab):
    lab.relay.add({"do": "inject", "frame": {"action": 0, "id": "new"}, "where": SECOND, "direction": "in"})
    with lab.connect(clientId="ada") as conn:
        beat(conn, "1", "2", "3")
        assert beats(conn, 4) == ["1", "2", "new", "3"]
        assert lab.relay.inject({"action": 0, "id": "by hand"}, client="a*") == 1
        assert beats(conn, 1) == ["by hand"]
        assert lab.relay.inject({"action": 0, "id": "answered"}, to="service") == 1
        assert beats(conn, 1) == ["answered"]
        assert lab.relay.inject({"action": 0}, client="b*") == 0


def test_a_held_frame_waits_for_a_hand(lab):
    lab.relay.add("hold direction=in action=HEARTBEAT where=id!='3'")
    with lab.connect() as conn:
        beat(conn, "1", "2", "3", "4")
        assert beats(conn, 1) == ["3"]
        until(lambda: len(lab.relay.held) == 3)
        one, two, four = lab.relay.held
        assert (one.frame["id"], one.direction, one.connection) == ("1", "in", "client 1")
        lab.relay.release(four.number)
        lab.relay.release(one.number, {"action": 0, "id": "edited"})
        lab.relay.discard(two.number)
        assert beats(conn, 2) == ["4", "edited"]
        with pytest.raises(LookupError, match=f"No frame {two.number} is held"):
            lab.relay.release(two.number)


def test_what_is_held_goes_on_when_all_is_healed(lab):
    with lab.connect() as conn:
        lab.relay.add("hold direction=in")
        beat(conn, "2")
        until(lambda: lab.relay.held)
        lab.relay.heal()
        assert beats(conn, 1) == ["2"]
    assert lab.relay.held == []


def test_a_held_frame_of_a_connection_that_has_ended_is_lost_without_a_word(lab):
    with lab.connect() as conn:
        lab.relay.add("hold direction=in")
        beat(conn, "1")
        until(lambda: lab.relay.held)
        conn.cut()
    until(lambda: lab.relay.transcript[-1].kind == "close")
    lab.relay.heal()
    assert lab.relay.held == []


@pytest.mark.parametrize("close", [None, 4000])
def test_connections_are_cut_by_hand(lab, close):
    with lab.connect(clientId="ada") as conn:
        assert lab.relay.cut("bob") == 0
        assert lab.relay.cut("ada", close=close, reason="now") == 1
        assert conn.wait_closed().code == (close or 1006)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("refuse status=503", None),
        ("refuse close=4003 reason=no", 4003),
        ("refuse", None),
        ("cut on=open", None),
    ],
)
def test_a_connection_is_refused(lab, rule, code):
    lab.relay.add(f"{rule} times=1")
    if code is None:
        with pytest.raises(wire.WireError) as caught:
            lab.connect()
        assert "503" in str(caught.value) or "status" not in rule
    else:
        with pytest.raises(wire.WireError, match="4003"):
            lab.connect()
    lab.connect().close()


def test_an_opening_connection_is_delayed(lab):
    lab.relay.add('delay on=open ms=20 query={"v":"5"}')
    lab.connect().close()
    assert [fault.raw.split()[0] for fault in lab.faults] == ["delay"]


def test_a_silent_opening_ends_with_the_client(lab):
    lab.relay.add("silence on=open")
    upgrade = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    with socket.create_connection(("127.0.0.1", lab.relay.port)) as client:
        client.sendall(f"GET /?v=5 HTTP/1.1\r\n{upgrade}\r\n".encode())
        until(lambda: lab.faults)
    until(lambda: lab.relay.transcript[-1].kind == "close")


def test_nothing_is_left_behind_by_faults_under_way(lab, no_leftovers):
    lab.relay.add("hold direction=in where=id=='1'")
    lab.relay.add("delay ms=60000 direction=in where=id=='2'")
    with Relay(lab.relay.url, rules=["silence direction=out where=id=='3'"]) as outer:
        conn = wire.connect(f"{outer.url}?{lab.query}")
        conn.recv("CONNECTED")
        beat(conn, "1", "2", "3")
        until(lambda: len(lab.faults) == 2)
        conn.cut()


def test_an_http_request_is_answered_failed_or_delayed(services):
    url, _ = services["embedded"]
    with Relay(url) as relay:
        time_url = f"http{relay.url[2:]}/time"
        relay.add(
            {"do": "respond", "path": "/time", "status": 418, "body": {"error": {"code": 1}}, "times": 1}
        )
        relay.add({"do": "respond", "path": "/time*", "status": 599, "body": "busy", "times": 1})
        relay.add({"do": "respond", "path": "/other", "status": 500})
        relay.add({"do": "cut", "on": "http", "times": 1})
        relay.add({"do": "delay", "on": "http", "ms": 5, "times": 1})
        answers = [httpx.get(time_url) for _ in range(2)]
        assert [(answer.status_code, answer.text) for answer in answers] == [
            (418, '{"error":{"code":1}}'),
            (599, "busy"),
        ]
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(time_url)
        assert httpx.get(time_url).json()[0] > 0
        assert [e.raw.split()[0] for e in relay.transcript if e.kind == "fault"] == [
            "respond",
            "respond",
            "cut",
            "delay",
        ]


def test_what_is_no_rule_is_refused_when_it_is_set(lab):
    with pytest.raises(ValueError, match="There is no action 'explode'"):
        lab.relay.add("explode")
    with pytest.raises(ValueError, match="There is no action 'explode'"):
        Relay("ws://localhost:1", rules=[{"do": "explode"}])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "body"), [(200, "x"), (204, ""), (304, ""), (503, "x")])
def test_an_answer_in_the_services_place_has_a_body_only_where_http_has_one(
    caplog, services, method, status, body
):
    url, _ = services["embedded"]
    with Relay(url, rules=[{"do": "respond", "status": status, "body": "x"}]) as relay:
        answer = httpx.request(method, f"http{relay.url[2:]}/time")
    assert (answer.status_code, answer.text) == (status, body if method == "GET" else "")
    assert not caplog.records


def test_a_page_that_is_refused_may_ask_for_the_head_only(caplog, relay):
    answer = httpx.head(f"http{relay.url[2:]}/time", headers={"Origin": "http://evil.example"})
    assert (answer.status_code, answer.text) == (403, "")
    assert not caplog.records


def test_connections_are_not_cut_with_what_no_close_frame_can_have(lab):
    with lab.connect() as conn:
        for close, reason in ((1006, ""), (7, ""), (4000, "x" * 124)):
            with pytest.raises(ValueError, match=r"close|reason"):
                lab.relay.cut(close=close, reason=reason)
        beat(conn, "1")
        assert beats(conn, 1) == ["1"]
