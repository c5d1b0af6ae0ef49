"""Recordings lose nothing, and say what is wrong with what is none."""

import contextlib
import json
import resource

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablykit.record.files import NotARecording, Recorder, har, load, save
from ablykit.record.transcript import Transcript


@pytest.fixture
def small_files():
    """Files of this process can grow to so many bytes, as if the disk were full after them."""

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


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
        ("[" * 100_000, "no recording"),
        (f"{HEAD}\n{LINE.replace('in', 'up')}", "line 2"),
        (f"{HEAD}\n{LINE.replace('1.0', '1e300')}", "ms since 1970"),
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


def numbered(*numbers):
    return [LINE.replace('"number":0', f'"number":{number}') for number in numbers]


@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        ('{"number":3,"at":1.0,"conn', "truncated"),
        (numbered(3)[0].replace("frame", "fish"), "fish"),
        (numbered(1)[0], "number 1 does not come after 2"),
        ("[" * 100_000, "line 5"),
    ],
)
def test_a_damaged_recording_is_read_up_to_the_damage_and_says_where_it_is(tmp_path, damaged, says):
    (tmp_path / "r").write_text("\n".join([HEAD, *numbered(0, 1, 2), damaged]))
    read = load(tmp_path / "r")
    assert [entry.number for entry in read] == [0, 1, 2]
    assert says in read.damage
    assert f"{tmp_path / 'r'} is damaged in line 5" in read.damage
    assert "The 3 entries before it are good; this line is not read" in read.damage
    assert read.damage in str(read)
    assert read.copy().damage == read.damage


def test_lines_after_the_damage_are_counted(tmp_path):
    (tmp_path / "r").write_text("\n".join([HEAD, *numbered(0), "half", *numbered(2, 3)]))
    assert "this line and 2 after it are not read" in load(tmp_path / "r").damage


def test_missing_lines_are_told_and_shift_no_number(tmp_path):
    (tmp_path / "r").write_text("\n".join([HEAD, *numbered(0, 1, 3, 7)]))
    read = load(tmp_path / "r")
    assert [entry.number for entry in read.since(2)] == [3, 7]
    assert read.notes == [
        "4 entries are missing: 2, 4 to 6; what depends on them may look unanswered or wrong"
    ]
    assert read.lost == 0
    save(read, tmp_path / "again")
    assert load(tmp_path / "again").notes == read.notes


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


def test_on_a_full_disk_a_recording_ends_with_a_whole_line_and_the_user_is_told(
    tmp_path, caplog, small_files
):
    made, file = Transcript(), tmp_path / "r"
    with Recorder(made, file) as recorder, small_files(1000):
        for n in range(50):
            made.record("a", "in", f"frame {n}")
        assert isinstance(recorder.failure, OSError)
    read = load(file)
    assert (len(made), read.damage) == (50, ""), "what passes goes on passing"
    assert list(read) == list(made)[: recorder.count]
    (said,) = caplog.messages
    assert f"{file} can't be written any more: File too large. It has the first {len(read)} entries" in said


def test_a_recorder_says_at_once_that_nothing_can_be_written():
    with pytest.raises(OSError, match="No space left"):
        Recorder(Transcript(), "/dev/full")


def test_a_recorder_counts_what_it_has_written_not_what_fell_out_before(tmp_path):
    with Recorder(transcript(), tmp_path / "r") as recorder:
        assert recorder.count == len(load(tmp_path / "r")) == 4
