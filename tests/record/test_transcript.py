"""What crossed the wire, written down."""

import threading

from ablykit.protocol import ApiKey
from ablykit.protocol.credentials import forget, remember
from ablykit.record.transcript import Transcript, line


def test_entries_are_numbered_and_tell_what_they_are():
    transcript = Transcript()
    transcript.record("a", "out", "wss://h/", "open")
    transcript.record("a", "in", '{"action":11,"channel":"c","flags":4}')
    transcript.record("a", "out", "junk")
    transcript.record("a", "in", b"\x81\xa6action\x00")
    transcript.record("a", "in", "[1]")
    assert [e.number for e in transcript] == [0, 1, 2, 3, 4]
    assert [e.action for e in transcript] == [
        "WebSocket open",
        "ATTACHED",
        "not a frame",
        "HEARTBEAT",
        "not a frame",
    ]
    assert (transcript[1].channel, transcript[1].summary, transcript[1].size) == (
        "c",
        "RESUMED",
        37,
    )
    assert transcript[3].text == '{"action": 0}'
    assert line(transcript[2]) == "   2 → not a frame  junk"
    assert transcript.began == transcript[0].at


def test_what_falls_out_is_counted():
    transcript = Transcript(max_entries=3)
    for n in range(5):
        transcript.record("a", "in", f'{{"action":{n}}}')
    assert (len(transcript), transcript.lost) == (3, 2)
    assert [e.number for e in transcript.since(0)] == [2, 3, 4]
    assert [e.number for e in transcript.since(4)] == [4]
    assert str(transcript).startswith("(2 earlier entries fell out)")
    assert str(Transcript()) == "(nothing yet)"


def test_gaps_in_the_numbers_are_told_and_shift_nothing():
    whole, holed = Transcript(), Transcript()
    for entry in [whole.record("a", "in", "x") for _ in range(30)]:
        if entry.number % 3:
            holed.restore(entry)
    assert [e.number for e in holed.since(25)] == [25, 26, 28, 29]
    assert (holed.lost, holed.count, len(holed)) == (1, 30, 20)
    assert list(map(list, holed.missing)) == [[n] for n in range(3, 30, 3)]
    assert str(holed).splitlines()[:2] == [
        "(1 earlier entry fell out)",
        "(9 entries are missing: 3, 6, 9, 12, 15, …; what depends on them may look unanswered or wrong)",
    ]
    assert whole.notes == []


def test_listeners_hear_until_they_stop():
    transcript, heard = Transcript(), []
    stop = transcript.listen(lambda entry: heard.append(entry.number))
    transcript.record("a", "in", "x")
    stop()
    stop()
    transcript.record("a", "in", "x")
    assert heard == [0]


def test_threads_may_record_at_once():
    transcript = Transcript()
    threads = [
        threading.Thread(target=lambda: [transcript.record("a", "in", "x") for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.number for e in transcript] == list(range(800))


def test_what_a_ping_carries_is_told_in_words():
    transcript = Transcript()
    pings = [transcript.record("a", "in", raw, "ping") for raw in (b"", b"\x0a", b"\x00" * 20)]
    assert [ping.summary for ping in pings] == ["empty", "1 byte: 0a", "20 bytes: " + "00 " * 15 + "00 …"]
    message = transcript.record("a", "in", b"\x82\xa6action\x0f\xa8messages\x91\x81\xa4data\xc4\x00")
    assert message.summary == "empty"
    assert "b'" not in str(transcript)
    assert "b'" not in message.text


def test_a_failing_listener_stops_neither_the_others_nor_the_recording_nor_a_clearing(caplog):
    transcript, heard = Transcript(), []

    def fail(*_):
        raise RuntimeError("no such row")

    transcript.listen(fail, fail)
    transcript.listen(heard.append, lambda: heard.append("cleared"))
    entry = transcript.record("a", "in", "x")
    transcript.clear()
    assert heard == [entry, "cleared"]
    assert [record.exc_info[1].args for record in caplog.records] == [("no such row",)] * 2


def test_a_known_secret_is_never_written_down():
    key = ApiKey("a", "b", "s3cr3t-value")
    remember(key)
    try:
        transcript = Transcript()
        transcript.record("a", "out", '{"data":"s3cr3t-value"}')
        transcript.record("a", "out", b"\xacs3cr3t-value")
        assert transcript[0].raw == '{"data":"****"}'
        assert b"s3cr3t" not in transcript[1].raw
        assert transcript[1].size == 13
    finally:
        forget(key)


def test_hostile_names_are_made_visible():
    transcript = Transcript()
    transcript.record("a", "in", '{"action":11,"channel":"\\u001b[31m\\u202e"}')
    assert transcript[0].channel == "\\u001b[31m\\u202e"
    assert "\x1b" not in str(transcript)


def test_what_is_cleared_begins_anew_and_listeners_are_told():
    transcript, told = Transcript(), []
    stop = transcript.listen(lambda entry: told.append(entry.number), lambda: told.append("cleared"))
    transcript.record("a", "in", "x")
    transcript.clear()
    transcript.record("a", "in", "y")
    stop()
    transcript.clear()
    assert told == [0, "cleared", 0]
    assert (len(transcript), transcript.began, transcript.lost) == (0, 0, 0)


def test_a_restored_entry_is_heard_of_too():
    transcript, heard = Transcript(), []
    other = Transcript()
    transcript.listen(heard.append)
    entry = other.record("a", "in", "x")
    transcript.restore(entry)
    assert heard == [entry]


def test_a_copy_has_what_is_there_by_now_and_goes_its_own_way():
    transcript = Transcript()
    transcript.record("a", "in", "x")
    copy = transcript.copy()
    transcript.record("a", "in", "y")
    assert list(copy) == list(transcript)[:1]
    assert (copy.count, transcript.count) == (1, 2)


def test_an_empty_transcript_is_one_all_the_same():
    assert Transcript()
    assert repr(Transcript()) == "<Transcript of 0 entries>"


def test_messagepack_is_read_as_json_and_junk_as_itself():
    transcript = Transcript()
    for raw, text in ((b"\x81\xa6action\x00", '{"action": 0}'), (b"\xc1", "1 byte: c1"), ("junk", "junk")):
        assert transcript.record("a", "in", raw).text == text
