"""What an ATTACH is given."""

import pytest

from ablykit.protocol import Flag
from tests.server.frames import filtered, only


def test_attached_has_the_articles_flags_and_a_serial(world):
    frame = only(world.client().attach("my_channel"))
    assert frame == {
        "action": 11,
        "flags": 983040,
        "channel": "my_channel",
        "channelSerial": frame["channelSerial"],
    }


@pytest.mark.parametrize(
    ("capability", "asked", "given"),
    [
        (None, 0, 983040),
        (None, Flag.SUBSCRIBE, Flag.SUBSCRIBE),
        (None, Flag.SUBSCRIBE | Flag.HAS_PRESENCE, Flag.SUBSCRIBE),
        (
            None,
            Flag.ANNOTATION_SUBSCRIBE | Flag.OBJECT_PUBLISH,
            Flag.ANNOTATION_SUBSCRIBE | Flag.OBJECT_PUBLISH,
        ),
        ({"*": ["subscribe"]}, 0, Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE),
        ({"*": ["publish", "presence"]}, 0, Flag.PUBLISH | Flag.PRESENCE),
        ({"*": ["subscribe"]}, Flag.PUBLISH | Flag.SUBSCRIBE, Flag.SUBSCRIBE),
    ],
)
def test_modes_are_what_is_asked_as_far_as_the_key_allows(world, capability, asked, given):
    key = world.service.add_key(world.app, capability).api_key
    assert only(world.client(key=key).attach("c", flags=int(asked)))["flags"] == int(given)


@pytest.mark.parametrize(
    ("version", "flags"), [("", 983040), ("v=1.2", 983040), ("v=2", 3080192), ("v=5", 3080192)]
)
def test_since_version_2_who_asks_for_no_modes_may_annotate_too(world, version, flags):
    assert only(world.client(version).attach("c"))["flags"] == flags


@pytest.mark.parametrize(
    ("capability", "flags"),
    [({"other": ["*"]}, 0), ({"*": ["subscribe"]}, Flag.PUBLISH), ({"*": ["history"]}, 0)],
)
def test_without_any_mode_the_channel_is_refused(world, capability, flags):
    key = world.service.add_key(world.app, capability).api_key
    frame = only(world.client(key=key).attach("c", flags=int(flags)))
    assert (frame["action"], frame["channel"], frame["error"]["code"]) == (9, "c", 40160)
    assert "c" not in world.app.channels


@pytest.mark.parametrize(
    "name", ["", ":x", "a\nb", "*", "[open", "[filter=abc]x", "[filter=Ww==]x", "[other]x"]
)
def test_a_bad_name_is_an_error_of_that_channel(world, name):
    frame = only(world.client().attach(name))
    assert (frame["channel"], frame["error"]["code"]) == (name, 40010)


def test_attaching_again_changes_the_modes(world):
    client = world.client()
    client.attach("c")
    assert only(client.attach("c", flags=int(Flag.PUBLISH)))["flags"] == Flag.PUBLISH
    assert [f["action"] for f in client.publish("c", 0, {"data": "x"})] == [1]


def test_detach_is_answered_and_ends_delivery(world):
    client = world.client()
    client.attach("c")
    assert client.say({"action": 12, "channel": "c"}) == [{"action": 13, "channel": "c"}]
    assert client.say({"action": 12, "channel": "never"}) == [{"action": 13, "channel": "never"}]
    assert [f["action"] for f in client.publish("c", 0, {"data": "x"})] == [1]


def missed(client, serial, **more):
    attached, *rest = client.attach("c", channelSerial=serial, **more)
    return attached, [message["data"] for frame in rest for message in frame["messages"]]


@pytest.fixture
def talked(world):
    """A channel with five messages; the serial of each, and of the attach before."""
    client = world.client("v=5")
    serials = [only(client.attach("c"))["channelSerial"]]
    for n in range(5):
        frames = client.publish("c", n, {"data": str(n)})
        serials += [f["channelSerial"] for f in frames if f["action"] == 15]
    return serials


def test_serials_sort_in_the_order_of_messages(talked):
    assert talked == sorted(talked)
    assert len(set(talked)) == 6


@pytest.mark.parametrize("seen", range(6))
def test_attaching_with_a_serial_brings_what_was_missed(world, talked, seen):
    attached, messages = missed(world.client(), talked[seen])
    assert messages == ["0", "1", "2", "3", "4"][seen:]
    assert attached["flags"] & Flag.RESUMED
    assert bool(attached["flags"] & Flag.HAS_BACKLOG) is (seen < 5)
    # Not the newest: a client whose connection breaks between ATTACHED and the backlog comes back with this.
    assert attached["channelSerial"] == talked[seen]


@pytest.mark.parametrize("serial", ["nonsense", "99999999999999-000@x", "{forged}"])
def test_a_serial_that_is_not_known_is_told_as_a_loss(world, talked, serial):
    serial = serial.format(forged="9" + talked[-1][1:])
    attached, messages = missed(world.client(), serial)
    assert attached["error"]["code"] == 90003
    assert not attached["flags"] & Flag.RESUMED
    assert messages == []


def test_what_is_older_than_two_minutes_is_lost_and_said_to_be(world, talked):
    world.later(120_001)
    attached, messages = missed(world.client(), talked[2])
    assert attached["error"]["code"] == 90003
    assert messages == []
    attached, _ = missed(world.client(), talked[-1])
    assert attached["flags"] & Flag.RESUMED, "nothing came after it, so nothing is lost"


@pytest.mark.parametrize(
    ("rewind", "messages"),
    [
        ("1", ["4"]),
        ("3", ["2", "3", "4"]),
        ("99", ["0", "1", "2", "3", "4"]),
        ("15s", ["0", "1", "2", "3", "4"]),
        ("0", []),
    ],
)
def test_rewind_brings_back_the_newest(world, talked, rewind, messages):
    attached, *rest = world.client().attach("c", params={"rewind": rewind, "unknown": "x"})
    assert [f["messages"][0]["data"] for f in rest] == messages
    assert attached["params"] == {"rewind": rewind}
    assert bool(attached["flags"] & Flag.HAS_BACKLOG) is bool(messages)


@pytest.mark.parametrize(("number", "text"), [(1, "1"), (2.0, "2")])
def test_a_number_among_the_params_is_read_as_its_text(world, talked, number, text):
    attached, *rest = world.client().attach("c", params={"rewind": number, "unknown": True})
    assert (attached["action"], attached["params"], len(rest)) == (11, {"rewind": text}, int(text))


@pytest.mark.parametrize("value", [True, 1.5, -1])
def test_a_param_that_is_no_text_and_not_understood_is_an_error_of_the_channel(world, value):
    client = world.client()
    client.heard()
    frame = only(client.attach("c", params={"rewind": value}))
    assert (frame["action"], frame["channel"], frame["error"]["code"]) == (9, "c", 40003)


def test_rewind_by_time_leaves_out_what_is_older(world, talked):
    world.later(20_000)
    world.client().publish("c", 0, {"data": "new"})
    _, *rest = world.client().attach("c", params={"rewind": "15s"})
    assert [f["messages"][0]["data"] for f in rest] == ["new"]
    _, *rest = world.client().attach("c", params={"rewind": "1m"})
    assert len(rest) == 6


def test_rewind_may_stand_in_the_name_and_frames_then_have_that_name(world, talked):
    client = world.client()
    attached, backlog = client.attach("[?rewind=1]c")
    assert attached["channel"] == backlog["channel"] == "[?rewind=1]c"
    world.client().publish("c", 0, {"data": "new"})
    assert only(client.heard())["channel"] == "[?rewind=1]c"


@pytest.mark.parametrize("rewind", ["", "x", "-1", "1h", "1.5", "99999999999"])
def test_a_bad_rewind_is_an_error_of_that_channel(world, rewind):
    frame = only(world.client().attach("c", params={"rewind": rewind}))
    assert (frame["channel"], frame["error"]["code"]) == ("c", 40003)


def test_who_may_not_subscribe_gets_no_backlog(world, talked):
    assert len(world.client().attach("c", params={"rewind": "5"}, flags=int(Flag.PUBLISH))) == 1


@pytest.mark.parametrize(
    ("expression", "heard"),
    [
        ("name == 'a'", ["1", "4"]),
        ("headers.priority == `5`", ["2"]),
        ("headers.kind == 'x' || name == 'b'", ["3"]),
        ("clientId == 'ada'", ["3"]),
        ("name", ["1", "3", "4"]),
        ("length(name) > `1`", []),
        ("name == 'a' && `0`", ["1", "4"]),
    ],
)
def test_a_filter_lets_through_what_it_finds(world, expression, heard):
    name = filtered(expression)
    listener = world.client("v=5")
    attached = only(listener.attach(name))
    assert attached["channel"] == name
    world.client().publish(
        "c", 0, {"data": "1", "name": "a"}, {"data": "2", "extras": {"headers": {"priority": 5}}}
    )
    world.client().publish("c", 0, {"data": "3", "name": "b", "clientId": "ada"})
    world.client().publish("c", 0, {"data": "4", "name": "a"})
    frames = listener.heard()
    assert [message["data"] for frame in frames for message in frame["messages"]] == heard
    assert {frame["channel"] for frame in frames} <= {name}


@pytest.mark.parametrize("expression", ["name < `5`", "ceil(headers.n)", "contains(headers.n, 'x')"])
def test_a_filter_that_cannot_be_asked_of_a_message_lets_it_not_through_and_harms_nobody(world, expression):
    choosy, other = world.client("v=5"), world.client("v=5")
    assert only(choosy.attach(filtered(expression)))["action"] == 11
    assert only(other.attach("c"))["action"] == 11
    (ack,) = world.client("v=5").publish("c", 0, {"name": "text", "extras": {"headers": {"n": []}}})
    assert ack["action"] == 1
    assert choosy.heard() == []
    assert only(other.heard())["action"] == 15


@pytest.mark.parametrize("expression", ["[name,name]" + "|[@,@][]" * 22, "(" * 500 + "name" + ")" * 500])
def test_a_filter_that_costs_too_much_is_an_error_of_that_channel(world, expression):
    frame = only(world.client("v=5").attach(name := filtered(expression)))
    assert (frame["channel"], frame["error"]["code"]) == (name, 40010)


def test_a_filter_holds_for_what_is_rewound_too_and_not_for_publishing(world, talked):
    name = filtered("name == 'nobody said this'", params="?rewind=5")
    client = world.client()
    assert [frame["action"] for frame in client.attach(name)] == [11]
    assert only(client.publish(name, 0, {"data": "x"}))["error"]["code"] == 40010


@pytest.mark.parametrize(
    ("modes", "given"),
    [
        ("subscribe", Flag.SUBSCRIBE),
        ("presence,subscribe", Flag.PRESENCE | Flag.SUBSCRIBE),
        ("PUBLISH, annotation_subscribe", Flag.PUBLISH | Flag.ANNOTATION_SUBSCRIBE),
    ],
)
def test_the_param_modes_goes_before_flags(world, modes, given):
    flags = int(Flag.PUBLISH | Flag.PRESENCE_SUBSCRIBE)
    attached = only(world.client().attach("c", flags=flags, params={"modes": modes}))
    assert (attached["flags"], attached["params"]) == (int(given), {"modes": modes})


@pytest.mark.parametrize(
    "params",
    [
        {"modes": "susribe"},
        {"modes": ""},
        {"modes": ",".join(["subscribe"] * 30)},
        {"modes": " " * 300 + "subscribe"},
        {"delta": "xdelta"},
    ],
)
def test_a_param_that_says_nothing_known_is_an_error_of_that_channel(world, params):
    frame = only(world.client().attach("c", params=params))
    assert (frame["channel"], frame["error"]["code"]) == ("c", 40003)


def test_who_was_attached_before_is_not_rewound(world, talked):
    attached = only(world.client().attach("c", params={"rewind": "3"}, flags=int(Flag.ATTACH_RESUME)))
    assert not attached["flags"] & Flag.HAS_BACKLOG


def test_rewind_brings_messages_as_they_are_now(make_world):
    world = make_world(mutable=["doc"])
    client = world.client("v=5")
    (ack,) = client.publish("doc:a", 0, {"name": "n", "data": "Hello"}, {"data": "untouched"})
    serial = ack["res"][0]["serials"][0]
    client.publish("doc:a", 1, {"action": 5, "serial": serial, "data": " World"})
    client.publish("doc:a", 2, {"data": "newer"})
    _, *rest = world.client("v=5").attach("doc:a", params={"rewind": "3"})
    messages = [message for frame in rest for message in frame["messages"]]
    assert [message["data"] for message in messages] == ["Hello World", "untouched", "newer"]
    assert [message["action"] for message in messages] == [1, 0, 0]
    _, *rest = world.client("v=5").attach("doc:a", params={"rewind": "2"})
    assert len(rest) == 2, "a revision is no message more"
