"""Between a client and an Ably: all passes, all is written down."""

import json
import socket
import ssl
import threading
import urllib.error
import urllib.request

import pytest

from ablykit import wire
from ablykit.analysis import lint
from ablykit.relay import Relay
from tests.foreign import ConnectionClosed, connect


@pytest.fixture
def relay(ably):
    with Relay(ably.tls_url) as relay:
        yield relay


def test_frames_pass_both_ways_as_they_are_and_are_written_down(ably, relay):
    for base in (relay.url, relay.tls_url):
        with wire.open(f"{base}?key={ably.key}&v=5&heartbeats=false") as conn:
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
    with wire.open(f"{relay.tls_url}?key={ably.key}&format=msgpack") as conn:
        assert isinstance(conn.recv().raw, bytes)
        conn.send({"action": 0, "id": "x"})
        assert conn.recv("HEARTBEAT")["id"] == "x"


def test_the_end_passes_with_its_code(ably, relay):
    with wire.open(relay.tls_url) as conn:
        assert conn.recv()["error"]["code"] == 40101
        assert conn.wait_closed() == wire.Closed(1000, "40101")
    foreign = connect(f"{relay.url}/?key={ably.key.reveal()}")
    json.loads(foreign.recv())
    ably.disconnect_all()
    with pytest.raises(ConnectionClosed):
        foreign.recv()
    assert foreign.close_code == 1011


def test_no_secret_is_written_down(ably, relay):
    with wire.open(f"{relay.tls_url}?key={ably.key.reveal()}") as conn:
        conn.recv()
    assert ably.key.secret not in str([entry.raw for entry in relay.transcript]) + repr(relay)


def test_a_target_that_is_not_there_ends_the_client_and_says_why():
    with Relay("ws://127.0.0.1:1") as relay, wire.open(relay.url) as conn:
        closed = conn.wait_closed()
        assert closed.code == 1014
        assert "Nothing answers" in closed.reason


@pytest.mark.usefixtures("no_leftovers")
def test_it_refuses_what_it_can_not_do_and_leaves_nothing():
    with pytest.raises(ValueError, match="goes on to ws:// or wss://"):
        Relay("http://x")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            Relay("ws://127.0.0.1:1", port=taken.getsockname()[1])


def _cut(file, place):
    shorter = place / "shorter"
    shorter.write_text("\n".join(file.read_text().splitlines()[:-2]) + "\n")
    return shorter


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


def test_http_to_a_target_that_is_not_there_is_told():
    with Relay("ws://127.0.0.1:1") as relay, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{relay.url.replace('ws', 'http')}/time", timeout=10)
    assert refused.value.code == 502
    assert b"Nothing answers" in refused.value.read()


def test_a_client_that_says_nothing_or_junk_is_let_go(ably, relay, no_leftovers):
    for said in (b"", b"junk", b"x" * 100_000, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", relay.port)) as sock:
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(10)
            while sock.recv(65536):
                pass
    with wire.open(f"{relay.url}?key={ably.key}") as conn:
        conn.recv("CONNECTED")


def test_a_ping_of_the_service_reaches_the_client(local):
    ably = local(heartbeat_interval=30)
    with Relay(ably.tls_url) as relay, wire.open(f"{relay.url}?key={ably.key}&heartbeats=false") as conn:
        heard = threading.Event()
        conn.transcript.listen(lambda entry: heard.set() if entry.kind == "ping" else None)
        assert heard.wait(5)
        assert {("in", "ping"), ("out", "pong")} <= {(e.direction, e.kind) for e in relay.transcript}
