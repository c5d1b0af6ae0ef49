"""Each denial can be asked about, by what told it."""

import pytest

from ablykit import wire
from ablykit.protocol import AblyError, Flag
from ablykit.protocol.tokens import jwt
from tests.server.frames import only
from tests.server.over_http import Http


def why(world, told):
    return world.service.denials.find(told)


def limited(world, capability, query="v=5"):
    key = world.service.add_key(world.app, capability).api_key
    client = world.client(query, key=key)
    client.heard()
    return key, client


@pytest.mark.parametrize(
    ("capability", "rule"),
    [
        (
            {"other": ["*"], "ns:*": ["*"]},
            "No resource in the key's capability matches 'c': it has 'other', 'ns:*'",
        ),
        (
            {"c": ["subscribe"], "*": ["history"]},
            "In the key's capability, 'c' has subscribe; '*' has history; no other resource matches 'c'",
        ),
    ],
)
def test_a_nack_is_traced_to_the_capability(world, capability, rule):
    key, client = limited(world, capability)
    denial = why(world, only(client.publish("c", 0, {"data": "x"})))
    assert (denial.code, denial.key, denial.by_token) == (40160, key.name, False)
    assert (denial.resource, denial.operation, denial.rule) == ("c", "publish", rule)
    assert str(denial) == (
        f"40160: The key is not permitted to publish on 'c'\nkey        {key.name}\nclientId   *\n"
        f"resource   c\noperation  publish\nrule       {rule}"
    )


def test_of_a_token_it_is_said_whether_it_or_its_key_is_too_narrow(world):
    key = world.service.add_key(world.app, {"c": ["publish"], "d": ["subscribe"]}).api_key
    token = jwt(key, capability={"c": ["subscribe"], "d": ["*"]}, client_id="me")
    client = world.client(f"accessToken={token}&v=5", key=False)
    client.heard()
    by_token, by_key = (
        why(world, only(client.publish(channel, serial, {"data": "x"})))
        for serial, channel in enumerate(("c", "d"))
    )
    assert by_token.rule.startswith("In the token's capability, 'c' has subscribe")
    assert by_key.rule.startswith("In the key's capability, 'd' has subscribe")
    assert (by_key.by_token, by_key.client_id) == (True, "me")
    assert f"{key.name}, by a token" in str(by_key)
    both = world.client(f"accessToken={jwt(key, capability={'c': ['subscribe']})}&v=5", key=False)
    both.heard()
    denial = why(world, only(both.attach("c")))
    assert denial.operation == "annotation-publish or presence or publish or subscribe"
    assert "but not the same one" in denial.rule


def test_a_refused_attach_and_a_missing_mode_are_traced(world):
    _, client = limited(world, {"c": ["subscribe"]})
    denial = why(world, only(client.attach("c", flags=int(Flag.PUBLISH))))
    assert (denial.operation, denial.resource) == ("publish", "c")
    full = world.client("v=5&clientId=me")
    full.heard()
    full.attach("c", flags=int(Flag.SUBSCRIBE))
    for serial, (frame, operation) in enumerate(
        [
            ({"action": 15, "messages": [{}]}, "publish"),
            ({"action": 14, "presence": [{"action": 2}]}, "presence"),
            ({"action": 21, "annotations": [{}]}, "annotation-publish"),
        ]
    ):
        denial = why(world, only(full.say({**frame, "channel": "c", "msgSerial": serial})))
        assert (denial.code, denial.operation) == (40165, operation)
        assert denial.rule == "The ATTACH asked for SUBSCRIBE and was granted SUBSCRIBE"


@pytest.mark.parametrize(
    ("query", "options", "code"),
    [
        ("", {"key": False}, 40101),
        ("", {"secure": False}, 40103),
        ("key=nosuch.keykey:secret", {"key": False}, 40400),
        ("accessToken=nosuch.token", {"key": False}, 40143),
        ("clientId=", {}, 40012),
    ],
)
def test_a_refused_connection_is_traced_too(world, query, options, code):
    denial = why(world, only(world.client(query, **options).heard()))
    assert denial.code == code
    assert len(denial.rule) > 20
    assert world.key.secret not in str(denial)


def test_a_token_that_ends_or_is_somebody_elses_is_traced(world):
    client = world.client(f"accessToken={jwt(world.key, client_id='me')}&v=5", key=False)
    client.heard()
    client.session.on_time(client.session.identity.deadline)
    client.session.on_time(client.session.identity.deadline)
    denial = why(world, client.heard()[-1])
    assert (denial.code, denial.key, denial.by_token) == (40142, world.key.name, True)
    other = world.client(f"accessToken={jwt(world.key, client_id='me')}&clientId=you", key=False)
    assert why(world, only(other.heard())).code == 40102


@pytest.mark.parametrize("format", ["json", "msgpack"])
def test_an_http_answer_is_traced_and_each_channel_of_a_batch(world, format):
    http = Http(world, format)
    key = world.service.add_key(world.app, {"a": ["publish"]}).api_key
    answers = {
        "history": http("GET", "/channels/a/messages", key=key, status=401),
        "stats": http("GET", "/stats", key=key, status=401),
        "channel-metadata": http("GET", "/channels", key=key, status=401),
    }
    for operation, answer in answers.items():
        denial = why(world, answer)
        assert (denial.operation, denial.key) == (operation, key.name)
    spec = {"channels": ["a", "b"], "messages": {"data": "x"}}
    said = http("POST", "/messages", spec, key=key, status=201)
    assert why(world, said["results"][1]).resource == "b"
    assert why(world, said["results"][1]["error"]).resource == "b", "the error alone does as well"


def test_an_update_that_is_not_allowed_is_traced(make_world):
    world = make_world(mutable=["doc"])
    (ack,) = world.client("v=5&clientId=ada").publish("doc:a", 0, {"data": "x"})
    change = {"action": 1, "serial": ack["res"][0]["serials"][0], "data": "y"}
    for rights, operation in (
        (["publish"], "message-update-any or message-update-own"),
        (["message-update-own"], "message-update-any"),
    ):
        _, client = limited(world, {"*": rights}, "v=5&clientId=bob")
        denial = why(world, only(client.publish("doc:a", 0, change)))
        assert denial.operation == operation
    assert denial.rule == "'ada' published the message, 'bob' asked to revise it"


def test_the_newest_of_denials_that_read_alike_is_told(world):
    first, client = limited(world, {"x": ["*"]})
    nack = only(client.publish("c", 0, {"data": "x"}))
    second, again = limited(world, {"y": ["*"]})
    assert why(world, nack).key == first.name
    again.publish("c", 0, {"data": "x"})
    assert why(world, nack).key == second.name


@pytest.mark.parametrize(
    "told",
    [{}, {"action": 11}, {"error": {"code": 40160, "message": "of somebody else"}}, None, 5, ValueError("x")],
)
def test_what_is_no_denial_of_this_server_is_said_to_be_none(world, told):
    with pytest.raises(LookupError, match="not a denial"):
        why(world, told)


def test_other_errors_are_no_denials(world):
    client = world.client("v=5")
    client.heard()
    with pytest.raises(LookupError):
        why(world, only(client.attach(":x")))


def test_an_exception_is_as_good_as_a_frame(world):
    _, client = limited(world, {"x": ["*"]})
    client.publish("c", 0, {"data": "x"})
    assert why(world, AblyError(40160, "The key is not permitted to publish on 'c'")).resource == "c"


def test_it_is_asked_of_the_server(local):
    ably = local()
    key = ably.new_key({"c": ["subscribe"]})
    with wire.connect(f"{ably.tls_url}?key={key}") as conn:
        conn.send({"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]})
        nack = conn.recv("NACK")
    for asked in (ably, ably.new_app()):
        denial = asked.why(nack)
        assert (denial.key, denial.operation) == (key.name, "publish")


def test_of_what_was_denied_no_more_is_remembered_than_can_be_read(world):
    names = {f"{'x' * 1_000}{n}": ["subscribe"] for n in range(200)}
    _, client = limited(world, names)
    denial = why(world, only(client.publish("c", 0, {"data": "x"})))
    assert denial.operation == "publish"
    assert len(denial.rule) == 1_001
