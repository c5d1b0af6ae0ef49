"""The presence panel: who is here."""

import pytest

from ablykit import wire
from ablykit.panels import FrameInspector, Presence
from ablykit.record.transcript import Transcript
from tests.panels.page import Page

ENTERED = '{"action":14,"channel":"c","connectionId":"x","presence":[{"action":2,"clientId":"ada"}]}'


@pytest.mark.parametrize("format", ["json", "msgpack"])
def test_the_panel_shows_a_real_channel(ably, format):
    with wire.connect(f"{ably.tls_url}?key={ably.key}&format={format}&v=5") as conn:
        conn.send({"action": 10, "channel": "c"}, {"action": 10, "channel": "d"})
        for serial, (channel, name) in enumerate((("c", "ada"), ("d", "bob"))):
            item = {"action": 2, "clientId": name, "data": {"seat": serial}}
            conn.send({"action": 14, "channel": channel, "msgSerial": serial, "presence": [item]})
            conn.recv("ACK")
        panel, one = Presence(conn), Presence(conn, channel="d")
        assert [(m["clientId"], m["channel"], m["data"]) for m in panel.members] == [
            ("ada", "c", '{"seat": 0}'),
            ("bob", "d", '{"seat": 1}'),
        ]
        assert [m["clientId"] for m in one.members] == ["bob"]
        assert str(one).splitlines()[0] == "d: 1 member"
        assert "ada" in panel.html()
        inspector = FrameInspector(conn)
        panel.selected = panel.members[0]["number"]
        assert inspector._detail(inspector.selected)["title"] == "PRESENCE (action 14)"


def test_a_cleared_transcript_has_nobody():
    transcript = Transcript()
    panel = Presence(transcript)
    assert panel.members == []
    transcript.record("a", "in", ENTERED)
    panel.refresh()
    assert [m["clientId"] for m in panel.members] == ["ada"]
    transcript.clear()
    panel.restart()
    panel.refresh()
    assert panel.members == []
    assert str(panel) == "all channels: 0 members"


def test_a_page_is_told_of_members_only_when_they_change_and_of_the_time_when_it_asks(monkeypatch):
    transcript = Transcript()
    panel, told = Presence(transcript), []
    panel.observe(lambda change: told.append(change["name"]), ["members", "now"])
    transcript.record("a", "in", ENTERED)
    panel.refresh()
    assert sorted(told) == ["members", "now"]
    transcript.record("a", "in", '{"action":0}')
    panel.refresh()
    assert len(told) == 2
    page = Page(panel, monkeypatch)
    page.asks(want="nonsense")
    page.asks(want="now")
    assert told[2:] == ["now"]
