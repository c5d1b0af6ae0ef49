"""What is known of a connection after each of its entries."""

import pytest

from ablykit.protocol import Flag
from ablykit.record.transcript import Entry
from ablykit.record.watch import REMEMBERED, Watch, asked_modes
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


def watched(*events, **options):
    watch = Watch()
    for entry in story(*events, **options):
        watch.take(entry)
    return watch


def channel(*events):
    return watched(*events).channels["c"]


def presence(action, client="ada"):
    return got(14, channel="c", connectionId="o", presence=[{"action": action, "clientId": client}])


def sync(cursor, *clients):
    listed = [{"action": 1, "clientId": client, "connectionId": "o"} for client in clients]
    return got(16, channel="c", channelSerial=f"s:{cursor}", presence=listed)


def test_a_connection_begins_with_its_url_and_its_details():
    watch = watched()
    assert (watch.secure, watch.params, watch.connected) == (True, {"key": "a.b:****"}, True)
    assert (watch.connection_id, watch.details) == ("abc", CONNECTED["connectionDetails"])
    assert not watched(url="ws://h/").secure
    assert not watched(connected=None).connected


def test_a_publish_waits_until_it_is_answered():
    assert list(watched(msg(0), msg(1)).pending) == [0, 1]
    watch = watched(msg(0), msg(1), ACK)
    assert (list(watch.pending), list(watch.answered), watch.last_serial) == ([1], [0], 1)
    assert not watched(msg(0), got(2, msgSerial=0, count=1, error=ERROR)).pending


def test_a_serial_that_does_not_rise_waits_for_nothing_unless_the_connection_was_resumed():
    assert list(watched(msg(0), ACK, msg(0)).pending) == []
    assert list(watched(msg(0), ACK, msg(0), url=RESUME).pending) == [0]
    anew = {**CONNECTED, "error": {**ERROR, "code": 80018}}
    assert not watched(url=RESUME, connected=anew).repeats


def test_only_the_last_seconds_publishes_count_for_the_rate():
    assert list(watched(msg(0), msg(1), 980, msg(2)).publishes) == [20, 1010]


def test_answers_are_remembered_up_to_a_number():
    watch = watched(got(1, msgSerial=0, count=REMEMBERED), got(1, msgSerial=REMEMBERED, count=6))
    assert (len(watch.answered), min(watch.answered)) == (REMEMBERED, 6)


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
    watch = watched(out(0), out(0), got(0))
    assert (watch.pings, watch.heard, watch.last_in) == (1, 2, 30)
    watch.take(Entry(9, 99.0, "a", "in", "ping", b""))
    assert watch.last_in == 99


def test_an_end_is_closed_or_an_error_before_connected():
    assert watched(out(7)).closing
    assert watched(out(7), got(8)).ended
    assert watched(got(9, error=ERROR), connected=None).ended
    assert not watched(got(9, error=ERROR)).ended


def test_anything_may_be_typed_in_the_place_of_an_action():
    """A panel that follows a transcript goes on, whatever a learner sends."""
    for action in ([], {}, "ATTACH", None):
        watched((">", {"action": action}), ("<", {"action": action}))
