"""Who is present: what is newer counts, and a SYNC names everybody."""

import pytest

from ablykit.client.presence import Members, is_newer
from ablykit.protocol import PresenceMessage, ProtocolMessage


def item(action, client_id="a", serial=0, index=0, *, by="x", timestamp=1, **more):
    id = f"{by}:{serial}:{index}"
    return PresenceMessage(
        action=action, client_id=client_id, connection_id="x", id=id, timestamp=timestamp, **more
    )


def presence(*items):
    return ProtocolMessage(action=14, channel="c", presence=list(items))


def sync(cursor, *items, sequence="1"):
    return ProtocolMessage(
        action=16, channel="c", channel_serial=f"{sequence}:{cursor}", presence=list(items)
    )


def names(members):
    return sorted(each.client_id for each in members.present())


def changes(found):
    return [(each.action, each.client_id) for each in found]


@pytest.mark.parametrize(
    ("new", "old", "is_it"),
    [
        (item(4, serial=2), item(2, serial=1), True),
        (item(4, serial=10), item(2, serial=9), True),
        (item(4, serial=1, index=1), item(2, serial=1), True),
        (item(2, serial=1), item(2, serial=1), False),
        (item(3, by="made", timestamp=5), item(2, serial=9, timestamp=4), True),
        (item(2, serial=9, timestamp=4), item(3, by="made", timestamp=5), False),
        (item(3, by="made", timestamp=5), item(2, timestamp=5), True),
        (PresenceMessage(id="x:y:z", connection_id="x"), item(2, serial=1), False),
    ],
)
def test_newer_is_the_higher_msg_serial_or_the_later_time_where_one_was_made_up(new, old, is_it):
    assert is_newer(new, old) is is_it


def test_members_enter_update_and_leave():
    members = Members()
    assert changes(members.update(presence(item(2), item(2, "b")))) == [(2, "a"), (2, "b")]
    assert changes(members.update(presence(item(4, serial=1)))) == [(4, "a")]
    assert changes(members.update(presence(item(2)))) == [], "an older one"
    assert changes(members.update(presence(item(3, serial=2)))) == [(3, "a")]
    assert changes(members.update(presence(item(3, "unknown")))) == []
    assert names(members) == ["b"]
    assert members.has(("x", "b"))
    assert not members.has(("x", "a"))


def test_whom_a_sync_does_not_name_has_left():
    members = Members()
    members.update(presence(item(2), item(2, "b")))
    members.begin_sync()
    assert members.syncing
    assert members.sync(sync("more", item(1, "b"))) == []
    assert changes(members.sync(sync("", item(1, "c")))) == [(1, "c"), (3, "a")]
    assert names(members) == ["b", "c"]
    assert not members.syncing


def test_an_older_item_of_a_sync_does_not_bring_back_who_left_meanwhile():
    members = Members()
    members.begin_sync()
    members.update(presence(item(2, serial=1)))
    assert changes(members.update(presence(item(3, serial=2)))) == [(3, "a")]
    assert members.sync(sync("", item(1, serial=1))) == []
    assert names(members) == []
    members.update(presence(item(2, serial=1)))
    assert names(members) == ["a"], "once the SYNC is over, the leave is forgotten"


def test_a_sync_of_another_sequence_begins_anew_and_one_may_come_unasked():
    members = Members()
    members.sync(sync("more", item(1)))
    members.sync(sync("", item(1, "b"), sequence="2"))
    assert names(members) == ["b"]
    members.update(presence(item(2, "c")))
    members.sync(ProtocolMessage(action=16, channel="c", presence=[item(1, "b")]))
    assert names(members) == ["b"]


def test_without_anybody_present_all_have_left():
    members = Members()
    members.update(presence(item(2), item(2, "b")))
    assert changes(members.clear()) == [(3, "a"), (3, "b")]
    assert names(members) == []
