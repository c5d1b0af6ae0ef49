"""Panels without a browser: their data, their text, and their face without a kernel."""

import threading

import pytest

from ablykit import wire
from ablykit.panels import ConnectionPanel, FrameInspector, SideBySide
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
        ([OPEN, ("in", CONNECTED), ("in", "1006", "close")], "closed", "WebSocket closed: 1006"),
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
    assert (facts.received, facts.sent, facts.state, facts.connection_id) == (
        1,
        1,
        "connected",
        "abc",
    )
    assert facts.max_idle == 15_000
    assert ("maxMessageSize", "16,384 bytes") in [limit[:2] for limit in facts.limits]
    page = facts.for_page()
    assert page["heartbeats"]
    assert 0 <= page["silence"] < 5_000


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
