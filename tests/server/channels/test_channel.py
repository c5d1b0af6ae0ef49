"""One channel: who is attached, and what they are told."""

import pytest

from ablykit.protocol import AblyError, ChannelName, Flag, Message, ProtocolMessage
from ablykit.server.channels.channel import Attachment, Rate, channel_of
from ablykit.server.channels.delivery import Delivery
from ablykit.server.rules.attaching import wanted_by
from tests.server.frames import enter, filtered, only

NAME = ChannelName("c")


def frame(*data):
    return ProtocolMessage(
        action=15, id="f", channel="c", messages=[Message(name=each, data=each) for each in data]
    )


@pytest.fixture
def client(world):
    client = world.client("v=5&clientId=me")
    client.heard()
    return client


def attachment(client, modes=Flag.SUBSCRIBE, name="c", **more):
    channel = client.world.app.channel(NAME)
    return Attachment(client.session, channel, name, modes, modes, {}, **more)


def test_a_delivery_goes_by_the_name_one_attached_with(client):
    assert attachment(client, name="[?rewind=1]c").deliver(Delivery(frame("x")))
    assert client.heard()[0]["channel"] == "[?rewind=1]c"


def test_an_echo_that_is_not_wanted_does_not_go(world):
    client = world.client("v=5&echo=false")
    client.heard()
    own = Delivery(frame("x"), client.session.connection.id)
    assert not attachment(client).deliver(own)
    assert attachment(client).deliver(Delivery(frame("x"), "another"))
    assert len(client.heard()) == 1


def test_of_a_delivery_goes_what_is_wanted(client):
    one = attachment(client, wants=wanted_by("name != 'b'"))
    assert one.deliver(Delivery(frame("a", "b", "c")))
    assert not one.deliver(Delivery(frame("b")))
    assert one.deliver(Delivery(ProtocolMessage(action=14)))
    whole = Delivery(frame("a"))
    assert one.filtered(whole) is whole
    (first, _) = client.heard()
    assert [(message["name"], message["id"]) for message in first["messages"]] == [("a", "f:0"), ("c", "f:2")]


def test_who_is_attached_is_known_and_the_first_and_the_last_are_told(world, client):
    channel, told = world.app.channel(NAME), []
    channel._surroundings.activity = lambda each: told.append(len(each.attachments))
    first, again = attachment(client), attachment(client, Flag.PUBLISH)
    channel.attach(first)
    channel.attach(again)
    assert channel.attachments_of(client.session.connection_id) == [again]
    channel.detach(first)
    assert channel.attachments == [again], "the first was replaced before"
    for _ in range(2):
        channel.detach(again)
    assert not channel.is_attached
    assert told == [1, 0]


def test_two_names_of_one_channel_are_two_attachments_of_one_connection(world, client):
    client.attach("c")
    client.attach(filtered("name == 'wanted'"))
    other = world.client("v=5")
    other.publish("c", 0, {"name": "other", "data": "1"})
    other.publish("c", 1, {"name": "wanted", "data": "2"})
    heard = [(f["channel"], f["messages"][0]["data"]) for f in client.heard()]
    assert heard == [("c", "1"), ("c", "2"), (filtered("name == 'wanted'"), "2")]
    enter(client)
    client.say({"action": 12, "channel": "c"})
    assert world.app.channels["c"].members, "it is still attached by the other name"
    client.say({"action": 12, "channel": filtered("name == 'wanted'")})
    assert not world.app.channels["c"].members


def test_a_subscriber_that_can_not_be_delivered_to_is_ended_and_harms_nobody(world, client):
    broken, other = world.client("v=5"), world.client("v=5")
    for each in (client, broken, other):
        each.attach("c")
        each.heard()

    def fails(delivery):
        raise RuntimeError("as the test wants")

    broken.session.attachments["c"].wants = fails
    assert [frame["action"] for frame in client.publish("c", 0, {"data": "x"})] == [15, 1]
    assert [frame["action"] for frame in other.heard()] == [15]
    assert [frame["error"]["code"] for frame in broken.heard()] == [50000]
    assert broken.closed


def test_attaching_costs_the_same_however_many_are_attached(world, client):
    channel = world.app.channel(NAME)
    channel.attach(attachment(client))
    assert channel._subscribers is None, "who hears what is chosen at the next delivery, not at each attach"


def test_it_is_idle_while_nobody_is_there_and_nothing_kept(world, client):
    channel = world.app.channel(NAME)
    assert (channel.idle_for(5.0), channel.idle_for(8.0)) == (0.0, 3.0)
    client.attach("c")
    assert channel.idle_for(9.0) == 0.0
    client.say({"action": 12, "channel": "c"})
    assert (channel.idle_for(10.0), channel.idle_for(12.0)) == (0.0, 2.0)
    client.publish("c", 0, {"data": "x"})
    assert channel.idle_for(20.0) == 0.0


def test_what_goes_out_is_counted(world, client):
    for listener in (client, world.client("v=5")):
        listener.attach("c")
    client.publish("c", 0, {"data": "12345"})
    enter(client, 1)
    (minute,) = world.app.stats.intervals("minute", 0, 10**15)
    assert minute["entries"]["messages.outbound.realtime.messages.count"] == 2
    assert minute["entries"]["messages.outbound.realtime.messages.data"] == 14, (
        "5 bytes of data, 2 of clientId"
    )
    assert minute["entries"]["messages.outbound.realtime.presence.count"] == 2


def test_own_members_are_told_where_no_others_are_and_occupancy_changes(world, client):
    watcher = world.client("v=5")
    watcher.attach("c", params={"occupancy": "metrics.presenceMembers"})
    client.attach("c", flags=int(Flag.PRESENCE))
    world.later(100)
    assert sorted(frame["action"] for frame in enter(client)) == [1, 14]
    assert [frame["action"] for frame in watcher.heard()][-2:] == [14, 15]


def test_a_frame_without_a_channel_is_refused():
    assert channel_of(ProtocolMessage(action=10, channel="")) == ""
    with pytest.raises(AblyError, match="Missing channel"):
        channel_of(ProtocolMessage(action=10))


def test_a_rate_is_of_the_current_second():
    rate = Rate()
    assert [rate.count(now) for now in (0.0, 500.0, 999.9, 1000.0)] == [1, 2, 3, 1]


def test_an_attachment_without_a_mode_says_what_was_asked_for(client):
    with pytest.raises(AblyError, match="without the mode PUBLISH") as refused:
        attachment(client, Flag.SUBSCRIBE).check(Flag.PUBLISH)
    assert "asked for SUBSCRIBE" in refused.value.rule
    attachment(client, Flag.PUBLISH).check(Flag.PUBLISH)


def test_an_append_reaches_those_who_attached_later_as_the_whole_message(make_world):
    world = make_world(mutable=["doc"])
    author, early = world.client("v=5&clientId=ada"), world.client("v=5")
    early.attach("doc:a")
    serial = only(author.publish("doc:a", 0, {"data": "one"})[-1:])["res"][0]["serials"][0]
    late = world.client("v=5")
    late.attach("doc:a")
    for each in (early, late):
        each.heard()
    author.publish("doc:a", 1, {"action": 5, "serial": serial, "data": " two"})
    author.publish("doc:a", 2, {"action": 5, "serial": serial, "data": " three"})
    heard = [
        [(f["messages"][0]["action"], f["messages"][0]["data"]) for f in each.heard()]
        for each in (early, late)
    ]
    assert heard == [[(5, " two"), (5, " three")], [(1, "one two"), (5, " three")]]
