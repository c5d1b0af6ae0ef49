"""The frame inspector without a browser: its data, its text, and its face without a kernel."""

import json

import pytest

from ablykit import wire
from ablykit.panels import Composer, FrameInspector
from ablykit.record.transcript import Transcript
from tests.panels.page import CONNECTED, Page


def test_a_row_says_what_crossed_the_wire(transcript, monkeypatch):
    page = Page(FrameInspector(transcript, title="Mine"), monkeypatch)
    page.asks(want="rows")
    assert page.sent[0]["title"] == "Mine"
    row = page.sent[0]["rows"][1]
    assert row | {"time": ""} == {
        "number": 1, "time": "", "direction": "in", "kind": "frame", "action": "CONNECTED", "channel": "",
        "summary": "connection abc", "size": len(CONNECTED), "connection": "a", "code": None,
        "ms": row["ms"], "answers": [0], "broken": [],
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
    assert asked["broken"][0].startswith("channel-name (RTS3, client): Channel names follow")
    page.asks(want="detail", number=2)
    assert page.sent[-1]["detail"]["broken"] == asked["broken"]
    assert "⚠" in panel.html()


def test_notes_are_forgotten_with_what_falls_out():
    transcript = Transcript(max_entries=5)
    panel = FrameInspector(transcript)
    for _ in range(50):
        transcript.record("a", "out", "junk")
        panel.html()
    assert panel.reading.broken == set(range(45, 50))


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


def test_frames_are_found_by_an_expression_now_and_as_they_come(transcript, monkeypatch):
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    page.asks(want="find", expression="connectionId == 'abc'")
    asked = {"expression": "connectionId == 'abc'", "numbers": [1]}
    assert page.sent[-1] == {"found": [{**asked, "all": True}]}
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


def test_a_frame_goes_into_the_composer_to_be_sent_again(ably, monkeypatch):
    with wire.connect(f"{ably.tls_url}?key={ably.key}") as conn:
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


def test_an_update_takes_a_moment_and_the_rest_comes_next(monkeypatch):
    monkeypatch.setattr("ablykit.panels.inspector.BUDGET", 0.0)
    transcript = Transcript()
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    for _ in range(1_000):
        transcript.record("a", "in", '{"action":0}')
    page.waits_for(*range(1_000))
    assert max(len(message["rows"]) for message in page.sent) <= 250


def test_a_view_gets_the_rows_from_the_number_its_page_has_on(transcript, monkeypatch):
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows", **{"from": 0})
    page.sent.clear()
    page.asks(want="rows", **{"from": 2})
    assert [(message["from"], message["rows"]) for message in page.sent] == [(2, [])]
    for number, rows in ((1, [1]), (99, []), (-5, [0, 1]), (None, [0, 1]), ("x", [0, 1])):
        page.sent.clear()
        page.asks(want="rows", **{"from": number})
        assert page.rows == rows, number


def test_each_message_says_from_which_number_on_nothing_is_missing(monkeypatch):
    transcript = Transcript(max_entries=600)
    for _ in range(1_000):
        transcript.record("a", "in", '{"action":0}')
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows", **{"from": 0})
    assert [message["from"] for message in page.sent] == [0, 650, 900]
    assert page.rows == list(range(400, 1_000))


@pytest.mark.parametrize("expression", ["channel < `3`", "ceil(`1e999`)", 'max(`[1, "x"]`)', "(" * 2_000])
def test_no_expression_stops_a_live_inspector(transcript, monkeypatch, expression):
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    page.asks(want="find", expression=expression)
    for _ in range(5):
        transcript.record("a", "in", '{"action":11,"channel":"c"}')
    page.waits_for(*range(7))


def test_an_answer_tells_all_that_it_answers(transcript, monkeypatch):
    for serial in range(3):
        transcript.record("a", "out", f'{{"action":15,"channel":"c","msgSerial":{serial},"messages":[]}}')
    transcript.record("a", "in", '{"action":1,"msgSerial":0,"count":3}')
    page = Page(FrameInspector(transcript), monkeypatch)
    page.asks(want="rows")
    assert [row["answers"] for row in page.sent[0]["rows"]] == [[], [0], [], [], [], [2, 3, 4]]
    page.asks(want="detail", number=5)
    assert page.sent[-1]["detail"]["pair"]["text"].startswith("answers #2 and 2 more, after ")
    assert page.sent[-1]["detail"]["pair"]["number"] == 2


def test_the_face_without_a_kernel_hides_pings_and_tells_clients_apart(transcript):
    transcript.record("a", "in", b"", "ping")
    assert "connection" not in FrameInspector(transcript).html().replace("connection abc", "")
    transcript.record("b", "out", b"", "pong")
    transcript.record("b", "out", "junk")
    html = FrameInspector(transcript).html()
    assert "2 WebSocket pings and pongs are not shown" in html
    assert ">connection</th>" in html
    assert "WebSocket ping<" not in html
    assert "of #0" in html
