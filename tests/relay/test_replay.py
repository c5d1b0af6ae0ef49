"""A recording's client side, sent again."""

import asyncio

import pytest

from ablykit import wire
from ablykit.record import compare
from ablykit.record.transcript import Transcript
from ablykit.relay.replay import resend

ATTACH = {"action": 10, "channel": "c"}


def publish(serial, data="x"):
    return {"action": 15, "channel": "c", "msgSerial": serial, "messages": [{"data": data}]}


@pytest.fixture(params=["json", "msgpack"])
def recorded(ably, request):
    """Two clients that talk, a cut, and a resume with channelSerial."""
    transcript, url = Transcript(), f"{ably.tls_url}?key={ably.key}&heartbeats=false&format={request.param}"
    with wire.connect(url, transcript=transcript, name="left") as left:
        left.recv("CONNECTED")
        with wire.connect(url, transcript=transcript, name="right") as right:
            key = right.recv("CONNECTED")["connectionDetails"]["connectionKey"]
            for conn in (left, right):
                conn.send(ATTACH)
                serial = conn.recv("ATTACHED")["channelSerial"]
            left.send(publish(0), {"action": 0, "id": "ping"})
            left.recv("ACK")
            right.recv("MESSAGE")
        left.send(publish(1))
        left.recv("ACK")
        with wire.connect(url, transcript=transcript, name="again", resume=key) as again:
            again.recv("CONNECTED")
            again.send({**ATTACH, "channelSerial": serial})
            again.frames(3)
    return transcript


def test_the_same_service_answers_the_same(recorded, local):
    other = local()
    again = asyncio.run(resend(recorded, f"{other.tls_url}?key={other.key}"))
    assert compare(recorded, again) == [], [str(d) for d in compare(recorded, again)]
    assert [e.raw for e in again if e.connection == "again"] != [
        e.raw for e in recorded if e.connection == "again"
    ]


def test_a_service_that_answers_otherwise_is_found_out(recorded, local):
    other = local(limits={"max_message_size": 1})
    limited = other.limited_key
    again = asyncio.run(resend(recorded, f"{other.tls_url}?key={limited}", patience=0.3))
    found = "\n".join(map(str, compare(recorded, again)))
    assert "+ ← NACK" in found
    assert "40160" in found


def test_credentials_are_given_only_where_there_were_some(ably):
    transcript = Transcript()
    with wire.connect(ably.tls_url, transcript=transcript) as conn:
        conn.wait_closed()
    again = asyncio.run(resend(transcript, f"{ably.tls_url}?key={ably.key}"))
    assert compare(transcript, again) == []


def test_what_the_recording_left_open_is_no_difference(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}") as conn:
        conn.recv("CONNECTED")
        left_open = Transcript()
        for entry in conn.transcript:
            left_open.restore(entry)
    again = asyncio.run(resend(left_open, f"{ably.tls_url}?key={ably.key}"))
    assert compare(left_open, again) == []


def test_a_connection_that_was_cut_is_cut_again(ably):
    transcript = Transcript()
    with wire.connect(f"{ably.tls_url}?key={ably.key}") as conn:
        conn.recv("CONNECTED")
        for entry in conn.transcript:
            transcript.restore(entry)
    transcript.record(conn.name, "in", "1006", "close")
    again = asyncio.run(resend(transcript, f"{ably.tls_url}?key={ably.key}", patience=0.1))
    assert [entry.raw for entry in again if entry.kind == "close"] == ["1006"]


def test_a_serial_that_an_ack_named_is_sent_as_the_one_it_names_now(local):
    one, two = local(mutable=["doc"]), local(mutable=["doc"])
    with wire.connect(f"{one.tls_url}?key={one.key}&v=5&echo=false&heartbeats=false") as conn:
        conn.recv("CONNECTED")
        conn.send({**publish(0), "channel": "doc:c"})
        (serial,) = conn.recv("ACK")["res"][0]["serials"]
        update = {"action": 1, "serial": serial, "data": "y"}
        conn.send({"action": 15, "channel": "doc:c", "msgSerial": 1, "messages": [update]})
        conn.recv("ACK")
    again = asyncio.run(resend(conn.transcript, f"{two.tls_url}?key={two.key}"))
    assert [entry.action for entry in again if entry.kind == "frame"][-2:] == ["MESSAGE", "ACK"]
