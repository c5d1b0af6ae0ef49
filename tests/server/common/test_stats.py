"""What happened is counted, once, and told by interval."""

import json

import pytest

from ablykit.protocol import AblyError
from ablykit.server.common.stats import Stats, nested
from tests.server.conftest import World
from tests.server.over_http import Http

NOON = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


def test_counts_are_told_by_minute_hour_day_and_month():
    times = iter([NOON, NOON, NOON + 60_000, NOON + 3_600_000, *[NOON + 3_600_000] * 20])
    stats = Stats(lambda: next(times))
    for _ in range(4):
        stats.count("x")
    minutes = stats.intervals("minute", 0, 10**15)
    assert [(each["intervalId"], each["entries"]["x"]) for each in minutes] == [
        ("2023-11-14:22:13", 2), ("2023-11-14:22:14", 1), ("2023-11-14:23:13", 1),
    ]  # fmt: skip
    assert [each.get("inProgress") for each in minutes] == [None, None, "2023-11-14:23:13"]
    assert [each["entries"]["x"] for each in stats.intervals("hour", 0, 10**15)] == [3, 1]
    assert [(each["intervalId"], each["entries"]["x"]) for each in stats.intervals("day", 0, 10**15)] == [
        ("2023-11-14", 4)
    ]
    assert [(each["intervalId"], each["entries"]["x"]) for each in stats.intervals("month", 0, 10**15)] == [
        ("2023-11", 4)
    ]
    assert len(stats.intervals("minute", NOON, NOON + 60_000)) == 2
    with pytest.raises(AblyError, match="unit must be one of minute"):
        stats.intervals("year", 0, 1)


def test_before_version_3_counts_were_told_in_parts_by_other_names():
    stats = Stats(lambda: NOON)
    stats.message("inbound", "realtime", "messages", 2, 7)
    stats.count("apiRequests.other.succeeded", 3)
    stats.count("apiRequests.tokenRequests.failed", 4)
    stats.count("connections.tls.opened")
    stats.peak("channels.peak", 5)
    (told,) = map(nested, stats.intervals("hour", 0, 10**15))
    assert (told["intervalId"], told["unit"]) == ("2023-11-14:22", "hour")
    assert told["inbound"]["realtime"]["messages"] == told["inbound"]["all"]["all"] == {"count": 2, "data": 7}
    assert told["all"]["messages"]["count"] == 2
    assert told["apiRequests"]["succeeded"] == 3
    assert told["tokenRequests"] == {"failed": 4}
    assert told["connections"] == {"all": {"opened": 1}, "tls": {"opened": 1}}
    assert told["channels"] == {"peak": 5}
    assert "entries" not in told


def entries(http):
    found = {}
    for each in http("GET", "/stats"):
        for name, value in each["entries"].items():
            found[name] = found.get(name, 0) + value
    return found


def test_what_is_published_heard_entered_and_asked_is_counted(world):
    http, listener = Http(world), world.client("v=5&clientId=me")
    listener.attach("c")
    world.client("v=5&echo=false").publish("c", 0, {"data": "12345"}, {"data": "1"})
    http("POST", "/channels/c/messages", {"data": "123"}, status=201)
    listener.say({"action": 14, "channel": "c", "msgSerial": 0, "presence": [{"action": 2, "data": "x"}]})
    http.refused("GET", "/channels/c/messages", status=400, limit="x")
    found = entries(http)
    assert found["messages.inbound.realtime.messages.count"] == 2
    assert found["messages.inbound.realtime.messages.data"] == 6
    assert found["messages.inbound.rest.messages.count"] == 1
    assert found["messages.inbound.all.messages.count"] == 3
    assert found["messages.inbound.realtime.presence.count"] == 1
    assert found["messages.inbound.all.all.count"] == 4
    assert found["messages.outbound.realtime.messages.count"] == 3
    assert found["messages.outbound.realtime.presence.count"] == 1
    assert found["connections.all.opened"] == 2
    assert (found["apiRequests.all.succeeded"], found["apiRequests.all.failed"]) == (1, 1)


def test_fixtures_are_put_in_in_a_sandbox_only(world):
    sandbox = World(sandbox=True)
    http = Http(sandbox)
    fixtures = [
        {
            "intervalId": "2024-02-03:15:03",
            "inbound": {"realtime": {"messages": {"count": 50, "data": 5000}}},
        },
        {"intervalId": "2024-02-03:15:04", "entries": {"connections.all.peak": 7}},
    ]
    http("POST", "/stats", fixtures, status=201)
    newest, older = http("GET", "/stats", end=1_707_000_000_000)
    assert newest["entries"] == {"connections.all.peak": 7}
    assert older["entries"]["messages.inbound.realtime.messages.count"] == 50
    assert (older["intervalId"], older["unit"], older["appId"]) == (
        "2024-02-03:15:03",
        "minute",
        sandbox.app.id,
    )
    assert [each["intervalId"] for each in http("GET", "/stats", unit="hour", end=1_707_000_000_000)] == [
        "2024-02-03:15"
    ]
    assert len(http("GET", "/stats", limit=1, direction="forwards")) == 1
    for wrong, code in ((5, 40000), ([5], 40000), ({}, 40003), ({"intervalId": "2024"}, 40003)):
        assert http.refused("POST", "/stats", wrong, status=400) == code
    assert Http(world).refused("POST", "/stats", fixtures, status=404) == 40400


FIXTURES = [
    {
        "intervalId": "2024-02-03:15:03",
        "inbound": {"realtime": {"messages": {"count": 50, "data": 5000}}},
        "outbound": {"realtime": {"messages": {"count": 20, "data": 2000}}},
        "connections": {"tls": {"peak": 5, "opened": 1}},
    },
    {
        "intervalId": "2024-02-03:15:05",
        "inbound": {"realtime": {"messages": {"count": 70, "data": 7000}}},
        "outbound": {"realtime": {"messages": {"count": 40, "data": 4000}}},
        "persisted": {"presence": {"count": 20, "data": 2000}},
        "connections": {"tls": {"peak": 20, "opened": 10}},
        "channels": {"peak": 50, "opened": 30},
        "apiRequests": {"succeeded": 50, "failed": 10},
        "tokenRequests": {"succeeded": 60, "failed": 20},
    },
]


@pytest.fixture
def filled():
    http = Http(World(sandbox=True))
    http("POST", "/stats", FIXTURES, status=201)
    return http


def test_a_count_is_part_of_its_sums(filled):
    (last,) = filled("GET", "/stats", start="2024-02-03:15:05", end="2024-02-03:15:05")
    wanted = {
        "messages.all.messages.count": 110,
        "messages.all.all.data": 11000,
        "messages.inbound.all.messages.count": 70,
        "messages.inbound.realtime.all.count": 70,
        "messages.outbound.realtime.all.data": 4000,
        "messages.persisted.all.count": 20,
        "messages.persisted.presence.data": 2000,
        "connections.all.peak": 20,
        "connections.all.opened": 10,
        "channels.peak": 50,
        "apiRequests.other.succeeded": 50,
        "apiRequests.tokenRequests.failed": 20,
        "apiRequests.all.succeeded": 110,
    }
    assert {name: last["entries"].get(name) for name in wanted} == wanted


@pytest.mark.parametrize("unit", ["hour", "day", "month"])
def test_an_interval_is_told_whole_whenever_within_it_one_begins(filled, unit):
    for name in ("unit", "by"):
        (whole,) = filled("GET", "/stats", start="2024-02-03:15:05", end="2024-02-03:15:05", **{name: unit})
        assert whole["entries"]["messages.inbound.all.messages.count"] == 120
        assert whole["entries"]["connections.all.peak"] == 20, "a peak is the highest, no sum"
        assert whole["entries"]["connections.all.opened"] == 11


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2024-02-03:15:03", "2024-02-03:15:04", ["2024-02-03:15:03"]),
        ("2024-02-03:15", "2024-02-03:18", ["2024-02-03:15:05", "2024-02-03:15:03"]),
        ("2024-02", "2024-03", ["2024-02-03:15:05", "2024-02-03:15:03"]),
        ("0", "1706972700000", ["2024-02-03:15:05", "2024-02-03:15:03"]),
    ],
)
def test_times_may_be_names_of_intervals(filled, start, end, found):
    assert [each["intervalId"] for each in filled("GET", "/stats", start=start, end=end)] == found


def test_sockets_channels_and_tokens_are_counted_as_they_come(world):
    http = Http(world)
    first, second = world.client("v=5"), world.client("v=5", secure=True)
    first.attach("a")
    second.attach("b")
    first.drop()
    world.client("v=5").drop()
    http("POST", f"/keys/{world.key.name}/requestToken", {}, status=201)
    http.refused("POST", f"/keys/{world.key.name}/requestToken", {"ttl": -1}, status=400)
    found = entries(http)
    assert (found["connections.all.opened"], found["connections.tls.peak"]) == (3, 2)
    assert (found["channels.opened"], found["channels.peak"]) == (2, 2)
    assert (found["apiRequests.tokenRequests.succeeded"], found["apiRequests.tokenRequests.failed"]) == (1, 1)
    assert world.app.open.total() == 1


def test_what_is_persisted_is_counted_as_that(make_world):
    world = make_world(persisted=["kept"])
    world.client().publish("kept:a", 0, {"data": "123"})
    world.client().publish("other:a", 0, {"data": "123"})
    found = entries(Http(world))
    assert (found["messages.persisted.messages.count"], found["messages.persisted.all.data"]) == (1, 3)


@pytest.mark.parametrize(
    "params", [{"unit": "year"}, {"direction": "up"}, {"start": "2", "end": "1"}, {"limit": "0"}]
)
def test_what_can_not_be_told_is_refused(world, params):
    assert Http(world).refused("GET", "/stats", status=400, **params) == 40003


def test_statistics_need_their_right(world):
    key = world.service.add_key(world.app, {"*": ["publish"]}).api_key
    assert Http(world).refused("GET", "/stats", key=key, status=401) == 40160


@pytest.mark.parametrize(
    "counts",
    [{"a": 10**30}, {"a": -1}, json.loads('{"a":' * 900 + "1" + "}" * 900), {"a" * 300: 1}],
    ids=["huge", "negative", "deep", "long"],
)
def test_counts_that_could_not_be_told_again_are_refused(counts):
    http = Http(World(sandbox=True))
    fixture = {"intervalId": "2024-01-01:00:00", **counts}
    assert http.refused("POST", "/stats", fixture, status=400) in (40001, 40003)
    assert http("GET", "/stats", start="2024-01", end="2024-02", headers={"X-Ably-Version": "1.2"}) == []


def test_a_count_within_a_count_does_not_stop_the_statistics():
    http = Http(World(sandbox=True))
    http("POST", "/stats", {"intervalId": "2024-01-01:00:00", "a": 1, "a.b": 2}, status=201)
    (told,) = http("GET", "/stats", start="2024-01", end="2024-02", headers={"X-Ably-Version": "1.2"})
    assert told["a"] == 1
