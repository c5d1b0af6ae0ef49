"""The sequence panel, with and without a kernel."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from traitlets import TraitError

from ablykit.panels import Sequence
from ablykit.panels.sequence import SHOWN
from ablykit.record.sequence import mermaid, svg
from ablykit.record.transcript import Entry, Transcript
from tests.panels.page import Page


def numbers(drawing):
    return [g.get("data-number") for g in ElementTree.fromstring(drawing).iter() if g.get("data-number")]


def test_it_is_drawn_anew_when_more_crosses_the_wire(transcript):
    panel = Sequence(transcript)
    assert numbers(panel.drawing) == ["0", "1"]
    transcript.record("a", "in", '{"action":0}')
    panel.refresh()
    assert numbers(panel.drawing) == ["0", "1", "2"]


def test_time_can_be_drawn_as_it_passed():
    spread = Transcript()
    for number, at in enumerate((1, 2, 9_000)):
        spread.restore(Entry(number, at, "a", "in", "frame", '{"action":0}'))
    panel = Sequence(spread)
    even = panel.drawing
    panel.spacing = "time"
    assert panel.drawing == svg(spread, "time") != even
    with pytest.raises(TraitError, match="odd"):
        Sequence(spread, spacing="odd")


def test_of_many_entries_the_newest_are_drawn():
    transcript = Transcript()
    for _ in range(SHOWN + 5):
        transcript.record("a", "in", '{"action":0}')
    drawn = numbers(Sequence(transcript).drawing)
    assert (len(drawn), drawn[0]) == (SHOWN, "5")


def test_what_is_drawn_is_judged_by_all_that_came_before(publishes):
    panel = Sequence(publishes(100))
    assert panel.left_out == 201 - SHOWN
    assert "⚠" not in panel.drawing + panel.html(), "each publish was on a channel attached to long ago"


def test_all_is_judged_anew_when_a_replay_goes_back(publishes):
    transcript = publishes(100)
    panel = Sequence(transcript)
    transcript.clear()
    transcript.record("a", "out", '{"action":15,"channel":"c"}')
    panel.refresh()
    assert numbers(panel.drawing) == ["0"]
    assert "⚠" in panel.drawing


def test_it_says_how_many_are_not_drawn_and_draws_more_when_asked(publishes):
    panel = Sequence(publishes(150))
    assert panel.left_out == 101
    for said in (panel.drawing, panel.mermaid()):
        assert "… 101 earlier entries are not drawn" in said
    panel.shown = SHOWN + 200
    assert panel.left_out == 0
    assert len(numbers(panel.drawing)) == 301
    assert "not drawn" not in panel.drawing


@pytest.fixture
def publishes():
    """A transcript of one client that publishes a number of messages, all as they should be."""

    def make(count):
        transcript = Transcript()
        details = '{"connectionKey":"k","maxMessageSize":65536}'
        transcript.record("a", "in", f'{{"action":4,"connectionId":"x","connectionDetails":{details}}}')
        for n in range(count):
            message = f'{{"action":15,"channel":"c","msgSerial":{n},"messages":[{{"data":"x"}}]}}'
            transcript.record("a", "out", message)
            transcript.record("a", "in", f'{{"action":1,"msgSerial":{n},"count":1}}')
        return transcript

    return make


def test_a_page_asks_for_it_in_mermaids_language(transcript, monkeypatch):
    page = Page(Sequence(transcript), monkeypatch)
    page.asks(want="nonsense")
    page.asks(want="mermaid")
    assert page.sent == [{"mermaid": mermaid(transcript)}]


def test_it_is_saved_by_the_files_ending(transcript, tmp_path):
    panel = Sequence(transcript)
    panel.save(tmp_path / "talk.svg")
    panel.save(str(tmp_path / "talk.mmd"))
    assert (tmp_path / "talk.svg").read_text("utf-8") == panel.svg()
    assert (tmp_path / "talk.mmd").read_text("utf-8") == panel.mermaid()
    with pytest.raises(ValueError, match=r"\.svg or \.mmd, not as 'talk.png'"):
        panel.save("talk.png")


def test_without_a_kernel_it_is_an_image(transcript):
    panel = Sequence(transcript)
    image = re.search(r'<img [^>]*src="data:image/svg\+xml;charset=utf-8,([^"]+)">', panel.html())[1]
    assert unquote(image) == panel.svg()


def test_pings_are_left_out_until_asked_for(transcript):
    for kind, direction in (("ping", "in"), ("pong", "out")) * 150:
        transcript.record("a", direction, b"", kind)
    panel = Sequence(transcript)
    assert panel.ping_count == 300
    assert "CONNECTED" in panel.drawing
    assert "WebSocket ping" not in panel.drawing + panel.mermaid()
    panel.pings = True
    assert "WebSocket ping" in panel.drawing
    assert "WebSocket pong" in panel.mermaid()
