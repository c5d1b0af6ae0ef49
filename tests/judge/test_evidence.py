"""What a recording proves."""

import json

from ablykit.judge.checker import Fault
from ablykit.judge.evidence import Evidence, datas, items
from ablykit.record import Transcript


def recording(*frames):
    """Entries of one connection per client; a frame with a connection's name and a direction."""
    transcript = Transcript()
    for connection, direction, frame in frames:
        if isinstance(frame, str):
            transcript.record(connection, direction, frame, "open")
        else:
            transcript.record(connection, direction, json.dumps(frame))
    return Evidence(transcript)


def connected(client, id="id"):
    return {"action": 4, "connectionId": id, "connectionDetails": {"clientId": client}}


def message(data, serial=None, **more):
    frame = {"action": 15, "channel": "c", "messages": [{"data": data}], **more}
    return frame if serial is None else {**frame, "msgSerial": serial}


TALK = recording(
    ("one", "out", "ws://h/?clientId=ada&echo=false"),
    ("one", "in", connected("ada", "A")),
    ("two", "out", "ws://h/?v=5"),
    ("two", "in", connected("bob", "B")),
    ("one", "out", message("x", 0)),
    ("one", "in", {"action": 1, "msgSerial": 0, "count": 2}),
    ("two", "in", message("x")),
    ("one", "out", message("y", 1)),
    ("two", "in", {"action": 14, "channel": "c"}),
    ("one", "out", {"action": 15, "messages": [7], "msgSerial": "no"}),
)


def test_a_client_is_known_by_its_url_or_by_what_the_service_calls_it():
    assert [wire.name for wire in TALK.of("ada")] == ["one"]
    assert [wire.name for wire in TALK.of("bob")] == ["two"]
    assert TALK.without_echo == {"ada"}
    assert TALK.frames == 8
    (wire,) = TALK.of("bob")
    assert [entry.number for entry in wire.frames("in", 15)] == [6]
    assert len(wire.frames("in")) == 3


def test_a_fault_stands_on_the_publish_its_answer_and_its_delivery():
    assert TALK.proof(Fault("duplicated", "bob", "c", "", "x")) == [4, 5, 6]
    assert TALK.proof(Fault("lost", "bob", "c", "", "y")) == [7]
    assert TALK.proof(Fault("reordered", "bob", "c", "", "x", "y")) == [4, 5, 6, 7]
    assert TALK.proof(Fault("stale_members", "bob", "c", "")) == [8]


def test_what_was_never_sent_is_missing_where_the_connection_began():
    assert TALK.proof(Fault("undetected", "ada", "c", "", "never sent")) == [0]
    assert TALK.proof(Fault("stuck", "nobody", "c", "", "never sent")) == []


def test_an_answer_may_come_after_a_resume():
    evidence = recording(
        ("one", "in", connected("ada", "A")),
        ("one", "out", message("x", 0)),
        ("two", "in", connected("ada", "A")),
        ("two", "in", {"action": 2, "msgSerial": 0, "count": 1}),
    )
    (publish,) = evidence.sent["x"]
    assert [entry.number for entry in evidence.answers(publish)] == [3]


def test_a_publish_without_a_serial_has_no_answer():
    assert TALK.answers(TALK.entries[-1]) == []


def test_whatever_a_frame_carries_is_read():
    assert items({"messages": 5}, "messages") == []
    assert datas({"messages": [{"data": "x"}, {"data": 5}, {}, None]}) == ["x"]
