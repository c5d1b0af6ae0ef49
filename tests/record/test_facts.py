"""What is known of a connection after each of its entries."""

import pytest

from ablykit.protocol import Flag
from ablykit.record.facts import REMEMBERED, Facts, asked_modes
from ablykit.record.transcript import Entry, Transcript
from tests.record.story import (
    ACK,
    ALL,
    CONNECTED,
    ENTER,
    ERROR,
    RESUME,
    attached,
    delivered,
    got,
    msg,
    out,
    story,
)


def facts_of(*events, **options):
    facts = Facts()
    for entry in story(*events, **options):
        facts.take(entry)
    return facts


def channel(*events):
    return facts_of(*events).channels["c"]


def presence(action, client="ada"):
    return got(14, channel="c", connectionId="o", presence=[{"action": action, "clientId": client}])


def sync(cursor, *clients):
    listed = [{"action": 1, "clientId": client, "connectionId": "o"} for client in clients]
    return got(16, channel="c", channelSerial=f"s:{cursor}", presence=listed)


def test_a_connection_begins_with_its_url_and_its_details():
    facts = facts_of()
    assert (facts.begun, facts.params, facts.connected) == (True, {"key": "a.b:****"}, True)
    assert (facts.connection_id, facts.details) == ("abc", CONNECTED["connectionDetails"])
    assert not facts_of(connected=None).connected


def test_a_publish_waits_until_it_is_answered():
    assert list(facts_of(msg(0), msg(1)).pending) == [0, 1]
    facts = facts_of(msg(0), msg(1), ACK)
    assert (list(facts.pending), list(facts.answered), facts.last_serial) == ([1], [0], 1)
    assert not facts_of(msg(0), got(2, msgSerial=0, count=1, error=ERROR)).pending


def test_a_serial_that_does_not_rise_waits_for_nothing_unless_the_connection_was_resumed():
    assert list(facts_of(msg(0), ACK, msg(0)).pending) == []
    assert list(facts_of(msg(0), ACK, msg(0), url=RESUME).pending) == [0]
    anew = {**CONNECTED, "error": {**ERROR, "code": 80018}}
    assert not facts_of(url=RESUME, connected=anew).repeats


def test_only_the_last_seconds_publishes_count_for_the_rate():
    assert list(facts_of(msg(0), msg(1), 980, msg(2)).publishes) == [20, 1010]


def test_answers_are_remembered_up_to_a_number():
    facts = facts_of(got(1, msgSerial=0, count=REMEMBERED), got(1, msgSerial=REMEMBERED, count=6))
    assert (len(facts.answered), min(facts.answered)) == (REMEMBERED, 6)


@pytest.mark.parametrize(
    ("events", "attaching", "attached", "detaching"),
    [
        ([out(10, channel="c")], True, False, False),
        ([*attached()], False, True, False),
        ([*attached(), out(12, channel="c")], False, True, True),
        ([*attached(), out(12, channel="c"), got(13, channel="c")], False, False, False),
        ([out(10, channel="c"), got(9, channel="c", error=ERROR)], False, False, False),
    ],
)
def test_a_channel_is_attached_by_the_answer_not_by_asking(events, attaching, attached, detaching):
    known = channel(*events)
    assert (known.attaching, known.attached, known.detaching) == (attaching, attached, detaching)


def test_modes_are_asked_for_by_params_or_by_flags_and_granted_by_the_answer():
    assert asked_modes({"flags": int(Flag.PUBLISH | Flag.RESUMED)}) == Flag.PUBLISH
    assert asked_modes({"params": {"modes": "subscribe, PUBLISH,other"}}) == Flag.SUBSCRIBE | Flag.PUBLISH
    assert asked_modes({}) == asked_modes({"flags": "x", "params": {"modes": 5}}) == 0
    assert channel(*attached(int(Flag.PUBLISH | Flag.HAS_PRESENCE))).modes == Flag.PUBLISH


def test_what_is_delivered_is_known_by_serial_id_and_order():
    known = channel(*attached(), delivered("o:1", "01"), delivered("p:7", "02"))
    assert (known.serial, list(known.ids), known.order) == ("02", ["o:1", "p:7"], {"o": 1, "p": 7})
    again = channel(*attached(), delivered("o:1", "01"), *attached(ALL + int(Flag.HAS_BACKLOG)))
    assert (again.ids, again.order) == ({}, {}), "a backlog may begin before it"


def test_members_are_who_entered_and_did_not_leave():
    assert channel(*attached(), presence(2), presence(2, "bob"), presence(3)).members == {("o", "bob")}
    assert channel(ENTER).entered == {"me"}
    assert not channel(
        ENTER, out(14, channel="c", msgSerial=1, presence=[{"action": 3, "clientId": "me"}])
    ).entered


def test_a_sync_is_due_until_its_last_part():
    promised = attached(ALL + int(Flag.HAS_PRESENCE))
    assert channel(*promised).sync_due.number == 3
    assert channel(*promised, sync("more", "ada")).sync_due.number == 4
    known = channel(*promised, sync("more", "ada"), sync("", "bob"))
    assert (known.sync_due, known.members) == (None, {("o", "ada"), ("o", "bob")})


def test_after_a_resume_members_are_unknown_until_a_sync_has_told_them():
    resumed = attached(ALL + int(Flag.RESUMED))
    assert not channel(*resumed).knows_members
    assert channel(*resumed, sync("", "ada")).knows_members


def test_pings_and_frames_are_signs_of_life():
    facts = facts_of(out(0), out(0), got(0))
    assert (facts.pings, facts.frames["in"], facts.last_in) == (1, 2, 30)
    facts.take(Entry(9, 99.0, "a", "in", "ping", b""))
    assert facts.last_in == 99


def test_an_end_is_closed_or_an_error_before_connected():
    assert facts_of(out(7)).closing
    assert facts_of(out(7), got(8)).ended
    assert facts_of(got(9, error=ERROR), connected=None).ended
    assert not facts_of(got(9, error=ERROR)).ended


def test_anything_may_be_typed_in_the_place_of_an_action():
    """A panel that follows a transcript goes on, whatever a learner sends."""
    for action in ([], {}, "ATTACH", None):
        facts_of((">", {"action": action}), ("<", {"action": action}))


OPEN = ("out", "wss://h/?key=x", "open")
GRANTED = '{"action":4,"connectionId":"abc"}'
REFUSED = '{"action":9,"error":{"code":40101,"message":"Who?"}}'


@pytest.mark.parametrize(
    ("entries", "state", "reason"),
    [
        ([OPEN], "connecting", ""),
        ([OPEN, ("in", GRANTED)], "connected", ""),
        ([OPEN, ("in", REFUSED)], "failed", "40101: Who?"),
        ([OPEN, ("in", REFUSED), ("in", "1000 40101", "close")], "failed", "40101: Who?"),
        ([OPEN, ("in", GRANTED), ("in", REFUSED)], "connected", ""),
        ([OPEN, ("in", GRANTED), ("in", '{"action":8}')], "closed", ""),
        ([OPEN, ("in", GRANTED), ("in", "1006", "close")], "disconnected", "WebSocket closed: 1006"),
        ([OPEN, ("in", GRANTED), ("out", '{"action":7}')], "closing", ""),
        (
            [OPEN, ("in", GRANTED), ("out", '{"action":7}'), ("in", "1000", "close")],
            "closed",
            "WebSocket closed: 1000",
        ),
        ([], "initialized", ""),
        ([OPEN, ("in", "1006", "close")], "disconnected", "WebSocket closed: 1006"),
        (
            [
                OPEN,
                ("in", GRANTED),
                ("in", '{"action":6,"error":{"code":80003,"message":"Bye"}}'),
            ],
            "disconnected",
            "80003: Bye",
        ),
    ],
)
def test_the_state_follows_the_frames(entries, state, reason):
    transcript, facts = Transcript(), Facts()
    for entry in entries:
        facts.take(transcript.record("a", *entry))
    assert (facts.state, facts.reason) == (state, reason)


def test_a_second_websocket_of_the_same_name_begins_anew():
    again = story(msg(0))
    facts = facts_of(msg(0), ACK, msg(1), *attached(), out(7), got(8), end=True)
    assert facts.over
    for entry in again[:1]:
        facts.take(entry)
    assert (facts.begun, facts.over, facts.closing, facts.last_serial) == (True, False, False, -1)
    assert not facts.pending
    assert not facts.channels
    assert (facts.state, facts.before, facts.frames["out"]) == ("connecting", "closed", 4)


def test_what_may_have_changed_unseen_is_forgotten():
    facts = facts_of(msg(0), *attached())
    facts.missed()
    assert (facts.begun, facts.pending, facts.channels, facts.last_in) == (False, {}, {}, None)
    assert (facts.state, facts.connection_id) == ("connected", "abc")
