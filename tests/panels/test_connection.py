"""The connection panel: its state follows the frames."""

import threading

from ablykit import wire
from ablykit.panels import ConnectionPanel
from ablykit.panels.connection import timers
from ablykit.record import Reading
from ablykit.record.transcript import Transcript
from tests.panels.page import CONNECTED

OPEN = ("out", "wss://h/?key=x", "open")


def test_facts_are_those_of_ones_own_connection_only():
    transcript = Transcript()
    panel = ConnectionPanel(transcript)
    assert (panel.facts["name"], panel.facts["state"]) == ("", "initialized")
    transcript.record("a", "in", CONNECTED)
    transcript.record("b", "in", '{"action":8}')
    transcript.record("a", "out", "x")
    for _ in range(2):
        panel.refresh()
        assert panel.facts["frames"] == {"in": 1, "out": 1}
    assert panel.facts["bytes"] == {"in": len(CONNECTED), "out": 1}
    assert [panel.facts[name] for name in ("name", "state", "before")] == ["a", "connected", "initialized"]
    assert ["connectionId", "abc"] in panel.facts["ids"]
    assert ["maxMessageSize", "16,384 bytes"] in [limit[:2] for limit in panel.facts["limits"]]
    assert ConnectionPanel(transcript, "b").facts["state"] == "closed"


def test_another_transcript_has_another_first_connection():
    one, two = Transcript(), Transcript()
    one.record("a", *OPEN)
    two.record("b", *OPEN)
    panel = ConnectionPanel(one)
    panel.watch(two)
    assert panel.facts["name"] == "b"


def test_timers_run_while_there_is_something_to_wait_for():
    transcript = Transcript()

    def now(*entry, later=0.0):
        if entry:
            transcript.record("a", *entry)
        with Reading.of(transcript) as known:
            return timers(known.facts("a"), known.waiting, transcript[-1].at + later)

    def names(*entry):
        return [timer["name"] for timer in now(*entry)]

    details = CONNECTED.replace('"connectionKey"', '"connectionStateTtl":120000,"connectionKey"')
    assert names(*OPEN) == ["unanswered"]
    assert names("in", details) == ["silence"]
    (silence,) = now(later=5_000)
    assert (silence["age"], silence["limit"]) == (5_000, 15_000)
    assert names("out", '{"action":10,"channel":"c"}') == ["silence", "unanswered"]
    assert names("in", '{"action":11,"channel":"c"}') == ["silence"]
    assert names("in", "1006", "close") == ["kept"]
    assert now(later=1_000)[0]["age"] == 1_000
    assert names(*OPEN) == ["unanswered"]
    assert Reading.of(transcript).facts("a").before == "disconnected"


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
