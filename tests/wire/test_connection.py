"""A raw connection: what goes out, what comes in, and what is said when nothing does."""

import asyncio
import threading
import time

import pytest
from websockets.asyncio.server import serve

from ablykit import wire
from ablykit.protocol import AblyError, ProtocolMessage
from ablykit.record.transcript import Transcript
from ablykit.wire import Closed, WireError, WireTimeout
from tests.wire.urls import url


@pytest.mark.parametrize(
    "frame", ['{"action":0,"id":"x"}', {"action": 0, "id": "x"}, ProtocolMessage(action=0, id="x")]
)
def test_text_dicts_and_typed_frames_can_be_sent(conn, frame):
    conn.send(frame)
    assert conn.recv("HEARTBEAT") == {"action": 0, "id": "x"}


def test_on_a_messagepack_connection_dicts_go_as_messagepack(ably):
    with wire.connect(url(ably, "&format=msgpack")) as conn:
        assert isinstance(conn.recv().raw, bytes)
        conn.send({"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": b"\x00"}]})
        assert conn.recv()["action"] == 1
        assert isinstance(conn.transcript[-1].raw, bytes)


def test_what_is_no_frame_is_kept_as_it_came(conn):
    conn.send("junk")
    assert conn.recv()["error"]["code"] == 40000
    assert conn.transcript[-2].raw == "junk"


def test_recv_waits_for_a_kind_and_passes_over_others(conn):
    conn.send({"action": 10}, {"action": 10, "channel": "c"})
    assert conn.recv("attached")["channel"] == "c"
    with pytest.raises(ValueError, match="The actions are"):
        conn.recv("NONSENSE")


def test_heartbeats_are_passed_over_unless_wanted(local):
    ably = local(heartbeat_interval=30)
    with wire.connect(url(ably, "")) as conn:
        conn.recv()
        with pytest.raises(WireTimeout, match="arrived instead: HEARTBEAT"):
            conn.recv(timeout=0.2)
        assert conn.recv(heartbeats=True) == {"action": 0}
        assert conn.recv("HEARTBEAT") == {"action": 0}


def test_a_frame_can_be_waited_for_by_its_members(conn):
    """Earlier answers of the same kind are passed over, however long they have waited."""
    conn.send({"action": 0}, {"action": 0, "id": "1"}, {"action": 0, "id": "2"})
    assert conn.recv("HEARTBEAT", id="2") == {"action": 0, "id": "2"}
    conn.send({"action": 0, "id": "3"})
    assert conn.recv(id="3") == {"action": 0, "id": "3"}
    with pytest.raises(WireTimeout, match=r"No ACK with msgSerial 7 arrived within 0.05 s. Nothing arrived"):
        conn.recv("ACK", msgSerial=7, timeout=0.05)


def test_a_timeout_says_what_was_waited_for_and_what_came(conn):
    conn.send("junk")
    with pytest.raises(
        WireTimeout, match=r"No ACK arrived within 0.2 s. These arrived instead: ERROR \(40000"
    ) as caught:
        conn.recv("ACK", timeout=0.2)
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(WireTimeout, match=r"No frame arrived within 0.05 s. Nothing arrived"):
        conn.recv(timeout=0.05)


def test_frames_gives_so_many_or_for_so_long(conn):
    conn.send({"action": 0, "id": "1"}, {"action": 10}, {"action": 10, "channel": "c"})
    assert [f["action"] for f in conn.frames(2)] == [9, 11]
    conn.send({"action": 10}, {"action": 10})
    assert len(conn.frames(seconds=0.3)) == 2
    conn.send({"action": 10})
    with pytest.raises(WireTimeout, match="1 of 2 frames arrived"):
        conn.frames(2, timeout=0.2)
    with pytest.raises(ValueError, match="count or a number of seconds"):
        conn.frames()


def test_frames_for_some_seconds_waits_them_out_even_after_the_end(ably):
    with wire.connect(ably.tls_url) as conn:
        before = time.monotonic()
        assert len(conn.frames(seconds=0.3)) == 1
        assert time.monotonic() - before >= 0.3


def test_the_end_is_told_by_whoever_asks(ably):
    with wire.connect(ably.tls_url) as conn:
        assert conn.wait_closed() == Closed(1000, "40101")
        assert conn.recv()["error"]["code"] == 40101
        with pytest.raises(WireError, match=r"No frame can arrive: .* code 1000 \(40101\)"):
            conn.recv()
        with pytest.raises(WireError, match=r"Can't send: .* code 1000"):
            conn.send({"action": 0})
        assert conn.closed == Closed(1000, "40101")
        assert [e.kind for e in conn.transcript] == ["open", "frame", "close"]


def test_waiting_for_the_end_of_an_open_connection_times_out_with_frames_unread(conn):
    conn.send({"action": 10})
    with pytest.raises(WireTimeout, match="still open"):
        conn.wait_closed(timeout=0.1)
    assert conn.recv()["action"] == 9


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda ably: "wss://127.0.0.1:1", "Nothing answers"),
        (lambda ably: "http://127.0.0.1", "Not a WebSocket URL"),
        (lambda ably: "nonsense", "Not a WebSocket URL"),
        (lambda ably: ably.tls_url.replace("wss", "ws"), "Is this the right port for its scheme"),
        (lambda ably: ably.url.replace("ws", "wss"), "Is this the port for wss"),
        (lambda ably: ably.url + "/time", "ERROR"),
    ],
)
def test_what_can_not_be_opened_says_why_and_what_to_look_at(ably, make, says):
    address = make(ably)
    if says == "ERROR":
        with wire.connect(address) as conn:
            assert conn.recv()["error"]["code"] == 40400
        return
    with pytest.raises(WireError, match=says):
        wire.connect(address)


def test_stars_for_an_unknown_secret_are_refused(ably):
    with pytest.raises(AblyError, match="is unknown here"):
        wire.connect(f"{ably.tls_url}?key=some.other:****")


def test_another_ca_is_not_trusted_but_can_be_given(ably, monkeypatch):
    from ablykit.machine import runtime

    full = f"{ably.tls_url}?key={ably.key.reveal()}"
    ca_file = ably.ca_file
    monkeypatch.setattr(runtime, "find", lambda url: None)
    with pytest.raises(WireError, match="is not trusted"):
        wire.connect(full)
    with wire.connect(full, ca_file=ca_file) as conn:
        assert conn.recv()["action"] == 4


def test_answers_never_stand_before_what_they_answer(conn):
    conn.send({"action": 10, "channel": "c"})
    conn.recv("ATTACHED")
    for n in range(200):
        conn.send({"action": 0, "id": f"{n}a"}, {"action": 0, "id": f"{n}b"})
        conn.recv("HEARTBEAT")
        conn.recv("HEARTBEAT")
    told = [e.direction for e in conn.transcript][4:]
    assert told == ["out", "out", "in", "in"] * 200


def test_it_can_be_awaited(ably):
    async def talk():
        async with await wire.connect_async(url(ably), v=5) as conn:
            assert (await conn.recv())["action"] == 4
            await conn.send({"action": 10}, {"action": 7})
            return [frame["action"] async for frame in conn]

    assert asyncio.run(talk()) == [9, 8]


def test_frames_are_noted_while_nobody_reads(local):
    ably = local(heartbeat_interval=20)
    with wire.connect(url(ably, "")) as conn:
        noted = threading.Event()
        conn.transcript.listen(lambda entry: noted.set() if entry.number > 4 else None)
        assert noted.wait(5)


def test_a_transcript_that_is_given_is_the_one_that_is_written(ably):
    transcript = Transcript()
    with wire.connect(f"{ably.url}", transcript=transcript) as conn:
        conn.wait_closed()
    assert conn.transcript is transcript
    assert [entry.kind for entry in transcript] == ["open", "frame", "close"]


def test_pings_below_the_frames_are_noted_with_their_answers(local):
    ably = local(heartbeat_interval=30)
    with wire.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        conn.recv("CONNECTED")
        heard = threading.Event()
        conn.transcript.listen(lambda entry: heard.set() if entry.kind == "pong" else None)
        assert heard.wait(5)
    kinds = [(entry.direction, entry.kind) for entry in conn.transcript if entry.kind in ("ping", "pong")]
    assert kinds[:2] == [("in", "ping"), ("out", "pong")]
    assert conn.transcript[2].action == "WebSocket ping"


def test_all_calls_can_be_awaited(local):
    ably = local(heartbeat_interval=20)

    async def talk():
        async with await wire.connect_async(url(ably, ""), name="me") as conn:
            assert repr(conn).startswith("<AsyncConnection open: wss://")
            assert conn.closed is None
            frames = await conn.frames(2, heartbeats=True)
            assert [frame["action"] for frame in frames] == [4, 0]
            with pytest.raises(WireTimeout):
                await conn.recv("ACK", timeout=0)
            with pytest.raises(WireTimeout, match=r"still open after 0\.01 s"):
                await conn.wait_closed(timeout=0.01)
        assert (conn.closed.code, repr(conn)[:24]) == (1000, "<AsyncConnection closed:")

    asyncio.run(talk())


def test_a_side_that_takes_nothing_is_told_after_a_while(monkeypatch):
    monkeypatch.setattr("ablykit.wire.connection.SEND_TIMEOUT", 0.2)

    async def talk():
        never = asyncio.Event()

        async def deaf(websocket):
            websocket.transport.pause_reading()
            await never.wait()

        async with serve(deaf, "127.0.0.1", 0, max_queue=1, compression=None, close_timeout=0.1) as server:
            port = server.sockets[0].getsockname()[1]
            conn = await wire.connect_async(f"ws://127.0.0.1:{port}")
            with pytest.raises(WireTimeout, match=r"read nothing for 0\.2 s"):
                await conn.send(*["x" * 1_000_000] * 100)
            never.set()
        await conn.close()

    asyncio.run(talk())
