"""Anything at all, sent to every address and as every frame: answered in words, and nothing leaks."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ablykit.protocol import Action, Format
from ablykit.protocol.tokens import jwt
from ablykit.server.rest.routes import rest_app
from tests.server.conftest import World
from tests.server.over_http import MSGPACK, b64

ADDRESSES = [
    (method, route.path)
    for route in rest_app(World().service).routes
    for method in sorted(route.methods - {"HEAD"})
]
MEMBERS = [
    "action",
    "annotations",
    "auth",
    "capability",
    "channel",
    "channels",
    "channelSerial",
    "clientId",
    "connectionKey",
    "count",
    "data",
    "encoding",
    "extras",
    "flags",
    "id",
    "intervalId",
    "issuedBefore",
    "keys",
    "limits",
    "messages",
    "messageSerial",
    "msgSerial",
    "name",
    "namespaces",
    "params",
    "presence",
    "serial",
    "targets",
    "timestamp",
    "ttl",
    "type",
    "version",
]
PARAMS = [
    "limit",
    "start",
    "end",
    "direction",
    "cursor",
    "unit",
    "clientId",
    "channels",
    "fromSerial",
    "by",
    "prefix",
    "format",
]

things = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["c", "doc:a", "clientId:x", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=8,
)
names = st.sampled_from(["c", "doc:a", "[meta]log", "a b", ":x", "ü", "["]) | st.text(min_size=1, max_size=8)


def encoded(value, format):
    """The value in a format; nothing, for what the format can not hold."""
    try:
        return (
            (json.dumps(value).encode("utf-8", "surrogatepass"))
            if format is Format.JSON
            else msgspec.msgpack.encode(value)
        )
    except (ValueError, OverflowError, UnicodeEncodeError):
        return b""


@pytest.fixture(scope="module")
def asked():
    """A world that others talk in, and who asks it."""
    world = World(sandbox=True, mutable=["doc"], persisted=["kept"])
    client = world.client("v=5&clientId=me")
    client.attach("c")
    client.say({"action": 14, "channel": "c", "msgSerial": 0, "presence": [{"action": 2}]})
    client.publish("doc:a", 1, {"data": "x"})
    return world, TestClient(
        rest_app(world.service), base_url="https://localhost", raise_server_exceptions=True
    )


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(ADDRESSES),
    st.fixed_dictionaries({"channel": names, "serial": names, "app": names, "key": names}),
    st.dictionaries(st.sampled_from(PARAMS), st.text(max_size=8) | st.integers().map(str), max_size=3),
    things | st.binary(),
    st.sampled_from(list(Format)),
    st.sampled_from(list(Format)),
)
def test_every_address_answers_anything_in_words(asked, address, parts, query, body, sent, accepted):
    world, client = asked
    method, path = address
    if path == "/apps/{app}":
        parts = {**parts, "app": "not-this-one"}
    from urllib.parse import quote

    media = {Format.JSON: "application/json", Format.MSGPACK: MSGPACK}
    answer = client.request(
        method,
        path.replace(":path", "").format(**{name: quote(text, safe="") for name, text in parts.items()}),
        params=query,
        content=body if isinstance(body, bytes) else encoded(body, sent),
        headers={"Content-Type": media[sent], "Accept": media[accepted], "Authorization": f"Basic {b64(world.key.reveal())}"},
    )  # fmt: skip
    assert answer.status_code in (200, 201, 400, 401, 404, 405), answer.content
    as_msgpack = accepted is Format.MSGPACK or query.get("format") == "msgpack"
    said = msgspec.msgpack.decode(answer.content) if as_msgpack else answer.json()
    if answer.status_code >= 400:
        error = said["error"]
        assert error["statusCode"] == answer.status_code
        assert answer.headers["X-Ably-ErrorCode"] == str(error["code"])
        assert error["message"]
    if path != "/apps":
        assert world.key.secret.encode() not in answer.content


@settings(max_examples=600, deadline=None)
@given(
    st.integers(-1, 23) | st.sampled_from([10, 14, 15, 17, 21]),
    st.dictionaries(st.sampled_from(MEMBERS), things, max_size=6),
    st.sampled_from(list(Format)),
)
def test_every_frame_with_anything_in_it_is_answered_in_words(action, members, format):
    world = World(mutable=["doc"])
    client = world.client(f"v=5&clientId=me&format={format.value}")
    client.attach("c")
    raw = encoded({**members, "action": action}, format)
    heard = client.say(raw, format)
    assert (
        heard
        or client.closed
        or action in (Action.MESSAGE, Action.PRESENCE, Action.ANNOTATION, Action.OBJECT)
    )
    for frame in heard:
        if error := frame.get("error"):
            assert error["message"]
            assert error["code"] >= 40000
            assert error["href"].endswith(str(error["code"]))
    text = json.dumps(heard, default=repr)
    assert world.key.secret not in text
    if not client.closed:
        assert client.say({"action": 0} if format is Format.JSON else encoded({"action": 0}, format), format)


HERE_OR_NOT = [
    ("GET", "/channels/{}/messages"), ("GET", "/channels/{}/presence"), ("GET", "/channels/{}/presence/history"),
    ("GET", "/channels/{}"), ("GET", "/channels/{}/messages/S"), ("GET", "/channels/{}/messages/S/versions"),
    ("GET", "/channels/{}/messages/S/annotations"), ("PATCH", "/channels/{}/messages/S"), ("POST", "/channels/{}/messages"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), HERE_OR_NOT)
def test_a_refusal_does_not_tell_whether_a_channel_is_there(asked, method, path):
    world, client = asked
    serial = world.app.channels["doc:a"].log.all(world.now)[0].serials[0]
    token = jwt(world.key, capability={"own": ["*"]})

    def refusal(channel, serial):
        answer = client.request(
            method, path.format(channel).replace("S", serial), content=b'{"action":1,"data":"x"}',
            headers={"Authorization": f"Bearer {b64(token)}", "Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 401
        return answer.text.replace(channel, "NAME")

    assert refusal("doc:a", serial) == refusal("doc:b", "nothing")


def test_a_refused_attach_does_not_tell_whether_a_channel_is_there(asked):
    world, _ = asked
    client = world.client(f"accessToken={jwt(world.key, capability={'own': ['*']})}&v=5", key=False)
    client.heard()

    def refusal(channel, serial):
        frames = [*client.attach(channel), *client.publish(channel, serial, {"data": "x"})]
        assert [frame["error"]["code"] for frame in frames] == [40160, 40160]
        return json.dumps([frame["error"] for frame in frames]).replace(channel, "NAME")

    assert refusal("doc:a", 0) == refusal("doc:b", 1)
