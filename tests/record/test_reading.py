"""One reading of a transcript, however many look at it."""

import gc
import json
import threading
import weakref
from itertools import pairwise

import pytest
from msgspec import msgpack, structs

from ablykit.panels import ConnectionPanel, FrameInspector, Presence, Sequence
from ablykit.protocol import Flag
from ablykit.record import Reading, lint, pairs, search, sequence
from ablykit.record.facts import Facts
from ablykit.record.linter import Linter
from ablykit.record.reading import PART
from ablykit.record.transcript import Entry, Transcript
from tests.record.story import (
    ACK,
    ALL,
    CONNECTED,
    DETAILS,
    ENTER,
    ERROR,
    RESUME,
    attached,
    delivered,
    got,
    msg,
    out,
    story,
)

HEARTBEAT = '{"action":0}'


def transcript_of(entries, **bounds):
    transcript = Transcript(**bounds)
    for entry in entries:
        transcript.restore(entry)
    return transcript


def numbers(reading, since):
    return [row.entry.number for part in reading.since(since) for row in part]


def found(reading):
    return {(finding.entry.number, finding.rule.name) for finding in reading.read().findings}


@pytest.fixture
def folded(monkeypatch):
    """The numbers of the entries that have been taken into any facts, linted or not."""
    numbers, take = [], Facts.take
    monkeypatch.setattr(
        Facts, "take", lambda facts, entry: (numbers.append(entry.number), take(facts, entry))[1]
    )
    return numbers


def test_however_many_look_each_entry_is_read_once(folded):
    transcript = transcript_of(story(*attached(), msg(0), ACK))
    panels = [
        panel(transcript) for panel in (FrameInspector, ConnectionPanel, Presence, Sequence) for _ in range(2)
    ]
    faces = [panel.html() for panel in panels]
    assert len(faces) == len(panels)
    lint(transcript), pairs(transcript), search(transcript, "is:broken"), sequence.svg(transcript)
    assert folded == list(range(6))
    transcript.record("a", "in", HEARTBEAT)
    for panel in panels:
        panel.refresh()
        panel.html()
    assert folded == list(range(7))


def test_everybody_gets_the_same_reading_and_it_goes_with_its_transcript():
    transcript = Transcript()
    assert Reading.of(transcript) is Reading.of(transcript)
    assert Reading.of(transcript) is not Reading.of(Transcript())
    reading = weakref.ref(Reading.of(transcript))
    del transcript
    gc.collect()
    assert reading() is None


def test_a_second_view_gets_rows_from_the_number_it_has(folded):
    transcript = Transcript()
    for _ in range(2 * PART + 5):
        transcript.record("a", "in", HEARTBEAT)
    reading, every = Reading.of(transcript), list(range(2 * PART + 5))
    assert numbers(reading, 0) == every
    assert numbers(reading, 2 * PART) == every[2 * PART :]
    assert numbers(reading, 10_000) == []
    assert folded == every


def test_a_part_is_read_when_it_is_asked_for(folded):
    transcript = Transcript()
    for _ in range(3 * PART):
        transcript.record("a", "in", HEARTBEAT)
    parts = Reading.of(transcript).since(0)
    assert len(next(parts)) == len(folded) == PART
    assert len(next(parts)) == PART
    assert len(folded) == 2 * PART
    Reading.of(transcript).read()
    assert len(next(parts)) == PART
    assert list(parts) == []
    assert folded == list(range(3 * PART))


def test_a_row_has_what_is_understood_of_its_entry():
    reading = Reading.of(transcript_of(story(msg(0), msg(2), got(1, msgSerial=0, count=3)))).read()
    asked, gap, answer = next(reading.since(2))
    assert (asked.ms, answer.ms, asked.answer.answer) == (None, 20, answer.entry)
    assert [pair.ask.number for pair in answer.answers] == [2, 3]
    assert [finding.rule.name for finding in gap.broken] == ["serial-gap"]
    assert reading.broken == {gap.entry.number, answer.entry.number}
    assert {finding.rule.name for finding in reading.findings} == {"serial-gap", "answer-to-nothing"}


def test_pairs_findings_and_what_waits_are_those_of_the_entries_alone():
    entries = story(*attached(), msg(0), msg(2), out(10, channel=":d"), ACK)
    reading = Reading.of(transcript_of(entries)).read()
    assert reading.pairs == pairs(entries) == pairs(transcript_of(entries))
    assert [str(f) for f in reading.findings] == [str(f) for f in lint(entries)]
    assert [entry.number for entry in reading.waiting] == [5, 6]


def test_connections_channels_and_members_are_known():
    presence = got(14, channel="c", connectionId="x", presence=[{"action": 2, "clientId": "ada"}])
    with Reading.of(transcript_of(story(*attached(), presence))) as known:
        assert known.facts("a").state == "connected"
        assert known.facts("a").channels["c"].attached
        assert [member.client_id for member in known.members("a").all] == ["ada"]
        assert known.facts("other").state == "initialized"
        assert known.members("other").all == []


def test_what_would_be_broken_is_asked_without_being_read(folded):
    *before, last = story(msg(0), msg(0))
    reading = Reading.of(transcript_of(before)).read()
    assert [finding.rule.name for finding in reading.peek(last)] == ["serial-not-rising"]
    assert len(folded) == len(before)


SESSIONS = {
    "publishes": story(*attached(), *(each for n in range(5) for each in (msg(n), got(1, msgSerial=n, count=1)))),
    "a resume": story(msg(7), got(1, msgSerial=7, count=1), msg(7), got(1, msgSerial=7, count=1), url=RESUME),
    "presence": story(
        *attached(ALL + int(Flag.HAS_PRESENCE)),
        got(16, channel="c", channelSerial="s:", presence=[{"action": 1, "clientId": "ada", "connectionId": "o"}]),
        ENTER, ACK, got(14, channel="c", connectionId="o", presence=[{"action": 3, "clientId": "ada"}]),
        out(14, channel="c", msgSerial=1, presence=[{"action": 3, "clientId": "me"}]), got(1, msgSerial=1, count=1),
        out(12, channel="c"), got(13, channel="c"), end=True,
    ),
    "deliveries": story(*attached(), *(delivered(f"o:{n}", f"0{n + 1}") for n in range(5)), out(7), got(8), end=True),
    "WebSocket pings": [
        *story(*attached(), url="wss://h/?heartbeats=false"),
        Entry(4, 90_000.0, "a", "out", "frame", '{"action":0,"id":"x"}'),
        Entry(5, 90_001.0, "a", "in", "ping", b""),
        Entry(6, 90_002.0, "a", "in", "frame", '{"action":0,"id":"x"}'),
    ],
    "MessagePack": [
        Entry(0, 0.0, "a", "out", "open", "wss://h/?format=msgpack"),
        Entry(1, 1.0, "a", "in", "frame", msgpack.encode(CONNECTED)),
        Entry(2, 2.0, "a", "in", "frame", msgpack.encode({"action": 0})),
    ],
    "an identity": story(
        *attached(), out(14, channel="c", msgSerial=0, presence=[{"action": 2}]), ACK,
        connected={"action": 4, "connectionId": "abc", "connectionDetails": {"clientId": "me"}},
    ),
    "a resume that failed": story(
        got(4, connectionId="def", connectionDetails={"x": 1}), url=RESUME,
        connected={"action": 4, "connectionId": "def", "connectionDetails": {"x": 1}, "error": {**ERROR, "code": 80018}},
    ),
    "a channel that is resumed": story(
        *attached(), out(12, channel="c"), got(13, channel="c"), out(10, channel="c", channelSerial="00"),
        got(11, channel="c", channelSerial="00", flags=ALL + int(Flag.RESUMED)),
    ),
    "silence that was asked for": story(
        msg(0), out(17, auth={"accessToken": "x"}), got(4, connectionId="abc", connectionDetails=DETAILS), 90_000,
        got(1, msgSerial=0, count=1), url="wss://h/?heartbeats=false",
    ),
    "a publish that is dropped": story(msg(0), ACK, msg(1), got(1, msgSerial=1, count=1), msg(0), msg(2), got(1, msgSerial=2, count=1), end=True),
}  # fmt: skip
"""Sessions in which nothing is broken, but for the last one."""


@pytest.mark.parametrize("name", SESSIONS)
def test_a_bounded_transcript_makes_no_false_findings(name):
    entries = SESSIONS[name]
    true = found(Reading.of(transcript_of(entries)))
    assert true <= {(6, "serial-not-rising")}
    for kept in range(1, len(entries)):
        late = Reading.of(transcript_of(entries, max_entries=kept))
        assert found(late) <= true, f"the newest {kept} of {len(entries)}"


@pytest.mark.parametrize("name", SESSIONS)
def test_entries_that_fell_out_between_two_looks_make_no_false_findings(name):
    entries = SESSIONS[name]
    true = found(Reading.of(transcript_of(entries)))
    for first in range(1, len(entries)):
        for gap in range(1, len(entries) - first):
            transcript = transcript_of(entries[:first], max_entries=first)
            reading = Reading.of(transcript).read()
            for entry in entries[first + gap :]:
                transcript.restore(entry)
                assert found(reading) <= true, f"without {first} to {first + gap - 1}"


def test_a_connection_that_goes_on_after_a_clear_is_not_judged_by_what_was_forgotten():
    transcript = transcript_of(story(*attached(), msg(0), ACK))
    reading = Reading.of(transcript).read()
    transcript.clear()
    transcript.record("a", "out", '{"action":15,"channel":"c","msgSerial":1,"messages":[{"data":"x"}]}')
    transcript.record("a", "in", '{"action":1,"msgSerial":1,"count":1}')
    assert reading.read().findings == []
    transcript.record("a", "out", "junk")
    assert [finding.rule.name for finding in reading.read().findings] == ["not-a-frame"]


def test_after_a_clear_nothing_is_known_even_when_as_much_came_before_the_next_look():
    transcript = transcript_of(story(msg(0)))
    reading = Reading.of(transcript).read()
    transcript.clear()
    for entry in story(out(10, channel=":c")):
        transcript.restore(structs.replace(entry, connection="b"))
    assert [(f.entry.connection, f.rule.name) for f in reading.read().findings] == [("b", "channel-name")]
    assert reading.facts("a").state == "initialized"


def test_a_new_connection_in_a_bounded_transcript_is_judged_in_full():
    broken = [
        structs.replace(entry, number=entry.number + 4, connection="b")
        for entry in story(out(12, channel="c"))
    ]
    reading = Reading.of(transcript_of([*story(msg(0), ACK), *broken], max_entries=4)).read()
    assert [(f.entry.number, f.rule.name) for f in reading.findings] == [(6, "detach-of-unattached")]


def test_what_fell_out_is_forgotten():
    transcript = Transcript(max_entries=10)
    reading = Reading.of(transcript)
    for n in range(40):
        transcript.record("a", "out", f'{{"action":10,"channel":"{n}"}}')
        if n % 2:
            transcript.record("a", "in", f'{{"action":11,"channel":"{n}","flags":null}}')
        reading.read()
    kept = range(transcript.lost, transcript.count)
    assert {finding.entry.number for finding in reading.findings} <= set(kept)
    assert all(pair.ask.number in kept or pair.answer.number in kept for pair in reading.pairs)
    assert all(entry.number in kept for entry in reading.waiting)
    for notes in (reading._broken, reading._answers, reading._answered):
        assert len(notes) <= len(kept)


def test_a_jump_of_numbers_costs_nothing():
    transcript = transcript_of(story(out(10, channel=":c")), max_entries=1)
    reading = Reading.of(transcript).read()
    assert len(reading.findings) == 1
    transcript.restore(Entry(10**30, 0.0, "a", "in", "frame", HEARTBEAT))
    assert reading.read().findings == []


def test_connections_that_ended_are_forgotten_when_their_entries_fell_out():
    transcript = Transcript(max_entries=20)
    reading = Reading.of(transcript)
    transcript.record("lives on", "out", "wss://h/", "open")
    for n in range(100):
        transcript.record(f"{n}", "out", "wss://h/", "open")
        transcript.record(f"{n}", "in", "1000", "close")
        reading.read()
    assert len(reading._linter._facts) == len(reading._members) == 11
    assert reading.facts("lives on").state == "connecting"


def test_threads_that_write_and_threads_that_read_get_on(folded):
    transcript, count = Transcript(), 1_500
    problems, done = [], threading.Event()

    def write(name):
        transcript.record(name, "out", "wss://h/", "open")
        transcript.record(
            name, "in", json.dumps({"action": 4, "connectionId": name, "connectionDetails": {"x": 1}})
        )
        for n in range(count):
            frame = {"action": 15, "channel": "c", "msgSerial": n, "messages": [{"data": "x"}]}
            transcript.record(name, "out", json.dumps(frame, separators=(",", ":")))
            transcript.record(name, "in", f'{{"action":1,"msgSerial":{n},"count":1}}')

    def look():
        seen = []
        try:
            while not done.is_set() or len(seen) < transcript.count:
                for rows in Reading.of(transcript).since(len(seen)):
                    seen += rows
                with Reading.of(transcript) as known:
                    assert known.facts("one").frames["out"] <= count
                    assert [pair for pair in known.pairs if pair.answer is None] == list(
                        map(pairs_of, known.waiting)
                    )
            assert [row.entry.number for row in seen] == list(range(transcript.count))
            assert not any(row.broken for row in seen)
            assert all(row.answers for row in seen if row.entry.action == "ACK")
        except BaseException as error:
            problems.append(error)

    def pairs_of(entry):
        return next(pair for pair in Reading.of(transcript).pairs if pair.ask is entry)

    writers = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    readers = [threading.Thread(target=look) for _ in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in readers:
        thread.join(60)
    assert problems == []
    assert folded == list(range(transcript.count)), "each once, in order"
    assert all(one.ask.number < two.ask.number for one, two in pairwise(Reading.of(transcript).pairs))


def test_a_linter_that_begins_late_does_not_ask_what_it_cannot_know():
    *_, late = story(msg(3))
    assert [finding.rule.name for finding in Linter().peek(late)] == ["before-connected", "serial-start"]
    assert Linter(whole=False).peek(late) == []
