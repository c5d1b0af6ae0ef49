"""Who is present, as one connection is told."""

import json

from ablykit.record.members import Members
from ablykit.record.transcript import Transcript


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
