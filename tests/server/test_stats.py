"""What happened is counted, once, and told by interval."""

import pytest

from ablykit.protocol import AblyError
from ablykit.server.stats import Stats
from tests.server.conftest import World
from tests.server.test_rest import Http

NOON = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


def test_counts_are_told_by_minute_hour_day_and_month():
    times = iter([NOON, NOON, NOON + 60_000, NOON + 3_600_000, *[NOON + 3_600_000] * 20])
    stats = Stats(lambda: next(times))
    for _ in range(4):
        stats.count("x")
    minutes = stats.told("minute", 0, 10**15)
    assert [(each["intervalId"], each["entries"]["x"]) for each in minutes] == [
        ("2023-11-14:22:13", 2), ("2023-11-14:22:14", 1), ("2023-11-14:23:13", 1),
    ]  # fmt: skip
    assert [each.get("inProgress") for each in minutes] == [None, None, "2023-11-14:23:13"]
    assert [each["entries"]["x"] for each in stats.told("hour", 0, 10**15)] == [3, 1]
    assert [(each["intervalId"], each["entries"]["x"]) for each in stats.told("day", 0, 10**15)] == [
        ("2023-11-14", 4)
    ]
    assert [(each["intervalId"], each["entries"]["x"]) for each in stats.told("month", 0, 10**15)] == [
        ("2023-11", 4)
    ]
    assert len(stats.told("minute", NOON, NOON + 60_000)) == 2
    with pytest.raises(AblyError, match="unit is minute"):
        stats.told("year", 0, 1)


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


@pytest.mark.parametrize(
    "params", [{"unit": "year"}, {"direction": "up"}, {"start": "2", "end": "1"}, {"limit": "0"}]
)
def test_what_can_not_be_told_is_refused(world, params):
    assert Http(world).refused("GET", "/stats", status=400, **params) == 40003


def test_statistics_need_their_right(world):
    key = world.service.add_key(world.app, {"*": ["publish"]}).api_key
    assert Http(world).refused("GET", "/stats", key=key, status=401) == 40160
