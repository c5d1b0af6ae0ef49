"""What all panels do: follow a transcript, rest, link, stop."""

import threading

import pytest

from ablykit.panels import FrameInspector, Sequence
from ablykit.panels.panel import OfConnection, Panel, script, style
from ablykit.record.transcript import Transcript
from tests.panels.page import Page


def test_what_is_selected_in_one_panel_is_selected_in_all_of_its_transcript(transcript):
    one, two, other = FrameInspector(transcript), Sequence(transcript), FrameInspector(Transcript())
    two.selected = 1
    assert (one.selected, other.selected) == (1, -1)
    assert one.linked == [two]
    two.stop()
    one.selected = 0
    assert two.selected == 1


def test_a_stopped_panel_follows_no_longer(transcript, monkeypatch):
    panel = FrameInspector(transcript)
    page = Page(panel, monkeypatch)
    page.asks(want="rows")
    panel.stop()
    transcript.record("a", "in", '{"action":0}')
    assert not panel._scheduled
    assert page.rows == [0, 1]


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


def test_hostile_content_is_text_in_every_face():
    transcript = Transcript()
    transcript.record("a", "in", '{"action":11,"channel":"<img src=x onerror=alert(1)>\\u202e\\u001b[2J"}')
    panel = FrameInspector(transcript, title="<b>t</b>")
    for face in (panel.html(), str(panel)):
        assert "\u202e" not in face
        assert "\x1b" not in face
    assert "<img" not in panel.html()
    assert "<b>t</b>" not in panel.html()


class Plain(Panel):
    """A panel with nothing of its own, that counts."""

    refreshed = restarted = 0

    def refresh(self):
        self.refreshed += 1

    def restart(self):
        super().restart()
        self.restarted += 1

    def html(self):
        return "<p>plain</p>"


def test_another_transcript_can_be_shown(transcript):
    panel, other = Plain(transcript), Transcript()
    panel.selected = 1
    panel.watch(other)
    assert (panel.transcript, panel.selected, panel.restarted, panel.refreshed) == (other, -1, 1, 1)
    transcript.record("a", "in", '{"action":0}')
    assert not panel._scheduled
    other.record("a", "in", '{"action":0}')
    assert panel._scheduled
    panel.stop()


def test_in_a_notebook_it_is_a_widget_a_page_and_text(transcript):
    data, _ = Plain(transcript)._repr_mimebundle_()
    assert "<p>plain</p>" in data["text/html"]
    assert data["text/plain"] == str(transcript)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_a_panel_that_does_not_say_how_it_looks_is_none(transcript):
    panel = Panel(transcript)
    for look in (panel.refresh, panel.html):
        with pytest.raises(NotImplementedError):
            look()
    assert not panel.is_behind


def test_many_threads_make_one_refresh_due(transcript, monkeypatch):
    started = []
    monkeypatch.setattr("ablykit.panels.panel.threading.Timer.start", lambda timer: started.append(timer))
    panel = Plain(transcript)
    threads = [threading.Thread(target=panel._on_entry) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert started == [panel._timer]
    panel._timer = None


def test_a_script_comes_with_what_it_imports_once_and_a_style_after_the_shared_one():
    whole = script("sequence.js")
    assert "\nimport " not in whole
    assert not whole.startswith("import ")
    exports = [line for line in whole.splitlines() if line.startswith("export ")]
    assert len(exports) == 1, "only the panel itself"
    assert style("sequence.css").startswith(style("panel.css")[: len(style("panel.css")) // 2])


class One(OfConnection):
    def refresh(self):
        """Draw nothing."""


def test_a_panel_of_a_connection_has_the_one_named_or_the_first_until_another_transcript_is_watched(
    transcript,
):
    assert One(transcript, "b").connection == "b"
    other = Transcript()
    panel = One(other, None)
    assert panel.connection == ""
    other.record("c", "out", "x")
    assert panel.connection == "c"
    panel.watch(transcript)
    assert panel.connection == "a"
