"""What a channel has read: its place in the history, its members, and nothing twice."""

import pytest

from ablykit.client.content import Content
from ablykit.client.outputs import Promise
from ablykit.protocol import Action, Flag, Message, PresenceAction, PresenceMessage, ProtocolMessage


class Line:
    """A connection as a channel's content sees it."""

    connection_id = "mine"

    def __init__(self):
        self.delivered, self.published = [], []

    def emit(self, output):
        self.delivered.append(output.item)

    def publish(self, frame, promise):
        self.published.append(frame.presence[0])
        return promise


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def content(line):
    return Content("c", line, None)


def attached(flags=0, serial="s1"):
    return ProtocolMessage(action=Action.ATTACHED, channel="c", flags=int(flags), channel_serial=serial)


def message(serial, data="x"):
    return ProtocolMessage(
        action=Action.MESSAGE, channel="c", channel_serial=serial, messages=[Message(data=data)]
    )


def member(client, action=PresenceAction.ENTER, connection="mine", id="mine:0:0", kind=Action.PRESENCE):
    item = PresenceMessage(action=int(action), client_id=client, connection_id=connection, id=id, timestamp=1)
    return ProtocolMessage(action=kind, channel="c", presence=[item])


def test_it_goes_on_from_what_it_has_read_last(content):
    content.begin(attached(serial="s1"))()
    assert content.serial == "s1"
    content.take(message("s2"))
    assert content.serial == "s2"
    content.begin(attached(Flag.RESUMED | Flag.HAS_BACKLOG, serial="s9"))()
    assert content.serial == "s2", "what was missed comes now, message by message"
    content.begin(attached(serial="s9"))()
    assert content.serial == "s9"


def test_a_frame_is_delivered_once(content, line):
    for serial in ("s1", "s1", "s2"):
        content.take(message(serial, serial))
    assert [item.data for item in line.delivered] == ["s1", "s2"]


def enter(content):
    content.own.change(PresenceMessage(action=int(PresenceAction.ENTER), client_id="me"), Promise())


@pytest.mark.parametrize(
    ("connection", "flags", "entered"),
    [
        ("mine", Flag.RESUMED | Flag.HAS_PRESENCE, 0),
        ("mine", Flag.HAS_PRESENCE, 1),
        ("mine", Flag.RESUMED, 1),
        ("another", Flag.RESUMED | Flag.HAS_PRESENCE, 1),
    ],
)
def test_who_entered_is_entered_again_where_the_service_may_have_lost_it(
    content, line, connection, flags, entered
):
    content.begin(attached())()
    enter(content)
    line.published.clear()
    line.connection_id = connection
    content.begin(attached(flags))()
    assert [item.client_id for item in line.published] == ["me"] * entered


def test_a_member_that_the_service_took_out_is_entered_again(content, line):
    content.begin(attached())()
    enter(content)
    content.take(member("me"))
    line.published.clear()
    content.take(member("me", PresenceAction.LEAVE, id="made:up:0"))
    assert [item.client_id for item in line.published] == ["me"]


def test_a_member_that_a_sync_lacks_is_entered_again(content, line):
    content.begin(attached(Flag.HAS_PRESENCE))()
    enter(content)
    line.published.clear()
    other = member("other", PresenceAction.PRESENT, "other", "other:0:0", kind=Action.SYNC)
    content.take(other.replace(channel_serial="s:more"))
    assert line.published == []
    content.take(other.replace(channel_serial="s:"))
    assert [item.client_id for item in line.published] == ["me"]
    assert [item.client_id for item in content.members.present()] == ["other"]


def test_members_are_forgotten_with_those_of_this_client(content):
    content.begin(attached())()
    content.take(member("somebody", connection="other", id="other:0:0"))
    enter(content)
    content.forget_members()
    assert list(content.members.present()) == list(content.own) == []
