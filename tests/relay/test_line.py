"""What each fault does, by what a client then sees: in both formats, with the embedded Ably and without."""

import asyncio

import msgspec
import pytest

from ablykit import wire
from ablykit.relay import Relay
from tests.foreign import connect
from tests.relay.lab import SECOND, Lab, beat, beats, until


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ({"do": "drop"}, ["1", "3"]),
        ({"do": "delay", "ms": 30, "jitter": 10}, ["1", "2", "3"]),
        ({"do": "duplicate"}, ["1", "2", "2", "3"]),
        ({"do": "duplicate", "copies": 2}, ["1", "2", "2", "2", "3"]),
        ({"do": "reorder"}, ["1", "3", "2"]),
        ({"do": "edit", "set": {"id": "two"}}, ["1", "two", "3"]),
        ({"do": "edit", "unset": ["id"]}, ["1", None, "3"]),
        ({"do": "replace", "frame": {"action": 0, "id": "other"}}, ["1", "other", "3"]),
        ({"do": "slice", "size": 5, "ms": 1}, ["1", "2", "3"]),
        ({"do": "throttle", "rate": 2000}, ["1", "2", "3"]),
    ],
)
def test_a_frame_is_changed_on_its_way_and_what_was_done_is_recorded(lab, rule, seen, direction):
    lab.relay.add(rule | {"direction": direction, "where": SECOND})
    with lab.connect() as conn:
        beat(conn, "1", "2", "3")
        assert beats(conn, len(seen)) == seen
    assert [(fault.direction, fault.raw.split()[0]) for fault in lab.faults] == [(direction, rule["do"])]


@pytest.mark.parametrize("do", ["cut", "cut close=4001 reason=enough", "truncate size=3"])
def test_a_connection_ends_at_a_frame(lab, do):
    lab.relay.add(f"{do} direction=in where=id=='2'")
    with lab.connect() as conn:
        beat(conn, "1", "2", "3")
        assert beats(conn, 1) == ["1"]
        assert conn.wait_closed().code == (4001 if "4001" in do else 1006)
    until(lambda: lab.relay.transcript[-1].kind == "close")
    assert lab.relay.transcript[-1].raw == ("4001 enough" if "4001" in do else "1006")


def test_a_silent_connection_stays_open_and_nothing_passes_any_more(lab):
    lab.relay.add("silence direction=in where=id=='2'")
    with lab.connect() as conn:
        beat(conn, "1", "2", "3")
        assert beats(conn, 1) == ["1"]
        with pytest.raises(wire.WireTimeout):
            conn.recv(timeout=0.2)
        assert conn.closed is None
        lab.relay.heal()
        beat(conn, "4")
        with pytest.raises(wire.WireTimeout):
            conn.recv(timeout=0.2)
        conn.cut()  # a closing handshake would not be answered


def test_a_byte_that_is_corrupt_is_seen_by_the_client(lab):
    lab.relay.add("corrupt direction=in where=id=='2'")
    with lab.connect() as conn:
        beat(conn, "1", "2")
        assert beats(conn, 1) == ["1"]
        if lab.binary:
            frame = conn.recv()
            assert frame.get("id") != "2"
        else:
            conn.wait_closed()
            until(lambda: lab.relay.transcript[-1].kind == "close")
            assert lab.relay.transcript[-1].raw.startswith("1007")


def test_a_rule_can_send_to_the_service(lab):
    rule = {"do": "inject", "to": "service", "frame": {"action": 0, "id": "new"}, "where": SECOND, "times": 1}
    lab.relay.add(rule)
    with lab.connect() as conn:
        beat(conn, "1", "2")
        assert beats(conn, 3) == ["1", "2", "new"]


def test_the_same_frames_are_lost_with_the_same_seed(service):
    url, query = service

    def arrived(seed):
        rule = "drop direction=in action=HEARTBEAT where=id!='last' probability=0.5"
        with Relay(url, rules=[rule], seed=seed) as relay, Lab(relay, query).connect() as conn:
            beat(conn, *map(str, range(50)), "last")
            conn.recv("HEARTBEAT", id="last")
            frames = [entry.frame for entry in conn.transcript if entry.direction == "in" and entry.frame]
            return [frame["id"] for frame in frames if frame["action"] == 0]

    assert arrived(1) == arrived(1)
    assert arrived(1) != arrived(2)


def test_a_message_in_fragments_passes_whole_once_a_rule_is_set(lab):
    """A rule that is set between two fragments waits for the next message."""
    url = f"{lab.relay.url}?{lab.query}"
    foreign = connect(url)
    foreign.recv()
    text = msgspec.msgpack.encode if lab.binary else lambda frame: msgspec.json.encode(frame).decode()
    raw = text({"action": 0, "id": "1"})

    async def fragments():
        yield raw[:5]
        await foreign._ws.ping(b"here")
        while not any(entry.kind == "ping" for entry in lab.relay.transcript):
            await asyncio.sleep(0.001)
        lab.relay.add('edit action=HEARTBEAT set={"id":"changed"} direction=out')
        yield raw[5:]

    foreign.send(fragments())
    foreign.send(raw)
    read = (msgspec.msgpack if lab.binary else msgspec.json).decode
    assert [read(foreign.recv())["id"] for _ in range(2)] == ["1", "changed"]
