"""What a session shows, line by line."""

from ablykit.console import Lines, Note, Session
from ablykit.console.lines import line_of
from ablykit.sdks.own import Own


def test_frames_and_notes_come_in_their_order_and_once(no_leftovers):
    with Session(Own, channel="c") as session:
        lines = Lines(session)
        session.press("a").result(5)
        session.press("?").result(0)
        session.press("m", "hello").result(5)
        first = [(line.arrow, line.badge) for line in lines.new()]
        assert list(lines.new()) == []
    assert first[:5] == [
        ("→", "WebSocket open"),
        ("←", "CONNECTED"),
        ("→", "ATTACH"),
        ("←", "ATTACHED"),
        (" ", "note"),
    ]
    assert ("→", "MESSAGE") in first[5:]
    assert [line.badge for line in lines.new()][-1] == "WebSocket close"


def test_a_line_says_when_what_and_where():
    with Session(Own, channel="c") as session:
        session.press("m", "hello").result(5)
        line = next(line for line in Lines(session).new() if line.badge == "MESSAGE")
    assert (line.kind, line.channel, line.text) == ("message", "c", "msgSerial 0; hello")
    assert len(line.time) == len("12:34:56.789")


def test_a_note_is_a_line_without_an_arrow():
    line = line_of(Note(0.0, 3, "No."))
    assert (line.number, line.arrow, line.badge, line.kind, line.text) == (2, " ", "note", "error", "No.")


def test_heartbeats_are_left_out_unless_wanted(ably):
    with Session(Own, ably) as session:
        assert session.press("a").result(5)
        ably.advance(60)
        assert session.press("d").result(5)
        shown = {
            wanted: [line.badge for line in Lines(session, heartbeats=wanted).new()]
            for wanted in (True, False)
        }
    assert "HEARTBEAT" in shown[True]
    assert [badge for badge in shown[True] if badge != "HEARTBEAT"] == shown[False]
