"""An app: its limits, namespaces and channels."""

from ablykit.protocol import ChannelName, ConnectionParams, parse_query
from ablykit.server.app import IN_2021, TODAY, Namespace, namespaces

NAME = ChannelName("c")


def test_a_limit_is_changed_in_both_looks_and_all_others_stay(world):
    app = world.service.add_app("mine", limits={"max_message_size": 7})
    assert (app.id, app.limits.max_message_size, app.limits_2021.max_message_size) == ("mine", 7, 7)
    assert app.limits.max_inbound_rate == TODAY.max_inbound_rate
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
