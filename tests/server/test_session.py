"""One connection's conversation: how it begins, goes on, is resumed and ends."""

import pytest

from ablykit.protocol import AblyError, Flag, Format
from ablykit.protocol.tokens import jwt
from ablykit.server.access.identity import PROMPT, Identity
from tests.server.frames import by_token, enter, only, token_of


def error_of(frames):
    frame = only(frames)
    assert frame["action"] == 9
    return frame["error"]["code"]


# -- beginning


# -- what is said


def test_a_heartbeat_is_answered_with_its_id(world):
    client = world.client()
    assert client.say({"action": 0}) == [{"action": 0}]
    assert client.say({"action": 0, "id": "x"}) == [{"action": 0, "id": "x"}]


@pytest.mark.parametrize(
    ("said", "in_words"),
    [
        (b"hello", "Not valid JSON"),
        (b"[]", "not an array"),
        (b'{"action":99}', "Unknown action 99"),
        (b'{"action":4}', "CONNECTED"),
        (b'{"action":-1}', "Unknown action -1"),
        (b'{"action":10}', "Missing channel identifier"),
        (b'{"action":12}', "Missing channel identifier"),
    ],
)
def test_nonsense_is_answered_with_what_is_wrong_and_the_connection_goes_on(world, said, in_words):
    client = world.client()
    frame = only(client.say(said))
    assert (frame["action"], frame["error"]["code"]) == (9, 40000)
    assert in_words in frame["error"]["message"]
    assert client.say({"action": 0}) == [{"action": 0}]


def test_broken_utf8_ends_the_connection(world):
    client = world.client()
    assert error_of(client.say(b'{"action":"\xff"}')) == 40000
    assert client.closed[0] == 1007


@pytest.mark.parametrize("action", [19])
def test_what_is_not_served_yet_says_so_about_its_channel_only(world, action):
    client = world.client()
    frame = only(client.say({"action": action, "channel": "c", "msgSerial": 0}))
    assert (frame["action"], frame["msgSerial"], frame["count"]) == (2, 0, 1)
    assert "does not support" in frame["error"]["message"]
    frame = only(client.say({"action": action, "channel": "c"}))
    assert (frame["action"], frame["channel"]) == (9, "c")


def test_messagepack_is_spoken_with_who_asks_for_it(world):
    client = world.client("format=msgpack")
    assert client.heard()[0]["action"] == 4
    assert client.say(b"\x81\xa6action\x00", Format.MSGPACK) == [{"action": 0}]
    assert "MessagePack" in only(client.say(b"\xc1", Format.MSGPACK))["error"]["message"]


@pytest.mark.parametrize(
    ("action", "in_words"),
    [
        (14, "A PRESENCE needs a msgSerial"),
        (15, "A MESSAGE needs a msgSerial"),
        (21, "An ANNOTATION needs a"),
    ],
)
def test_what_is_to_be_acknowledged_needs_a_number_to_be_acknowledged_by(world, action, in_words):
    frame = only(world.client().say({"action": action, "channel": "c"}))
    assert (frame["action"], frame["channel"], frame["error"]["code"]) == (9, "c", 40000)
    assert in_words in frame["error"]["message"]


def test_a_silence_can_be_broken(world):
    client = world.client()
    client.heard()
    client.session.heartbeat()
    assert client.heard() == [{"action": 0}]


def test_members_are_told_after_attaching_and_whenever_they_are_asked_for(world):
    here = world.client("v=5&clientId=me")
    here.attach("c")
    assert [frame["action"] for frame in enter(here)] == [14, 1]
    watcher = world.client("v=5")
    attached, sync = watcher.attach("c")
    assert attached["flags"] & Flag.HAS_PRESENCE
    assert [member["clientId"] for member in sync["presence"]] == ["me"]
    assert [f["presence"] for f in watcher.say({"action": 16, "channel": "c"})] == [sync["presence"]]


def test_who_may_not_see_members_is_not_told_them(world):
    blind = world.client("v=5")
    for channel in ("c", "not attached"):
        blind.attach("c", flags=int(Flag.SUBSCRIBE))
        assert error_of(blind.say({"action": 16, "channel": channel})) == 91008


def test_who_detaches_leaves(world):
    here, watcher = world.client("v=5&clientId=me"), world.client("v=5")
    watcher.attach("c")
    here.attach("c")
    enter(here)
    watcher.heard()
    assert here.say({"action": 12, "channel": "c"}) == [{"action": 13, "channel": "c"}]
    assert [p["action"] for p in only(watcher.heard())["presence"]] == [3]


def test_messages_are_revised_and_annotated_over_the_socket_they_came_by(make_world):
    world = make_world(mutable=["doc"])
    client = world.client("v=5&clientId=me")
    client.attach("doc:c", flags=int(Flag.SUBSCRIBE | Flag.PUBLISH | Flag.ANNOTATION_PUBLISH))
    _, said = client.publish("doc:c", 0, {"data": "x"})
    serial = said["res"][0]["serials"][0]
    revised, done = client.publish("doc:c", 1, {"serial": serial, "action": 1, "data": "y"})
    assert (done["action"], done["res"][0]["serials"]) == (1, [revised["messages"][0]["version"]["serial"]])
    annotation = {"messageSerial": serial, "type": "reaction:distinct.v1", "name": "+1"}
    frame = {"action": 21, "channel": "doc:c", "msgSerial": 2, "annotations": [annotation]}
    *_, done = client.say(frame)
    assert done["action"] == 1
    assert len(done["res"][0]["serials"]) == 1
    nothing = only(client.say(frame | {"msgSerial": 3, "annotations": []}))
    assert (nothing["action"], nothing["error"]["code"]) == (2, 40000)


def test_a_refusal_that_was_ordered_is_given_once(world):
    client = world.client()
    client.heard()
    world.app.refusals.append(AblyError(50000, "as ordered"))
    assert only(client.publish("c", 0, {"data": "x"}))["error"]["code"] == 50000
    assert only(client.publish("c", 1, {"data": "x"}))["action"] == 1


# -- a token's time


def test_a_new_token_is_asked_for_in_time_and_the_end_comes_when_it_comes(world):
    client = by_token(world, token_of(world, ttl=60_000))
    client.heard()
    world.now += 31_000
    client.session.on_time(world.now)
    assert client.heard() == [{"action": 17}]
    frame = only(client.say({"action": 17, "auth": {"accessToken": token_of(world, ttl=60_000)}}))
    assert frame["action"] == 4
    world.now += 59_999
    client.session.on_time(world.now)
    client.heard()
    client.session.on_time(world.now)
    assert client.heard() == []
    world.now += 1
    client.session.on_time(world.now)
    frame = only(client.heard())
    assert (frame["action"], frame["error"]["code"]) == (6, 40142)


# -- ending


def test_close_is_answered_and_the_connection_is_gone(world):
    client = world.client("v=5")
    key = only(client.heard())["connectionDetails"]["connectionKey"]
    assert client.say({"action": 7}) == [{"action": 8}]
    assert client.closed[0] == 1000
    again = only(world.client(f"v=5&resume={key}").heard())
    assert again["error"]["code"] == 80018


def test_disconnect_ends_the_socket_but_not_the_connection(world):
    client = world.client("v=5")
    key = only(client.heard())["connectionDetails"]["connectionKey"]
    assert only(client.say({"action": 5}))["action"] == 6
    client.drop()
    assert "error" not in only(world.client(f"v=5&resume={key}").heard())


# -- resume


def test_after_a_resume_a_repeat_is_acknowledged_again_but_not_delivered(world, dropped):
    _, key = dropped
    listener = world.client()
    listener.attach("c")
    client = world.client(f"v=5&resume={key}")
    client.heard()
    assert only(client.publish("c", 0, {"data": "a"}))["action"] == 1
    assert listener.heard() == []
    assert only(client.publish("c", 1, {"data": "b"}))["msgSerial"] == 1
    assert only(listener.heard())["messages"][0]["data"] == "b"


def test_after_a_resume_a_nack_is_repeated_too(world):
    client = world.client("v=5")
    key = only(client.heard())["connectionDetails"]["connectionKey"]
    assert only(client.publish("c", 0))["action"] == 2
    client.drop()
    assert only(world.client(f"v=5&resume={key}").publish("c", 0))["action"] == 2


# -- limits


def test_channels_per_connection_are_limited(make_world):
    client = make_world(limits={"max_channels": 2}).client()
    client.attach("a")
    client.attach("b")
    assert error_of(client.attach("c")) == 90010
    assert only(client.attach("b"))["action"] == 11
    client.say({"action": 12, "channel": "a"})
    assert only(client.attach("c"))["action"] == 11


def test_rates_are_not_enforced_unless_asked(world):
    client = world.client("echo=false")
    assert all(only(client.publish("c", n, {"data": "x"}))["action"] == 1 for n in range(600))


def test_a_publisher_that_is_too_fast_is_refused_then_ended(make_world):
    world = make_world(enforce_rates=True, limits={"max_inbound_rate": 5, "max_channel_rate": 99})
    client = world.client("v=5")
    client.heard()
    answers = [only(client.publish("c", n, {"data": "x"})) for n in range(10)]
    assert [answer["action"] for answer in answers] == [1] * 5 + [2] * 5
    assert answers[5]["error"]["code"] == 42911
    assert client.publish("c", 10, {"data": "x"})[0]["error"]["code"] == 42921
    assert client.closed
    world.later(1_000)


def test_a_second_later_the_rate_begins_anew(make_world):
    world = make_world(enforce_rates=True, limits={"max_inbound_rate": 1})
    client = world.client()
    assert [only(client.publish("c", n, {"data": "x"}))["action"] for n in (0, 1)] == [1, 2]
    world.later(1_000)
    assert only(client.publish("c", 2, {"data": "x"}))["action"] == 1


def test_a_channel_has_its_own_rate(make_world):
    world = make_world(enforce_rates=True, limits={"max_channel_rate": 1})
    client = world.client()
    client.publish("c", 0, {"data": "x"})
    assert only(client.publish("c", 1, {"data": "x"}))["error"]["code"] == 42913
    assert only(client.publish("d", 2, {"data": "x"}))["action"] == 1


def test_far_too_many_frames_end_the_connection(make_world):
    world = make_world(enforce_rates=True, limits={"max_inbound_rate": 2})
    client, listener = world.client(), world.client()
    listener.attach("c")
    listener.heard()
    for _ in range(8):
        assert client.say({"action": 0}) == [{"action": 0}]
    assert client.publish("c", 0, {"data": "x"})[0]["error"]["code"] == 42924
    assert client.closed
    assert listener.heard() == [], "the frame that was too many is not acted on"


def test_dropped_connections_and_idle_channels_are_forgotten(world):
    for n in range(10):
        client = world.client()
        client.publish(f"c{n}", 0, {"data": "x"})
        client.drop()
    assert len(world.service.connections) == len(world.app.channels) == 10
    world.later(121_000)
    assert not world.service.connections
    world.later(120_000)
    assert not world.app.channels
    assert not world.app.metachannels


def test_who_comes_back_to_a_channel_where_nothing_was_said_has_missed_nothing(world):
    (attached,) = world.client("v=5").attach("c")
    world.service.connections.clear()
    client = world.client("v=5")
    client.attach("c")
    client.drop()
    for ms in (1, 60_000, 59_000):
        world.later(ms)
        client = world.client("v=5")
        (again,) = client.attach("c", channelSerial=attached["channelSerial"])
        assert again["flags"] & Flag.RESUMED
        client.drop()


def test_what_one_published_oneself_is_not_in_the_backlog_of_a_resume_without_echo(world):
    client = world.client("echo=false&v=5")
    key = client.heard()[0]["connectionDetails"]["connectionKey"]
    serial = client.attach("c")[0]["channelSerial"]
    client.publish("c", 0, {"data": "own"})
    world.client().publish("c", 0, {"data": "theirs"})
    client.drop()
    again = world.client(f"echo=false&v=5&resume={key}")
    again.heard()
    _, *backlog = again.attach("c", channelSerial=serial)
    assert [frame["messages"][0]["data"] for frame in backlog] == ["theirs"]


def test_a_token_is_asked_to_be_renewed_and_ends(world, make_token):
    client = by_token(world, make_token(ttl=60_000))
    client.heard()
    end = client.session.identity.deadline
    for now, actions in ((end - 30_001, []), (end - 29_999, [17]), (end - 1, []), (end, [6])):
        client.session.on_time(now)
        heard = client.heard()
        assert [frame["action"] for frame in heard] == actions
    assert heard[0]["error"]["code"] == 40142
    assert client.closed


def test_a_connection_goes_on_with_another_token(world, make_token):
    client = by_token(world, make_token(client_id="me", ttl=60_000))
    client.heard()
    client.attach("a")
    client.attach("b")
    heard = client.say(
        {"action": 17, "auth": {"accessToken": make_token(client_id="me", capability={"a": ["*"]})}}
    )
    assert [(frame["action"], frame.get("channel")) for frame in heard] == [(4, None), (9, "b")]
    assert heard[1]["error"]["code"] == 40160
    assert client.session.deadline > world.now + 60_000
    assert set(client.session.attachments) == {"a"}
    assert client.closed is None


def test_a_wider_token_opens_what_was_asked_for_when_attaching(world, make_token):
    client = by_token(world, make_token(capability={"c": ["subscribe"]}))
    client.heard()
    client.attach("c")
    assert only(client.publish("c", 0, {"data": "x"}))["error"]["code"] == 40160
    wider = make_token(capability={"c": ["subscribe", "publish"]})
    connected, attached = client.say({"action": 17, "auth": {"accessToken": wider}})
    assert connected["action"] == 4
    asked = Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE
    assert (attached["action"], attached["flags"]) == (11, int(asked | Flag.RESUMED))
    assert [frame["action"] for frame in client.publish("c", 1, {"data": "x"})] == [15, 1]


def test_a_narrower_token_takes_its_members_away(world, make_token):
    watcher = world.client("v=5")
    for channel in ("a", "b"):
        watcher.attach(channel)
    client = by_token(world, make_token(client_id="me"))
    for serial, channel in enumerate(("a", "b")):
        client.attach(channel)
        client.say({"action": 14, "channel": channel, "msgSerial": serial, "presence": [{"action": 2}]})
    watcher.heard()
    narrower = make_token(client_id="me", capability={"a": ["subscribe"]})
    frames = client.say({"action": 17, "auth": {"accessToken": narrower}})
    assert {(frame["action"], frame.get("channel")) for frame in frames} >= {(4, None), (11, "a"), (9, "b")}
    gone = watcher.heard()
    assert [(frame["channel"], frame["presence"][0]["action"]) for frame in gone] == [("a", 3), ("b", 3)]
    assert client.session.connection.present == set()


def test_a_new_token_for_somebody_else_ends_the_connection(world, make_token):
    client = by_token(world, make_token(client_id="me"))
    client.heard()
    assert (
        only(client.say({"action": 17, "auth": {"accessToken": make_token(client_id="you")}}))["error"][
            "code"
        ]
        == 40102
    )
    assert client.closed


def test_an_auth_without_a_token_is_no_auth(world):
    client = world.client()
    client.heard()
    assert only(client.say({"action": 17}))["error"]["code"] == 40000
    assert client.closed is None


@pytest.mark.parametrize(("deadline", "told"), [(None, None), (PROMPT + 100, 100), (PROMPT, PROMPT), (5, 5)])
def test_another_token_is_asked_for_before_the_end_if_there_is_time(world, deadline, told):
    key = world.app.keys[world.key.key_id]
    assert Identity(world.app, key, deadline=deadline).due(50.0) == told


def test_a_channel_that_was_left_meanwhile_is_neither_kept_nor_lost(world, make_token):
    client = by_token(world, make_token())
    client.heard()
    client.attach("c")
    client.session.detach(client.session.attachments["c"], world.now)
    answer = client.say({"action": 17, "auth": {"accessToken": make_token(capability={"d": ["*"]})}})
    assert [frame["action"] for frame in answer] == [4]


def test_a_token_of_another_app_ends_the_connection(world):
    other = world.service.add_key(world.service.add_app()).api_key
    client = by_token(world, jwt(world.key))
    client.heard()
    (refused,) = client.say({"action": 17, "auth": {"accessToken": jwt(other)}})
    assert (refused["error"]["code"], client.closed) == (40102, (1000, "40102"))
