"""The members that a client wants, entered again when they are lost."""

from ablykit.client.outputs import Promise
from ablykit.client.own import Own
from ablykit.protocol import AblyError, PresenceMessage


def own():
    sent = []

    def publish(item, promise):
        sent.append((item, promise))
        return promise

    return Own(publish), sent


def test_who_entered_is_entered_again_once_and_who_left_is_not():
    members, sent = own()
    for client_id in ("a", "b"):
        members.change(PresenceMessage(action=2, client_id=client_id, data="x"), Promise())
    members.change(PresenceMessage(action=3, client_id="b"), Promise())
    assert list(members) == ["a"]
    for _ in range(2):
        members.again(["a", "b"])
    assert [(item.action, item.client_id, item.data) for item, _ in sent[3:]] == [(2, "a", "x")]
    sent[3][1].settle()
    members.again(["a"])
    assert len(sent) == 5


def test_a_refusal_ends_it_and_a_lost_connection_does_not():
    members, sent = own()
    members.change(PresenceMessage(action=2, client_id="a"), Promise())
    members.again(["a"])
    sent[-1][1].settle(error=AblyError(80002, "Suspended"))
    assert list(members) == ["a"]
    members.again(["a"])
    sent[-1][1].settle(error=AblyError(40160, "Denied"))
    assert list(members) == []


def test_a_refusal_of_what_was_changed_since_counts_for_nothing():
    members, _ = own()
    old = PresenceMessage(action=2, client_id="a")
    members.change(old, Promise())
    members.change(PresenceMessage(action=4, client_id="a"), Promise())
    members.refused(old)
    assert list(members) == ["a"]
