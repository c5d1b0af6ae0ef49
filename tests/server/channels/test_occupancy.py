"""How many take part, told to who asks."""

import json

import pytest


def told(frames):
    return [
        json.loads(frame["messages"][0]["data"])["metrics"]
        for frame in frames
        if frame["action"] == 15 and frame["messages"][0]["name"] == "[meta]occupancy"
    ]


def test_who_asks_is_told_at_once_and_when_it_changes(world):
    watcher = world.client("v=5")
    attached, first = watcher.attach("c", params={"occupancy": "metrics"})[-2:]
    assert attached["params"] == {"occupancy": "metrics"}
    assert told([first]) == [
        {"connections": 1, "presenceMembers": 0, "publishers": 1, "subscribers": 1, "presenceConnections": 1, "presenceSubscribers": 1}
    ]  # fmt: skip
    other = world.client("v=5&clientId=me")
    world.later(100)
    other.attach("c")
    world.later(100)
    other.say({"action": 14, "channel": "c", "msgSerial": 0, "presence": [{"action": 2}]})
    other.attach("c")
    world.later(100)
    other.say({"action": 7})
    world.later(100)
    counts = [(metrics["connections"], metrics["presenceMembers"]) for metrics in told(watcher.heard())]
    assert counts[:2] == [(2, 0), (2, 1)]
    assert counts[-1] == (1, 0)


def test_what_changes_within_a_moment_is_told_together(world):
    watcher = world.client("v=5")
    watcher.attach("c", params={"occupancy": "metrics.connections"})
    for _ in range(50):
        world.client("v=5").attach("c")
    assert told(watcher.heard()) == [{"connections": 2}], "the first at once, the others together"
    world.later(100)
    assert told(watcher.heard()) == [{"connections": 51}]
    world.later(100)
    assert told(watcher.heard()) == [], "nothing has changed since"


def test_a_connection_attached_by_two_names_counts_once(world):
    client = world.client("v=5")
    client.attach("c", flags=1 << 17)
    client.attach("[?rewind=1]c", flags=1 << 18)
    channel = world.app.channels["c"]
    assert channel.metrics["connections"] == 1
    assert (channel.metrics["publishers"], channel.metrics["subscribers"]) == (1, 1)
    client.say({"action": 12, "channel": "c"})
    assert (channel.metrics["publishers"], channel.metrics["subscribers"]) == (0, 1)
    client.say({"action": 12, "channel": "[?rewind=1]c"})
    assert set(channel.metrics.values()) == {0}


def test_one_count_is_told_only_when_it_changes(world):
    watcher = world.client("v=5")
    assert told(watcher.attach("[?occupancy=metrics.publishers]c")[-1:]) == [{"publishers": 1}]
    listener = world.client("v=5")
    listener.attach("c", flags=1 << 18)
    world.later(100)
    assert told(watcher.heard()) == []
    world.client("v=5").attach("c")
    assert told(watcher.heard()) == [{"publishers": 2}]


def test_it_is_no_part_of_the_channels_history(world):
    world.client("v=5").attach("c", params={"occupancy": "metrics"})
    assert world.app.channels["c"].log.is_empty
    assert told(world.client().attach("c", params={"rewind": "10"})) == []


@pytest.mark.parametrize("value", ["", "x", "metrics.", "metrics.x"])
def test_what_can_not_be_counted_is_refused(world, value):
    (frame,) = [f for f in world.client().attach("c", params={"occupancy": value}) if f["action"] == 9]
    assert (frame["channel"], frame["error"]["code"]) == ("c", 40003)
