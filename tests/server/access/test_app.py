"""An app: its limits, namespaces and channels."""

from ablykit.protocol import ChannelName, ConnectionParams, parse_query
from ablykit.server.access import app
from ablykit.server.access.app import IN_2021, MODERN, Namespace, namespaces
from tests.server.frames import enter

NAME = ChannelName("c")


def test_a_limit_is_changed_in_both_looks_and_all_others_stay(world):
    app = world.service.add_app("mine", limits={"max_message_size": 7})
    assert (app.id, app.limits.max_message_size, app.limits_2021.max_message_size) == ("mine", 7, 7)
    assert app.limits.max_inbound_rate == MODERN.max_inbound_rate
    assert app.limits_for(parse_query("v=5")) is app.limits
    assert app.limits_for(ConnectionParams()).max_inbound_rate == IN_2021.max_inbound_rate


def test_namespaces_are_made_of_the_names_of_each_kind(world):
    named = namespaces(mutable=["doc", "both"], persisted=["both", "kept"])
    assert named["doc"] == Namespace(mutable_messages=True)
    assert named["both"] == Namespace(mutable_messages=True, persisted=True)
    app = world.service.add_app(namespaces=named)
    assert app.namespace_of(ChannelName("doc:a:b")).mutable_messages
    assert app.namespace_of(ChannelName("docs")) == Namespace()
    assert app.retention_of(ChannelName("kept:a")) == app.limits.persisted_retention
    assert app.retention_of(ChannelName("doc:a")) == app.limits.retention


def test_a_channel_is_made_once_and_metachannels_stand_apart(world):
    channel = world.app.channel(NAME)
    assert world.app.channel(NAME) is channel
    meta = world.app.channel(ChannelName("log", "meta"))
    assert (list(world.app.channels), list(world.app.metachannels)) == (["c"], ["[meta]log"])
    assert world.app.find(ChannelName("log", "meta")) is meta
    assert world.app.find(ChannelName("log")) is None


def test_it_counts_open_sockets_and_their_peak(world):
    one, _ = world.client("v=5"), world.client("v=5")
    assert world.app.open == {"tls": 2}
    one.drop()
    assert world.app.open == {"tls": 1}
    (minute,) = world.app.stats.intervals("minute", 0, 10**15)
    assert minute["entries"]["connections.all.peak"] == 2


def test_old_messages_and_unused_channels_are_forgotten(world):
    client = world.client("v=5")
    client.publish("c", 0, {"data": "x"})
    client.attach("used")
    world.app.housekeeping(world.now + world.app.limits.retention + 1)
    assert world.app.channels["c"].log.is_empty
    world.app.housekeeping(world.now + 2 * world.app.limits.retention + 2)
    assert list(world.app.channels) == ["used"]


def test_a_channel_on_which_a_member_is_present_is_not_forgotten_for_others(world, monkeypatch):
    monkeypatch.setattr(app, "MOST_IDLE", 1)
    client = world.client("v=5&clientId=me")
    client.attach("c")
    enter(client)
    client.drop()
    for name in ("d", "e"):
        world.app.channel(ChannelName(name))
    assert world.app.channels["c"].members
    assert "d" not in world.app.channels


def test_a_channel_used_again_is_forgotten_later(world, monkeypatch):
    monkeypatch.setattr(app, "MOST_IDLE", 2)
    first = world.app.channel(ChannelName("first"))
    world.app.channel(ChannelName("second"))
    assert world.app.channel(ChannelName("first")) is first
    world.app.channel(ChannelName("third"))
    assert list(world.app.channels) == ["first", "third"]


def test_what_goes_on_is_published_on_its_metachannels(world):
    everything = world.service.add_key(world.app, {"[*]*": ["*"]}).api_key
    watcher = world.client("v=5", key=everything)
    for name in ("channel.lifecycle", "stats:minute"):
        watcher.attach(f"[meta]{name}")
    client = world.client("v=5")
    client.attach("c")
    client.drop()
    world.app.announce_stats(world.service.clock.wall() // 60_000)
    told = [f["messages"][0]["name"] for f in watcher.heard() if f["action"] == 15]
    assert told == ["channel.opened", "channel.closed", "update"]


def test_what_is_none_is_left_out_of_an_event(world):
    world.app.announce("stats:minute", "update", {"a": 1, "b": None})
    (entry,) = world.app.metachannels["[meta]stats:minute"].log.all(world.now)
    assert entry.frame.messages[0].data == '{"a":1}'


def test_occupancy_is_sent_when_its_time_has_come(world):
    watcher = world.client("v=5")
    watcher.attach("c", params={"occupancy": "metrics.connections"})
    for _ in range(3):
        world.client("v=5").attach("c")
    watcher.heard()
    world.later(100)
    assert [f["messages"][0]["name"] for f in watcher.heard()] == ["[meta]occupancy"]
