"""The service: its apps, keys and limits, and what it remembers."""

from ablykit.protocol import ChannelName
from ablykit.protocol.tokens import jwt
from ablykit.server.access.identity import Revocation
from ablykit.server.answers import PATIENCE
from ablykit.server.service import HOUSEKEEPING
from tests.server.frames import by_token, enter, only, token_of

NAME = ChannelName("c")


def test_it_says_when_something_is_due_and_does_it(world):
    woken = []
    world.service.agenda.wake = lambda: woken.append(True)
    client = world.client("v=5&clientId=me&remainPresentFor=2000")
    client.attach("c")
    client.say({"action": 14, "channel": "c", "msgSerial": 0, "presence": [{"action": 2}]})
    client.drop()
    assert woken
    assert world.service.next_due() == world.now + 2_000
    key = world.app.keys[world.key.key_id]
    soon = Revocation("clientId", "x", 0, world.now + 1_000, key)
    world.service.revoke(world.app, [soon])
    assert world.service.next_due() == world.now + 1_000
    world.later(2_000)
    assert world.service.next_due() > world.now
    assert not world.app.channel(NAME).members


def test_tokens_and_connections_are_forgotten_in_their_time(world):
    client = world.client("v=5")
    client.drop()
    assert len(world.service.connections) == 1
    world.later(120_000)
    assert world.service.connections == {}


def test_connections_whose_tokens_are_revoked_are_asked_for_others_and_end_in_their_time(world):
    world.key = world.service.add_key(world.app, revocable_tokens=True).api_key
    bob, ada = (by_token(world, token_of(world, client_id=name)) for name in ("bob", "ada"))
    key = world.app.keys[world.key.key_id]
    issued_before = world.service.clock.wall() + 1
    for each in (bob, ada):
        each.heard()
    world.service.revoke(world.app, [Revocation("clientId", "bob", issued_before, world.now + 1_000, key)])
    assert only(bob.heard())["action"] == 17
    world.later(1_000)
    assert only(bob.heard())["error"]["code"] == 40141
    assert ada.heard() == []


def test_a_publish_that_no_log_answers_is_refused_in_time(world):
    client = world.client("v=5")
    client.heard()
    for serial in range(2):
        client.session.connection.answers.open(serial, world.now + serial)
    world.service.expect_answers(client.session.connection)
    for serial in range(2):
        world.later(PATIENCE if serial == 0 else 1)
        nack = only(client.heard())
        assert (nack["msgSerial"], nack["error"]["code"]) == (serial, 50003)


def test_an_app_that_is_removed_takes_its_connections_and_tokens_along(world):
    other = world.service.add_app()
    key = world.service.add_key(other).api_key
    mine, theirs = world.client("v=5"), world.client("v=5", key=key)
    token = world.client(f"v=5&accessToken={jwt(key)}", key=False)
    world.service.remove_app(other)
    assert (theirs.closed, token.closed) == ((1000, "40400"), (1000, "40400"))
    assert mine.closed is None
    assert list(world.service.connections.values()) == [mine.session.connection]
    assert other.id not in world.service.apps


def test_each_minute_is_told_of_once(world, monkeypatch):
    world.client("v=5")
    wall = world.service.clock.wall()
    monkeypatch.setattr(world.service.clock, "wall", lambda: wall + 60_000)
    for _ in range(2):
        world.later(HOUSEKEEPING)
    log = world.app.metachannels["[meta]stats:minute"].log
    assert len(log.all(world.now)) == 1


def test_what_fails_when_it_is_due_ends_nothing(world):
    def fails(now):
        raise RuntimeError("as the test wants")

    world.service.agenda.at("fails", world.now + 1, fails)
    client = world.client("v=5&clientId=me&remainPresentFor=1")
    client.attach("c")
    enter(client)
    client.drop()
    world.later(1)
    assert not world.app.channels["c"].members


def test_what_a_dropped_connection_costs_does_not_grow_with_those_dropped_before(world):
    for _ in range(3):
        client = world.client("v=5")
        resumed = world.client(f"v=5&resume={client.session.connection.key}")
        resumed.drop()
    due = [key for _, _, key in world.service.agenda._heap if key[0] == "expires"]
    assert len(due) == 3, "one entry each, and nothing is looked through"


def test_of_dropped_connections_and_idle_channels_a_number_is_remembered(world, monkeypatch):
    from ablykit.server import service
    from ablykit.server.access import app

    monkeypatch.setattr(service, "MOST_DROPPED", 3)
    monkeypatch.setattr(app, "MOST_IDLE", 5)
    clients = [world.client("v=5") for _ in range(5)]
    for number, client in enumerate(clients):
        client.publish(f"c{number}", 0, {"data": "x"})
        client.drop()
    assert len(world.service.connections) == 3
    assert len(world.app.channels) + len(world.app.metachannels) == 5
    assert "c4" in world.app.channels, "the one used last is among them"
    assert "c0" not in world.app.channels
    kept = sum(len(each.log.all(world.now)) for each in world.app.idle)
    assert len(world.app.budget._order) == kept, "what went is counted no longer"


def test_a_clock_that_is_moved_does_what_is_due_in_order_and_each_at_its_own_time(world):
    service, done = world.service, []
    began, real = service.monotonic(), service.clock.shown()
    for name, due in (("late", 61_000), ("early", 1_000), ("never", 3_600_001)):
        service.agenda.at(name, began + due, lambda now, name=name: done.append((name, now - began)))

    def again(now):
        done.append(("again", now - began))
        service.agenda.at("again", now + 1_800_000, again)

    service.agenda.at("again", began + 1_500_000, again)
    service.advance(3_600_000)
    assert done == [("early", 1_000), ("late", 61_000), ("again", 1_500_000), ("again", 3_300_000)]
    assert service.monotonic() == began + 3_600_000
    assert service.clock.shown() == real + 3_600_000
    assert service.next_due() == began + 3_600_001


def test_a_clock_that_is_moved_wakes_whoever_waits_by_the_time_before(world):
    world.service.agenda.at("soon", world.now + 2_000, lambda now: None)
    woken = []
    world.service.agenda.wake = lambda: woken.append(world.service.next_due() - world.service.monotonic())
    world.service.advance(1_500)
    assert woken[-1] == 500


def test_messages_members_and_connections_go_when_the_clock_is_moved(world):
    client, other = world.client("v=5&clientId=me"), world.client("v=5")
    client.publish("c", 0, {"data": "x"})
    client.attach("c")
    enter(client, 1)
    other.attach("c")
    other.heard()
    client.drop()
    before = world.service.clock.shown()
    world.service.advance(119_000)
    (left,) = [frame for frame in other.heard() if frame["action"] == 14]
    assert left["presence"][0]["action"] == 3
    assert 15_000 <= left["timestamp"] - before < 16_000, "it has the time at which it happened"
    assert client.session.connection.key in world.service.connections
    log = world.app.channel(NAME).log
    assert log.all(world.service.monotonic())
    world.service.advance(1_001)
    assert client.session.connection.key not in world.service.connections
    assert [e for e in log.all(world.service.monotonic()) if e.messages] == []
