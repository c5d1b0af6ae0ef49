"""Keys are read, compared and never shown; capabilities decide."""

import logging

import msgspec
import pytest

from ablykit.protocol import AblyError, ApiKey, Capability, ChannelName, credentials, redact
from ablykit.protocol.credentials import OPERATIONS, forget, is_id, remember, reveal
from ablykit.protocol.redaction import quiet_logger, redact_binary

KEY = ApiKey("app", "id", "s3cr3t-value")


def test_a_key_is_read_from_its_three_parts():
    key = ApiKey.parse("app.id:s3cr3t-value")
    assert (key.app_id, key.key_id, key.name) == ("app", "id", "app.id")
    assert key.reveal() == "app.id:s3cr3t-value"
    assert key == KEY


def test_a_key_never_shows_its_secret():
    for shown in (str(KEY), repr(KEY), f"{KEY}", f"{[KEY]}", f"{ {'key': KEY} }"):
        assert "s3cr3t" not in shown
        assert "app.id:****" in shown


@pytest.mark.parametrize("text", ["", "app", "app.id", "app:secret", ".id:secret", "app.:s", "app.id:"])
def test_what_is_no_key_is_refused_without_being_repeated(text):
    with pytest.raises(AblyError) as caught:
        ApiKey.parse(text)
    assert caught.value.code == 40005
    assert "secret" not in str(caught.value).replace("a secret", "")


def test_a_secret_is_compared_whole():
    assert KEY.matches("s3cr3t-value")
    assert not KEY.matches("s3cr3t-valu")
    assert not KEY.matches("")
    assert not KEY.matches("sécret")


@pytest.mark.parametrize(
    "text",
    [
        "wss://h/?key=app.id:hidden1&v=2",
        "wss://h/?v=2&key=app.id%3Ahidden1",
        "wss://h/?accessToken=hidden1&x=1",
        "wss://h/?access_token=hidden1",
        '{"action":17,"auth":{"accessToken":"hidden1"}}',
        "{'accessToken': 'hidden1'}",
        "Authorization: Basic aGlkZGVuMQhidden1==",
        "authorization: Bearer hidden1.hidden1.hidden1",
    ],
)
def test_secrets_are_hidden_where_they_stand_even_when_not_known(text):
    assert "hidden1" not in redact(text)
    assert "****" in redact(text)


@pytest.mark.parametrize("text", ["wss://127.0.0.1:8080/", "a.b:c and x.y:z", '{"data":"Basic math"}'])
def test_what_is_no_secret_is_left_alone(text):
    assert redact(text) == text


def test_a_known_secret_is_hidden_wherever_it_stands():
    remember(KEY)
    try:
        assert redact("the data is s3cr3t-value, see?") == "the data is ****, see?"
    finally:
        forget(KEY)
    assert "s3cr3t-value" in redact("the data is s3cr3t-value, see?")


def test_stars_are_filled_in_for_a_key_that_is_known():
    url = "wss://h/?key=app.id:****&v=2"
    assert reveal(url, {KEY.name: KEY}) == "wss://h/?key=app.id:s3cr3t-value&v=2"
    with pytest.raises(AblyError, match="is unknown here"):
        reveal(url)
    assert reveal("wss://h/?key=app.id:real") == "wss://h/?key=app.id:real"


def test_the_environments_key_is_known(monkeypatch):
    monkeypatch.setenv("ABLY_API_KEY", "env.key:env-secret")
    assert reveal("wss://h/?key=env.key:****") == "wss://h/?key=env.key:env-secret"
    monkeypatch.setenv("ABLY_API_KEY", "nonsense")
    assert redact("nonsense") == "nonsense"


def test_log_records_are_redacted_before_a_handler_sees_them(caplog):
    logger = quiet_logger("test.quiet")
    quiet_logger("test.quiet")
    with caplog.at_level(logging.DEBUG, "test.quiet"):
        logger.debug("> GET %s HTTP/1.1", "/?key=app.id:hidden1")
    assert "hidden1" not in caplog.text
    assert "/?key=app.id:****" in caplog.text
    assert len(logger.filters) == 1


@pytest.mark.parametrize(
    ("resource", "channel", "matches"),
    [
        ("*", "anything", True),
        ("*", "any:thing", True),
        ("*", "[meta]log", False),
        ("chat", "chat", True),
        ("chat", "chat:x", False),
        ("chat:*", "chat:x", True),
        ("chat:*", "chat:x:y", True),
        ("chat:*", "chat", False),
        ("a:*:c", "a:b:c", True),
        ("a:*:c", "a:b:d", False),
        ("a:*:c", "a:b:c:d", False),
        ("[meta]*", "[meta]log", True),
        ("[meta]*", "log", False),
        ("[*]*", "[meta]log", True),
        ("[*]*", "log", True),
        ("chat", "[?rewind=1]chat", True),
    ],
)
def test_resources_match_channels(resource, channel, matches):
    capability = Capability.parse({resource: ["publish"]})
    assert bool(capability.operations(ChannelName.parse(channel))) is matches


def test_rights_add_up_over_all_resources_that_match():
    capability = Capability.parse('{"chat:*":["publish"],"*":["subscribe"]}')
    assert capability.operations(ChannelName.parse("chat:x")) == {"publish", "subscribe"}
    assert Capability.parse(None).operations(ChannelName.parse("x")) == OPERATIONS


def nested(levels, inmost="1"):
    return "[" * levels + inmost + "]" * levels


@pytest.mark.parametrize(
    "value",
    [
        "{", "[]", 5, {"x": "publish"}, {"x": ["fly"]}, {"x": [5]}, {"x": [["publish"]]}, {"x": [{}]}, "{'x': 1}",
        nested(980), nested(100_000), f'{{"x":{nested(980)}}}', f'{{"x":{nested(100_000)}}}', '{"x":[NaN]}', '{"\\ud800":["*"]}',
    ],
    ids=lambda value: f"{value!r:.20}",
)  # fmt: skip
def test_a_malformed_capability_is_refused(value):
    with pytest.raises(AblyError) as caught:
        Capability.parse(value)
    assert caught.value.code == 40000


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0"


def test_of_a_jwt_only_the_signature_is_hidden():
    for text in (f"?accessToken={JWT}&v=5", f'{{"accessToken":"{JWT}"}}', f"Bearer {JWT}"):
        shown = redact(text)
        assert "c2lnbmF0" not in shown
        assert "eyJleHAiOjF9.****" in shown
    assert redact('{"accessToken":"opaque-token"}') == '{"accessToken":"****"}'


@pytest.mark.parametrize("length", [5, 31, 32, 255, 256, 70_000])
def test_in_messagepack_a_token_gives_way_to_as_many_stars(length):
    frame = {"action": 17, "auth": {"accessToken": "t" * length}, "z": 1}
    raw = redact_binary(msgspec.msgpack.encode(frame))
    assert msgspec.msgpack.decode(raw) == {**frame, "auth": {"accessToken": "*" * length}}
    raw = redact_binary(msgspec.msgpack.encode({"auth": {"accessToken": JWT}}))
    hidden = msgspec.msgpack.decode(raw)["auth"]["accessToken"]
    assert hidden.startswith(JWT.rpartition(".")[0] + ".***")
    assert len(hidden) == len(JWT)


def test_junk_after_the_word_for_a_token_does_no_harm():
    for tail in (b"", b"\xd9", b"\xda\x00", b"\xbfx", b"\xdb\xff\xff\xff\xffx"):
        assert len(redact_binary(b"\xabaccessToken" + tail)) == 12 + len(tail)


@pytest.mark.parametrize("value", [{"x": []}, {"x": ["*", "publish"]}])
def test_operations_are_a_star_alone_or_named_one_by_one(value):
    with pytest.raises(AblyError, match=r"for 'x'|of 'x'") as caught:
        Capability.parse(value)
    assert caught.value.code == 40000


def test_a_capability_has_one_way_to_be_written():
    written = Capability.parse({"b": ["subscribe", "publish"], "a": ["*"]}).canonical()
    assert written == '{"a":["*"],"b":["publish","subscribe"]}'


def test_what_matches_a_channel_is_told_with_its_operations():
    capability = Capability.parse({"chat:*": ["publish"], "*": ["subscribe"], "other": ["*"]})
    assert capability.matching(ChannelName.parse("chat:x")) == {"chat:*": ("publish",), "*": ("subscribe",)}
    assert Capability.parse({"x": ["*"]}).operations(ChannelName.parse("x")) == OPERATIONS


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"*": ["*"]}, {"a": ["publish"]}, {"a": ("publish",)}),
        ({"a": ["publish", "subscribe"]}, {"a": ["subscribe", "history"]}, {"a": ("subscribe",)}),
        ({"a": ["publish"]}, {"a": ["subscribe"]}, {}),
        ({"a": ["*"]}, {"b": ["*"]}, {}),
        ({"a:*": ["*"]}, {"a:b:*": ["publish"]}, {"a:b:*": ("publish",)}),
        ({"a:*": ["*"]}, {"a": ["publish"]}, {}),
        ({"a:b": ["*"]}, {"a:*": ["*"]}, {"a:b": ("*",)}),
        ({"a": ["*"]}, {"a:b": ["*"]}, {}),
        ({"*": ["*"]}, {"[meta]*": ["subscribe"]}, {}),
        (
            {"a:*:c": ["*"]},
            {"a:b:c": ["publish"], "a:*": ["history"]},
            {"a:b:c": ("publish",), "a:*:c": ("history",)},
        ),
        ({"a:*:c:*": ["*"]}, {"a:b:c": ["publish"], "a:*:c:d": ["history"]}, {"a:*:c:d": ("history",)}),
        ({"a:b": ["*"]}, {"a:*": ["*"], "a:b": ["publish"]}, {"a:b": ("*",)}),
        (
            {"[*]*": ["*"]},
            {"[meta]*": ["subscribe"], "x": ["publish"]},
            {"[meta]*": ("subscribe",), "x": ("publish",)},
        ),
    ],
)
def test_what_two_capabilities_both_allow_is_the_narrower_of_each_pair(one, other, both):
    one, other = Capability.parse(one), Capability.parse(other)
    assert one.within(other).grants == other.within(one).grants == both


@pytest.fixture
def look_ups(monkeypatch):
    """How many resources were looked up."""
    made, key = [], credentials._Shape.key
    monkeypatch.setattr(credentials._Shape, "key", lambda *args: made.append(1) or key(*args))
    return made


def test_large_capabilities_are_intersected_by_a_look_up_for_each_resource_and_shape(look_ups):
    names = {f"namespace-{n % 100}:channel-{n}": ["subscribe"] for n in range(5_000)}
    one, other = (
        Capability.parse(names),
        Capability.parse({**names, "namespace-7:*": ["publish"], "*": ["history"]}),
    )
    assert len(one.within(other).grants) == 5_000
    assert len(look_ups) < 7 * 5_000


def test_what_is_made_to_take_long_is_refused_before_it_does(look_ups):
    """Each of these has its stars in other places, so that each of the others must be held against it."""
    stars = {":".join("*a"[n >> bit & 1] for bit in range(12)) + ":b": ["*"] for n in range(2**12)}
    names = {f"a:a:a:a:a:a:a:a:a:a:a:a:{n}": ["*"] for n in range(2_000)}
    with pytest.raises(AblyError, match="too many resources") as caught:
        Capability.parse(names).within(Capability.parse(stars))
    assert caught.value.code == 40000
    assert len(look_ups) <= len(stars) + len(names)


@pytest.mark.parametrize(
    ("text", "could_be"), [("AbC-_1", True), ("longer-one", True), ("short", False), ("a.b.cd", False)]
)
def test_an_id_of_an_app_or_a_key_has_six_characters_or_more(text, could_be):
    assert is_id(text) is could_be
