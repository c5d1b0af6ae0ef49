"""Who is present: entering, updating, leaving, and being told."""

import pytest

from ablykit.protocol import Flag
from tests.server.frames import enter, only


def told(frames, action=14):
    return [
        (member["action"], member["clientId"], member.get("data"))
        for frame in frames
        if frame["action"] == action
        for member in frame["presence"]
    ]


@pytest.fixture
def watcher(world):
    client = world.client("v=5")
    client.attach("c")
    client.heard()
    return client


def joined(world, query="clientId=me&v=5", channel="c"):
    client = world.client(query)
    client.attach(channel)
    client.heard()
    return client


def test_who_enters_updates_and_leaves_is_told_of(world, watcher):
    client = joined(world)
    first = enter(client, data="here")
    assert [frame["action"] for frame in first] == [14, 1], "also to oneself, then the ACK"
    assert "res" not in first[1]
    enter(client, 1, action=4, data="there")
    enter(client, 2, action=3)
    heard = watcher.heard()
    assert told(heard) == [(2, "me", "here"), (4, "me", "there"), (3, "me", "there")]
    frame = heard[0]
    assert frame["id"] == f"{frame['connectionId']}:0"
    assert frame["presence"][0]["id"] == f"{frame['connectionId']}:0:0"
    assert len({f["channelSerial"] for f in heard}) == 3


def test_own_events_come_also_without_echo(world):
    client = joined(world, "clientId=me&v=5&echo=false")
    assert told(enter(client)) == [(2, "me", None)]


def test_who_comes_late_is_told_who_is_there(world, watcher):
    for name in ("a", "b"):
        enter(joined(world, f"clientId={name}&v=5"), data=name)
    attached, sync = world.client().attach("c")
    assert attached["flags"] & Flag.HAS_PRESENCE
    assert told([sync], 16) == [(1, "a", "a"), (1, "b", "b")]
    assert sync["channelSerial"].endswith(":")
    assert only(watcher.say({"action": 16, "channel": "c"}))["presence"] == sync["presence"]


def test_many_members_are_told_in_pages(world):
    client = joined(world, "v=5")
    for n in range(250):
        enter(client, n, clientId=f"c{n}")
    client.heard()
    _, *pages = world.client().attach("c")
    assert [len(page["presence"]) for page in pages] == [100, 100, 50]
    assert [page["channelSerial"].partition(":")[2] for page in pages] == ["100", "200", ""]
    assert len({page["channelSerial"].partition(":")[0] for page in pages}) == 1
    refusal = enter(client, 250, clientId="one more")
    assert only(refusal)["error"]["code"] == 91003
    assert enter(client, 251, clientId="c0", action=4)[-1]["action"] == 1, "who is there may update"


@pytest.mark.parametrize(
    ("query", "member", "code"),
    [
        ("v=5", {}, 91000),
        ("v=5", {"clientId": "*"}, 40012),
        ("clientId=me", {"clientId": "you"}, 40012),
        ("clientId=me", {"action": 0}, 40000),
        ("clientId=me", {"action": 9}, 40000),
        ("clientId=me", {"data": 5}, 40013),
        ("clientId=me", {"data": "x" * 70_000}, 40009),
    ],
)
def test_what_is_no_member_is_refused(world, watcher, query, member, code):
    client = joined(world, query)
    assert only(enter(client, **{"action": 2, **member}))["error"]["code"] == code
    assert watcher.heard() == []


def test_one_may_enter_for_others_where_one_may_be_anyone(world, watcher):
    client = joined(world, "v=5")
    enter(client, clientId="a")
    enter(client, 1, clientId="b")
    assert told(watcher.heard()) == [(2, "a", None), (2, "b", None)]


def test_without_an_attachment_or_its_mode_nobody_enters(world):
    client = world.client("clientId=me")
    client.heard()
    assert only(enter(client))["error"]["code"] == 91001
    client.attach("c", flags=int(Flag.SUBSCRIBE))
    assert only(enter(client, 1))["error"]["code"] == 40165
    key = world.service.add_key(world.app, {"*": ["subscribe"]}).api_key
    limited = world.client("clientId=me", key=key)
    limited.attach("c")
    limited.heard()
    assert only(enter(limited))["error"]["code"] == 40160


@pytest.mark.parametrize("frame", [{}, {"presence": []}, {"presence": None}])
def test_a_presence_without_members_is_refused(world, frame):
    client = joined(world)
    said = {"action": 14, "channel": "c", "msgSerial": 0, **frame}
    assert only(client.say(said))["error"]["code"] == 40000


def test_a_presence_without_a_serial_is_an_error(world):
    frame = only(joined(world).say({"action": 14, "channel": "c", "presence": [{"action": 2}]}))
    assert (frame["action"], frame["error"]["code"], frame["channel"]) == (9, 40000, "c")


def test_the_leave_of_who_never_entered_is_taken_silently(world, watcher):
    assert only(enter(joined(world), action=3))["action"] == 1
    assert watcher.heard() == []


@pytest.mark.parametrize(
    "end",
    [
        lambda client: client.say({"action": 7}),
        lambda client: client.say({"action": 12, "channel": "c"}),
    ],
    ids=["close", "detach"],
)
def test_who_ends_it_leaves_at_once(world, watcher, end):
    client = joined(world)
    enter(client, data="x")
    watcher.heard()
    end(client)
    frame = only(watcher.heard())
    assert told([frame]) == [(3, "me", "x")]
    assert not frame["presence"][0]["id"].startswith(frame["connectionId"]), (
        "it is no word of the client's own"
    )


def test_who_drops_leaves_after_a_while_unless_it_comes_back(world, watcher):
    gone, back = joined(world, "clientId=gone&v=5&remainPresentFor=1000"), joined(world, "clientId=back&v=5")
    key = back.session.connection.key
    for client in (gone, back):
        enter(client)
        client.drop()
    watcher.heard()
    world.later(999)
    assert watcher.heard() == []
    assert world.service.next_due() == world.now + 1
    world.later(1)
    assert told(watcher.heard()) == [(3, "gone", None)]
    world.client(f"clientId=back&v=5&resume={key}")
    world.later(100_000)
    assert watcher.heard() == [], "it came back in time"


def test_who_subscribes_to_messages_only_is_not_told(world):
    client = world.client("v=5")
    client.attach("c", flags=int(Flag.SUBSCRIBE))
    client.heard()
    enter(joined(world))
    assert client.heard() == []
    assert only(client.say({"action": 16, "channel": "c"}))["error"]["code"] == 91008


def test_what_was_missed_is_told_after_a_resume(world, watcher):
    serial = only(watcher.attach("c"))["channelSerial"]
    key = watcher.session.connection.key
    watcher.drop()
    enter(joined(world))
    again = world.client(f"v=5&resume={key}")
    again.heard()
    attached, missed, sync = again.attach("c", channelSerial=serial)
    assert attached["flags"] & Flag.RESUMED
    assert told([missed]) == [(2, "me", None)]
    assert told([sync], 16) == [(1, "me", None)]


def test_own_members_are_told_also_where_no_others_are(world):
    own = world.client("v=5&clientId=me")
    other = world.client("v=5&clientId=you")
    own.attach("c", flags=int(Flag.PRESENCE))
    other.attach("c")
    (ack, told) = sorted(enter(own), key=lambda frame: frame["action"])
    assert (ack["action"], told["action"], told["presence"][0]["clientId"]) == (1, 14, "me")
    enter(other)
    assert own.heard() == []


def test_a_connection_leaves_its_channels_in_the_order_of_their_names(world):
    """So that a seeded run is the same each time."""
    client, names = world.client("v=5&clientId=me"), [f"c{n}" for n in range(9)]
    for serial, name in enumerate(reversed(names)):
        client.attach(name)
        enter(client, serial, name)
    listener = world.client("v=5")
    for name in names:
        listener.attach(name)
    listener.heard()
    client.say({"action": 7})
    assert [frame["channel"] for frame in listener.heard()] == names
