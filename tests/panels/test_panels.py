"""Panels without a browser: their data, their text, and their face without a kernel."""

import json
import shlex
import subprocess
import sys
import threading

import pytest

from ablykit import wire
from ablykit.panels import Composer, ConnectionPanel, FrameInspector, Sequence, SideBySide
from ablykit.panels.connection import Facts
from ablykit.transcript import Transcript

CONNECTED = (
    '{"action":4,"connectionId":"abc","connectionDetails":{"clientId":"*","maxMessageSize":16384,'
    '"maxIdleInterval":15000,"connectionKey":"k"}}'
)


@pytest.fixture
def transcript():
    made = Transcript()
    made.record("a", "out", "wss://h/?key=x.y:****", "open")
    made.record("a", "in", CONNECTED)
    return made


class Page:
    """A page that shows a panel: what it asks, and what it is sent."""

    def __init__(self, panel, monkeypatch):
        self.sent, self.panel, self._news = [], panel, threading.Condition()
        monkeypatch.setattr(panel, "to_page", self._take)

    def asks(self, **content):
        self.panel._on_page(self.panel, content, [])

    def waits_for(self, *rows):
        with self._news:
            assert self._news.wait_for(lambda: self.rows == list(rows), timeout=5), self.rows

    @property
    def rows(self):
        return [row["number"] for message in self.sent for row in message.get("rows", ())]

    def _take(self, message):
        with self._news:
            self.sent.append(message)
            self._news.notify_all()


def test_what_happened_before_a_page_asks_is_not_lost(transcript, monkeypatch):
    page = Page(FrameInspector(transcript), monkeypatch)
    transcript.record("a", "in", '{"action":0}')
    page.panel.refresh()
    assert page.sent == []
    page.asks(want="rows")
    assert page.rows == [0, 1, 2]
    transcript.record("a", "in", '{"action":0}')
    page.waits_for(0, 1, 2, 3)


def test_many_frames_go_in_few_messages(transcript, monkeypatch):
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    for _ in range(5_000):
        transcript.record("a", "in", '{"action":0}')
    page.waits_for(*range(5_002))
    assert len(page.sent) < 100


def test_a_row_says_what_crossed_the_wire(transcript, monkeypatch):
    page = Page(FrameInspector(transcript, title="Mine"), monkeypatch)
    page.asks(want="rows")
    assert page.sent[0]["title"] == "Mine"
    row = page.sent[0]["rows"][1]
    assert row | {"time": ""} == {
        "number": 1, "time": "", "direction": "in", "kind": "frame", "action": "CONNECTED", "channel": "",
        "summary": "connection abc", "size": len(CONNECTED), "connection": "a", "code": None,
        "ms": row["ms"], "broken": [],
    }  # fmt: skip


def test_a_row_tells_how_long_its_answer_took_and_which_rules_it_breaks(transcript, monkeypatch):
    transcript.record("a", "out", '{"action":10,"channel":":c"}')
    transcript.record(
        "a", "in", '{"action":9,"channel":":c","error":{"code":40010,"statusCode":400,"message":"no"}}'
    )
    panel = FrameInspector(transcript)
    page = Page(panel, monkeypatch)
    page.asks(want="rows")
    asked, answer = page.sent[0]["rows"][2:]
    assert (asked["ms"], answer["code"], answer["broken"]) == (None, 40010, [])
    assert answer["ms"] == transcript[3].at - transcript[2].at
    assert asked["broken"][0].startswith("channel-name (RTS3, client): Channel names keep")
    page.asks(want="detail", number=2)
    assert page.sent[-1]["detail"]["broken"] == asked["broken"]
    assert "⚠" in panel.html()


def test_notes_are_forgotten_with_what_falls_out():
    transcript = Transcript(max_entries=5)
    panel = FrameInspector(transcript)
    for _ in range(50):
        transcript.record("a", "out", "junk")
        panel.html()
    assert list(panel._notes.broken) == list(range(45, 50))


def test_a_frame_is_explained_when_a_page_asks(transcript, monkeypatch):
    transcript.record("a", "out", "junk")
    page = Page(FrameInspector(transcript), monkeypatch)
    for number, title in ((1, "CONNECTED (action 4)"), (0, "WebSocket open"), (2, "Not a frame")):
        page.asks(want="detail", number=number)
        assert page.sent[-1]["detail"]["title"] == title
    assert page.sent[-1]["detail"]["raw"] == "junk"
    for number in (99, None, "x"):
        page.asks(want="detail", number=number)
        assert "no longer kept" in page.sent[-1]["detail"]["title"]
    page.asks(want="nonsense")


def test_the_face_without_a_kernel_is_a_table_and_text(transcript):
    panel = FrameInspector(transcript)
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == str(transcript) == str(panel)
    assert ">CONNECTED</td>" in data["text/html"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_a_long_face_is_cut_and_says_so():
    transcript = Transcript(max_entries=300)
    for _ in range(400):
        transcript.record("a", "in", '{"action":0}')
    html = FrameInspector(transcript).html()
    assert html.count("<tr") == 201
    assert "200 earlier rows are not shown" in html


def test_hostile_content_is_text_in_every_face():
    transcript = Transcript()
    transcript.record("a", "in", '{"action":11,"channel":"<img src=x onerror=alert(1)>\\u202e\\u001b[2J"}')
    panel = FrameInspector(transcript, title="<b>t</b>")
    for face in (panel.html(), str(panel)):
        assert "\u202e" not in face
        assert "\x1b" not in face
    assert "<img" not in panel.html()
    assert "<b>t</b>" not in panel.html()


def test_a_stopped_panel_follows_no_longer(transcript, monkeypatch):
    panel = FrameInspector(transcript)
    page = Page(panel, monkeypatch)
    page.asks(want="rows")
    panel.stop()
    transcript.record("a", "in", '{"action":0}')
    assert not panel._scheduled
    assert page.rows == [0, 1]


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
    with wire.open(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
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


def test_two_panels_stand_side_by_side(transcript):
    both = SideBySide(FrameInspector(transcript, title="one"), FrameInspector(transcript, title="two"))
    data = both._repr_mimebundle_()
    assert data["text/html"].count("<table") == 2
    assert data["text/plain"].count("CONNECTED") == 2


def test_what_is_selected_in_one_panel_is_selected_in_all_of_its_transcript(transcript):
    one, two, other = FrameInspector(transcript), Sequence(transcript), FrameInspector(Transcript())
    two.selected = 1
    assert (one.selected, other.selected) == (1, -1)
    assert one.linked == [two]
    two.stop()
    one.selected = 0
    assert two.selected == 1


def test_a_cleared_transcript_is_shown_from_its_new_beginning(transcript, monkeypatch):
    panel = FrameInspector(transcript)
    page = Page(panel, monkeypatch)
    page.asks(want="rows")
    panel.selected = 1
    transcript.clear()
    transcript.record("a", "in", '{"action":0}')
    page.waits_for(0, 1, 0)
    assert {"reset": True} in page.sent
    assert panel.selected == -1


def test_frames_are_found_by_an_expression_now_and_as_they_come(transcript, monkeypatch):
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    page.asks(want="find", expression="connectionId == 'abc'")
    assert page.sent[-1] == {"found": [{"expression": "connectionId == 'abc'", "numbers": [1]}]}
    transcript.record("a", "in", CONNECTED)
    page.waits_for(0, 1, 2)
    assert page.sent[-1]["found"] == [{"expression": "connectionId == 'abc'", "numbers": [2]}]
    page.asks(want="find", expression="[")
    assert page.sent[-1]["notice"].startswith("Not a JMESPath expression")


def test_a_recording_is_saved_opened_and_left_again(transcript, monkeypatch):
    panel = FrameInspector(transcript, title="Mine")
    page = Page(panel, monkeypatch)
    page.asks(want="rows")
    page.asks(want="save")
    file = page.sent[-1]["file"]
    assert file["name"].endswith(".jsonl")
    page.asks(want="open", name="junk.txt", text="junk")
    assert "no recording" in page.sent[-1]["notice"]
    assert panel.transcript is transcript
    page.asks(want="open", name="talk.jsonl", text=file["text"])
    batch = next(message for message in reversed(page.sent) if "rows" in message)
    assert (batch["title"], batch["live"], len(batch["rows"])) == ("talk.jsonl", False, 2)
    assert list(panel.transcript) == list(transcript)
    page.asks(want="live")
    assert panel.transcript is transcript
    assert (page.sent[-1]["title"], page.sent[-1]["live"]) == ("Mine", True)


def test_a_frame_can_be_taken_along(transcript, monkeypatch):
    transcript.record("a", "out", '{"action":10,"channel":"it\'s"}')
    transcript.record("a", "out", "junk")
    page = Page(FrameInspector(transcript), monkeypatch)

    def copies(number):
        page.asks(want="detail", number=number)
        return page.sent[-1]["detail"]["copies"]

    assert copies(0) == {"command": "ablykit connect 'wss://h/?key=x.y:****'"}
    assert copies(1)["cell"] == 'conn.recv("CONNECTED")'
    out = copies(2)
    assert out["cell"] == """conn.send({'action': 10, 'channel': "it's"})"""
    assert out["Python dict"] == """{'action': 10, 'channel': "it's"}"""
    command = shlex.split(out["ablykit connect"])
    assert command == [
        "echo",
        '{"action":10,"channel":"it\'s"}',
        "|",
        "ablykit",
        "connect",
        "wss://h/?key=x.y:****",
    ]
    assert out["websocat"].endswith('| websocat -n "wss://h/?key=$ABLY_API_KEY"')
    assert copies(3)["cell"] == "conn.send('junk')"


def test_what_is_copied_as_a_cell_or_a_command_works(ably):
    with wire.open(f"{ably.tls_url}?key={ably.key}") as conn:
        conn.recv("CONNECTED")
        conn.send({"action": 10, "channel": "it's"})
        conn.recv("ATTACHED")
        panel = FrameInspector(conn)
        number = next(entry.number for entry in conn.transcript if entry.action == "ATTACH")
        forms = panel._detail(number)["copies"]
        eval(forms["cell"], {"conn": conn})
        conn.recv("ATTACHED")
        command = forms["ablykit connect"].replace("ablykit ", f"{sys.executable} -m ablykit ", 1)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert '"channel":"it\'s","channelSerial"' in done.stdout, done.stderr


def test_a_frame_goes_into_the_composer_to_be_sent_again(ably, monkeypatch):
    with wire.open(f"{ably.tls_url}?key={ably.key}") as conn:
        conn.send({"action": 10, "channel": "c"})
        conn.recv("ATTACHED")
        page = Page(FrameInspector(conn), monkeypatch)
        number = next(entry.number for entry in conn.transcript if entry.action == "ATTACH")
        page.asks(want="compose", number=number)
        assert "Composer(conn)" in page.sent[-1]["notice"]
        composer = Composer(conn)
        page.asks(want="compose", number=number)
        assert json.loads(composer.draft) == {"action": 10, "channel": "c"}
        assert "in the composer" in page.sent[-1]["notice"]
        assert '"channel": "c"' in str(composer)
        assert composer.send_text(composer.draft) == ""
        conn.recv("ATTACHED")


def test_a_detail_has_bytes_size_and_the_other_half(transcript, monkeypatch):
    transcript.record("a", "out", '{"action":15,"channel":"c","msgSerial":0,"messages":[{"data":"xyz"}]}')
    transcript.record("a", "in", b"\x84\xa6action\x01\xa9msgSerial\x00\xa5count\x01\xa7channel\xa1c")
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="detail", number=2)
    asked = page.sent[-1]["detail"]
    assert "3 of 16,384 = 0.0%" in [row["value"] for row in asked["rows"]]
    assert "payload of 69 bytes" in asked["bytes"]
    assert asked["pair"]["number"] == 3
    assert asked["pair"]["text"].startswith("answered by #3, after ")
    page.asks(want="detail", number=3)
    answer = page.sent[-1]["detail"]
    assert answer["pair"]["text"].startswith("answers #2, after ")
    assert '"msgSerial"' in answer["bytes"]


def test_what_is_unanswered_is_told(transcript, monkeypatch):
    transcript.record("a", "out", '{"action":10,"channel":"c"}')
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    assert page.sent[-1]["waiting"] == [2]
    transcript.record("a", "in", '{"action":11,"channel":"c"}')
    page.waits_for(0, 1, 2, 3)
    assert page.sent[-1]["waiting"] == []


def test_a_panel_rests_longer_the_longer_it_works_while_more_comes(transcript, monkeypatch):
    panel = FrameInspector(transcript)
    panel.stop()
    for more, behind, rest in (
        (True, False, 8.0),
        (True, True, 60.0),
        (False, True, 0.05),
        (False, False, 0.05),
    ):
        panel._behind = behind
        clock = iter([0.0, 1.0])
        monkeypatch.setattr("ablykit.panels.panel.time.thread_time", lambda clock=clock: next(clock))
        monkeypatch.setattr(panel, "refresh", lambda more=more: more and transcript.record("a", "in", "x"))
        panel._refresh_now()
        assert panel._rest == rest
        panel.stop()


def test_an_update_takes_a_moment_and_the_rest_comes_next(monkeypatch):
    monkeypatch.setattr("ablykit.panels.inspector.BUDGET", 0.0)
    transcript = Transcript()
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    for _ in range(1_000):
        transcript.record("a", "in", '{"action":0}')
    page.waits_for(*range(1_000))
    assert max(len(message["rows"]) for message in page.sent) <= 250
