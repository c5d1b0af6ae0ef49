"""The connection panel: its state follows the frames."""

import threading

import pytest

from ablykit import wire
from ablykit.panels import ConnectionPanel
from ablykit.panels.connection import Facts
from ablykit.record.transcript import Transcript
from tests.panels.page import CONNECTED


def facts_of(*entries):
    transcript, facts = Transcript(), Facts("a")
    for entry in entries:
        facts.take(transcript.record("a", *entry))
    return facts


OPEN = ("out", "wss://h/?key=x", "open")


ERROR = '{"action":9,"error":{"code":40101,"message":"Who?"}}'


@pytest.mark.parametrize(
    ("entries", "state", "reason"),
    [
        ([OPEN], "connecting", ""),
        ([OPEN, ("in", CONNECTED)], "connected", ""),
        ([OPEN, ("in", ERROR)], "failed", "40101: Who?"),
        ([OPEN, ("in", ERROR), ("in", "1000 40101", "close")], "failed", "40101: Who?"),
        ([OPEN, ("in", CONNECTED), ("in", ERROR)], "connected", ""),
        ([OPEN, ("in", CONNECTED), ("in", '{"action":8}')], "closed", ""),
        ([OPEN, ("in", CONNECTED), ("in", "1006", "close")], "disconnected", "WebSocket closed: 1006"),
        ([OPEN, ("in", CONNECTED), ("out", '{"action":7}')], "closing", ""),
        (
            [OPEN, ("in", CONNECTED), ("out", '{"action":7}'), ("in", "1000", "close")],
            "closed",
            "WebSocket closed: 1000",
        ),
        ([], "initialized", ""),
        ([OPEN, ("in", "1006", "close")], "disconnected", "WebSocket closed: 1006"),
        (
            [
                OPEN,
                ("in", CONNECTED),
                ("in", '{"action":6,"error":{"code":80003,"message":"Bye"}}'),
            ],
            "disconnected",
            "80003: Bye",
        ),
    ],
)
def test_the_state_follows_the_frames(entries, state, reason):
    facts = facts_of(*entries)
    assert (facts.state, facts.reason) == (state, reason)


def test_facts_are_counted_once_and_for_ones_own_connection_only():
    transcript, facts = Transcript(), Facts("a")
    mine = transcript.record("a", "in", CONNECTED)
    facts.take(mine)
    facts.take(mine)
    facts.take(transcript.record("b", "in", '{"action":8}'))
    facts.take(transcript.record("a", "out", "x"))
    assert facts.frames == {"in": 1, "out": 1}
    assert facts.bytes == {"in": len(CONNECTED), "out": 1}
    assert (facts.state, facts.before, facts.connection_id) == ("connected", "initialized", "abc")
    assert facts.max_idle == 15_000
    assert ("maxMessageSize", "16,384 bytes") in [limit[:2] for limit in facts.limits]
    (silence,) = facts.timers(mine.at + 5_000)
    assert (silence["name"], silence["age"], silence["limit"]) == ("silence", 5_000, 15_000)


def test_timers_run_while_there_is_something_to_wait_for():
    transcript, facts = Transcript(), Facts("a")

    def now(*entry):
        facts.take(transcript.record("a", *entry))
        return [timer["name"] for timer in facts.timers(transcript[-1].at)]

    details = CONNECTED.replace('"connectionKey"', '"connectionStateTtl":120000,"connectionKey"')
    assert now(*OPEN) == ["unanswered"]
    assert now("in", details) == ["silence"]
    assert now("out", '{"action":10,"channel":"c"}') == ["silence", "unanswered"]
    assert now("in", '{"action":11,"channel":"c"}') == ["silence"]
    assert now("in", "1006", "close") == ["kept"]
    assert facts.timers(transcript[-1].at + 1_000)[0]["age"] == 1_000
    assert now(*OPEN) == ["unanswered"]
    assert facts.before == "disconnected"


def test_a_ping_is_a_sign_of_life():
    facts = facts_of(OPEN, ("in", CONNECTED), ("in", b"", "ping"))
    assert facts.frames["in"] == 1
    assert facts.last_in > 0


def test_the_connection_panel_shows_a_real_connection(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        conn.recv("CONNECTED")
        panel = ConnectionPanel(conn)
        assert panel.facts["state"] == "connected"
        assert panel.facts["heartbeats"] is False
        assert str(panel).splitlines()[0] == "connected"
        assert "maxFrameSize" in panel.html()
        closed = threading.Event()
        panel.observe(lambda change: closed.set() if change["new"]["state"] == "closed" else None, "facts")
        conn.send({"action": 7})
        assert closed.wait(5)
