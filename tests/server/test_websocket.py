"""The endpoint itself: heartbeats, close, frames too large, clients that do not read; and anything at all."""

import asyncio
import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from ablykit.protocol import Action, ProtocolMessage
from ablykit.protocol.tokens import jwt
from ablykit.server import LocalAbly
from tests.conftest import trusting
from tests.foreign import ConnectionClosed, connect, open_websocket
from tests.server.raw import masked, raw_client, read_until, upgrade


def opened(ably, query=""):
    ws = connect(f"{ably.tls_url}/?key={ably.key.reveal()}&{query}", ssl=trusting(ably))
    ws.recv(timeout=5)
    return ws


def test_silence_is_broken_by_a_heartbeat_in_time(local):
    ws = opened(local(heartbeat_interval=50))
    before = time.monotonic()
    assert [json.loads(ws.recv(timeout=5)) for _ in range(3)] == [{"action": 0}] * 3
    assert time.monotonic() - before >= 0.12


def test_a_clock_that_is_moved_makes_a_silence_longer(ably):
    ws = opened(ably)
    ably.advance(14)
    ably.advance(2)
    assert json.loads(ws.recv(timeout=5)) == {"action": 0}


def test_what_a_test_does_to_a_socket_concerns_the_client_that_it_names(ably):
    ada, bob = opened(ably, "clientId=ada"), opened(ably, "clientId=bob&v=5")
    with socket.create_connection(("127.0.0.1", ably.port)) as nobody:
        nobody.sendall(b"GET /?key=")  # a socket that is no session yet
        assert ably.send(ProtocolMessage(action=Action.DETACHED, channel="c"), "ada") == 1
        assert json.loads(ada.recv(timeout=5)) == {"action": 13, "channel": "c"}
        assert ably.disconnect("bob", forget=True) == 1
    with pytest.raises(ConnectionClosed):
        bob.recv(timeout=5)
    ada.send('{"action":0,"id":"still here"}')
    assert json.loads(ada.recv(timeout=5))["id"] == "still here"


def test_another_frame_puts_the_heartbeat_off(local):
    ws = opened(local(heartbeat_interval=400))
    for _ in range(6):
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.1)
        ws.send('{"action":0,"id":"x"}')
        assert json.loads(ws.recv(timeout=5)) == {"action": 0, "id": "x"}


def test_without_heartbeats_websocket_pings_go_instead(local):
    ably = local(heartbeat_interval=30, sandbox=True)
    raw = socket.create_connection(("127.0.0.1", ably.port), timeout=5)
    raw.sendall(
        f"GET /?key={ably.key.reveal()}&heartbeats=false HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    heard = b""
    while heard.count(b"\x89\x00") < 3:
        heard += raw.recv(4096)
    assert b'{"action":0}' not in heard
    raw.close()


def test_a_frame_over_max_frame_size_is_told_and_ends_the_connection(ably):
    ws = opened(ably)
    ws.send(json.dumps({"action": 10, "channel": "x" * 262_144}))
    error = json.loads(ws.recv(timeout=5))["error"]
    assert error["code"] == 40009
    assert "262144" in error["message"]
    with pytest.raises(ConnectionClosed):
        ws.recv(timeout=5)
    assert ws.close_code == 1009
    opened(ably)


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
def test_a_client_that_is_still_writing_hears_why_its_frame_was_too_large(local, tls):
    ably = local(sandbox=True)
    url, context = (ably.tls_url, trusting(ably)) if tls else (ably.url, None)
    heard = []

    async def write_without_reading():
        async with open_websocket(f"{url}/?key={ably.key.reveal()}", ssl=context, proxy=None) as ws:
            with suppress(ConnectionClosed):
                for size in (330_000, *[100] * 40):
                    await ws.send("x" * size)
            with suppress(ConnectionClosed):
                while True:
                    heard.append(json.loads(await ws.recv()))
        return ws.close_code

    assert asyncio.run(write_without_reading()) == 1009
    assert heard[-1]["error"]["code"] == 40009


def test_a_fragmented_message_is_put_together(ably):
    ws = opened(ably)
    ws.send(['{"acti', 'on":0,"i', 'd":"whole"}'])
    assert json.loads(ws.recv(timeout=5)) == {"action": 0, "id": "whole"}


def test_a_client_that_does_not_read_is_ended_before_it_costs_memory(local, monkeypatch):
    from ablykit.server import websocket

    monkeypatch.setattr(websocket, "MAX_WAITING", 200_000)
    ably = local()
    lazy = opened(ably, "v=5&heartbeats=false")
    lazy.send('{"action":10,"channel":"c"}')
    lazy.recv(timeout=5)
    busy = opened(ably, "v=5&echo=false&heartbeats=false")
    for n in range(400):
        busy.send(
            json.dumps({"action": 15, "channel": "c", "msgSerial": n, "messages": [{"data": "x" * 60_000}]})
        )
        assert json.loads(busy.recv(timeout=5))["action"] == 1
    heard = [json.loads(raw) for raw in iter(lambda: until_closed(lazy), None)]
    assert heard[-1]["error"]["code"] == 42915
    assert len(heard) < 400


def test_while_one_client_sends_flat_out_the_others_have_their_turns(local):
    """Each turn of the server's loop handles few frames of one client, however many have come."""
    ably, count, turns = local(sandbox=True), 20_000, []
    transcript, flood = ably.transcript, raw_client(ably)
    read_until(flood, b'"action":4')
    done = threading.Event()

    async def watch():
        while not done.is_set():
            before = len(transcript)
            await asyncio.sleep(0)
            turns.append(len(transcript) - before)

    watching = asyncio.run_coroutine_threadsafe(watch(), ably._running.thread.loop)
    frames = b"".join(masked(b'{"action":0,"id":"%d"}' % n) for n in range(count))
    sender = threading.Thread(target=flood.sendall, args=(frames,))
    sender.start()
    read_until(flood, b'"id":"%d"' % (count - 1))
    sender.join()
    done.set()
    watching.result(5)
    flood.close()
    assert sum(turns) >= 2 * count, "each frame and its answer"
    assert max(turns) < count / 10


def received(sock):
    try:
        return sock.recv(1 << 20)
    except BlockingIOError:
        return b""


def test_empty_fragments_without_end_cost_others_nothing_and_no_memory(local):
    ably = local(sandbox=True)
    flood, other = raw_client(ably), raw_client(ably)
    read_until(other, b'"action":4')
    fragments = masked(b'{"action":0', fin=False) + masked(b"", Opcode.CONT, fin=False) * 400_000
    sender = threading.Thread(target=flood.sendall, args=(fragments + masked(b"}", Opcode.CONT),))
    sender.start()
    read_until(flood, b'"action":4')
    for n in range(5):
        other.sendall(masked(b'{"action":0,"id":"%d"}' % n))
        read_until(other, b'"id":"%d"' % n)
    flood.setblocking(False)
    assert received(flood) == b"", "the other was answered while the fragments were still coming"
    flood.settimeout(10)
    read_until(flood, b'{"action":0}')
    sender.join()
    for each in (flood, other):
        each.close()


def test_answers_come_before_the_close_that_follows_what_they_answer(local):
    raw = raw_client(local(sandbox=True))
    read_until(raw, b'"action":4')
    count = 3_000
    frames = [masked(b'{"action":0,"id":"%d"}' % n) for n in range(count)]
    raw.sendall(b"".join(frames) + masked(b"\x03\xe8", Opcode.CLOSE))
    heard = read_until(raw, b"\x88\x02\x03\xe8")
    assert heard.count(b'{"action":0') == count
    raw.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (upgrade("/?key=" + "x" * 10_000), b"414"),
        (upgrade("/", *(f"X-{n}: x" for n in range(200))), b"431"),
        (upgrade("/", "X-Long: " + "x" * 10_000), b"431"),
    ],
)
def test_an_upgrade_request_that_is_too_large_is_told_so(ably, request_, status):
    raw = socket.create_connection(("127.0.0.1", ably.port), timeout=5)
    raw.sendall(request_)
    heard = b"".join(iter(lambda: raw.recv(4096), b""))
    assert heard.startswith(b"HTTP/1.1 " + status)
    raw.close()


def until_closed(ws):
    try:
        return ws.recv(timeout=10)
    except ConnectionClosed:
        return None


@pytest.fixture(scope="module")
def target():
    with LocalAbly(sandbox=True) as ably:
        yield ably


MEMBERS = ["action", "channel", "msgSerial", "messages", "flags", "params", "channelSerial", "id", "auth"]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=15,
)
nearly_frames = st.builds(
    lambda action, members: members | {"action": action},
    st.integers(-1, 25),
    st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=4),
)
junk = st.text(max_size=200) | st.binary(max_size=200) | (anything | nearly_frames).map(json.dumps)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(junk, min_size=1, max_size=6),
    st.sampled_from(["", "v=5", "format=msgpack", "v=6&format=msgpack&echo=false"]),
)
def test_anything_at_all_may_be_typed(target, typed, query):
    """Every answer is a frame, an error says what was wrong, and the server lives on."""
    with connect(f"{target.url}/?key={target.key.reveal()}&{query}") as ws:
        ws.recv(timeout=5)
        try:
            for frame in typed:
                ws.send(frame)
            ws.send('{"action":0,"id":"last"}')
            while True:
                raw = ws.recv(timeout=5)
                frame = json.loads(raw) if isinstance(raw, str) else unpacked(raw)
                assert isinstance(frame["action"], int)
                if frame.get("error"):
                    assert frame["error"]["code"] >= 40000
                    assert "Traceback" not in frame["error"]["message"]
                    assert len(frame["error"]["message"]) > 20
                if frame.get("id") == "last":
                    break
        except ConnectionClosed:
            assert ws.close_code in (1000, 1007, 1009)
    with connect(f"{target.url}/?key={target.key.reveal()}") as ws:
        assert json.loads(ws.recv(timeout=5))["action"] == 4


def unpacked(raw):
    import msgspec

    return msgspec.msgpack.decode(raw)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=80))
def test_any_query_is_answered_with_a_frame(target, query):
    from urllib.parse import quote

    with connect(f"{target.url}/?{quote(query, safe='=&%?+')}") as ws:
        assert json.loads(ws.recv(timeout=5))["action"] in (4, 9)


def test_what_crosses_the_wire_is_written_down_for_who_asks(local):
    ably = local(heartbeat_interval=40, sandbox=True)
    transcript = ably.transcript
    ws = opened(ably, "heartbeats=false")
    ws.send('{"action":10,"channel":"c"}')
    ws.ping()
    ws.recv(timeout=5)
    seen = lambda: {(entry.direction, entry.kind) for entry in transcript}  # noqa: E731
    wanted = {
        ("out", "open"),
        ("in", "frame"),
        ("out", "frame"),
        ("out", "ping"),
        ("in", "pong"),
        ("in", "ping"),
        ("out", "pong"),
    }
    deadline = time.monotonic() + 5
    while not wanted <= seen() and time.monotonic() < deadline:
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.02)
    assert wanted <= seen()


def test_what_asks_for_no_websocket_properly_is_refused(ably):
    raw = socket.create_connection(("127.0.0.1", ably.port), timeout=5)
    raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    assert raw.recv(4096).startswith(b"HTTP/1.1 4")
    raw.close()


def test_a_token_that_ends_ends_its_connection_in_time(ably):
    token = jwt(ably.key, ttl=1_000)
    ws = connect(f"{ably.tls_url}/?accessToken={token}", ssl=trusting(ably))
    assert json.loads(ws.recv(timeout=5))["action"] == 4
    assert json.loads(ws.recv(timeout=5))["error"]["code"] == 40142


def test_another_token_puts_the_end_off(ably):
    ws = connect(f"{ably.tls_url}/?accessToken={jwt(ably.key, ttl=2_000)}", ssl=trusting(ably))
    ws.recv(timeout=5)
    ws.send(json.dumps({"action": 17, "auth": {"accessToken": jwt(ably.key)}}))
    assert json.loads(ws.recv(timeout=5))["action"] == 4
    with pytest.raises(TimeoutError):
        ws.recv(timeout=2.2)


def test_sockets_are_cut_by_app_and_client(ably):
    ws = opened(ably, "clientId=me")
    assert ably.disconnect("you") == 0
    assert ably.disconnect("me") == 1
    with pytest.raises(ConnectionClosed):
        ws.recv(timeout=5)


def test_when_the_service_stops_each_is_told(local):
    ably = local()
    ws = opened(ably)
    ably.stop()
    assert json.loads(ws.recv(timeout=5))["error"]["code"] == 80003
