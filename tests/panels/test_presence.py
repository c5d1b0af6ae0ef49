"""Who is present, as a panel and as a plain function knows it."""

import json

import pytest

from ablykit import wire
from ablykit.analysis.members import Members
from ablykit.panels import FrameInspector, Presence
from ablykit.transcript import Transcript


def told(*frames):
    transcript, members = Transcript(), Members("a")
    for frame in frames:
        members.take(transcript.record("a", "in", json.dumps(frame)))
    return members


def event(action, client, **more):
    return {
        "action": 14,
        "channel": "c",
        "connectionId": "x",
        "presence": [{"action": action, "clientId": client, **more}],
    }


def names(members):
    return [member.client_id for member in members.all]


def test_members_enter_update_and_leave():
    members = told(event(2, "ada", data="1"), event(4, "ada", data="2"), event(2, "bob"), event(3, "bob"))
    (ada,) = members.all
    assert (ada.data, ada.connection_id, ada.number) == ("2", "x", 1)
    assert ada.since <= ada.updated
    assert [member.client_id for member in members.left] == ["bob"]


def test_who_was_there_before_has_been_since_the_service_says():
    sync = {
        "action": 16,
        "channel": "c",
        "channelSerial": "s:",
        "presence": [{"action": 1, "clientId": "ada", "timestamp": 1000}],
    }
    (ada,) = told(sync).all
    assert ada.since == 1000


def test_a_sync_tells_all_in_parts():
    def part(cursor, *clients):
        listed = [{"action": 1, "clientId": c, "connectionId": "x"} for c in clients]
        return {"action": 16, "channel": "c", "channelSerial": f"s:{cursor}", "presence": listed}

    members = told(event(2, "old"), part("1", "ada"), event(2, "new"), part("", "bob", "new"))
    assert names(members) == ["ada", "new", "bob"]


def test_an_attachment_without_members_and_a_detach_empty_it():
    assert names(told(event(2, "ada"), {"action": 11, "channel": "c", "flags": 0})) == []
    assert names(told(event(2, "ada"), {"action": 13, "channel": "c"})) == []
    assert names(told(event(2, "ada"), {"action": 11, "channel": "c", "flags": 1})) == ["ada"]


def test_of_other_connections_and_what_is_sent_nothing_is_learned():
    transcript, members = Transcript(), Members("a")
    assert not members.take(transcript.record("b", "in", json.dumps(event(2, "ada"))))
    assert not members.take(transcript.record("a", "out", json.dumps(event(2, "ada"))))
    assert not members.take(transcript.record("a", "in", "junk"))


@pytest.mark.parametrize("format", ["json", "msgpack"])
def test_the_panel_shows_a_real_channel(ably, format):
    with wire.open(f"{ably.tls_url}?key={ably.key}&format={format}&v=5") as conn:
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
    transcript.record("a", "in", json.dumps(event(2, "ada")))
    panel.refresh()
    assert [m["clientId"] for m in panel.members] == ["ada"]
    transcript.clear()
    panel.restart()
    panel.refresh()
    assert panel.members == []
    assert str(panel) == "all channels: 0 members"
