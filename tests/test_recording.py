"""Recordings lose nothing, and say what is wrong with what is none."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablykit.recording import NotARecording, Recorder, har, load, save
from ablykit.transcript import Transcript


def transcript():
    made = Transcript(max_entries=4)
    for raw, kind in (("fell out", "frame"), ("wss://h/?key=a.b:****", "open"), ('{"action":4}', "frame"),
                      (b"\x81\xa6action\x00", "frame"), ("1000", "close")):  # fmt: skip
        made.record("client 1", "out" if kind == "open" else "in", raw, kind)
    return made


def test_a_recording_comes_back_as_it_was(tmp_path):
    made = transcript()
    assert save(made, tmp_path / "r") == 4
    again = load(tmp_path / "r")
    assert list(again) == list(made)
    assert (again.lost, again.began) == (1, made[0].at)
    again.record("b", "in", "x")
    assert again[-1].number == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text() | st.binary(), max_size=8))
def test_whatever_crossed_the_wire_survives(tmp_path, raws):
    made = Transcript()
    for raw in raws:
        try:
            raw.encode() if isinstance(raw, str) else raw
        except UnicodeEncodeError:
            continue
        made.record("a", "in", raw)
    save(made, tmp_path / "r")
    assert list(load(tmp_path / "r")) == list(made)


HEAD = '{"format":"ablykit-recording","version":1}'
LINE = '{"number":0,"at":1.0,"connection":"a","direction":"in","kind":"frame","text":"x"}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no recording"),
        ("junk", "no recording"),
        ("[]", "no recording"),
        ('{"format":"ablykit-recording","version":2}', "another version"),
        (f"{HEAD}\njunk", "line 2"),
        (f"{HEAD}\n{LINE}\n{LINE.replace('in', 'up')}", "line 3"),
        (f"{HEAD}\n{LINE.replace('frame', 'fish')}", "kind 'fish'"),
        (f"{HEAD}\n{LINE.replace('text', 'base64')}", "line 2"),
        (f'{HEAD}\n{LINE[:-1]},"more":1}}', "more"),
        (f"{HEAD}\n" + LINE.replace(',"text":"x"', ""), "text or base64"),
    ],
)
def test_what_is_no_recording_is_refused_by_line(tmp_path, text, says):
    (tmp_path / "r").write_text(text)
    with pytest.raises(NotARecording, match=says):
        load(tmp_path / "r")


def test_har_is_as_browsers_write_it():
    (entry,) = har(transcript())["log"]["entries"]
    json.dumps(entry)
    assert entry["request"]["url"] == "wss://h/?key=a.b:****"
    assert entry["_resourceType"] == "websocket"
    text, binary = entry["_webSocketMessages"]
    assert (text["type"], text["opcode"], text["data"]) == ("receive", 1, '{"action":4}')
    assert (binary["opcode"], binary["data"]) == (2, "gaZhY3Rpb24A")
    assert har([])["log"]["entries"] == []


def test_a_recorder_writes_what_was_and_what_comes_at_once(tmp_path):
    made, file = Transcript(), tmp_path / "r"
    made.record("a", "in", "before")
    with Recorder(made, file) as recorder:
        made.record("a", "in", b"after")
        assert list(load(file)) == list(made), "nothing waits to be written"
        assert recorder.count == 2
    made.record("a", "in", "too late")
    assert len(load(file)) == 2
