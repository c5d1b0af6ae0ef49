"""Sessions without sockets: a service whose time is an argument, and transports that remember."""

import json

import pytest

from ablykit.protocol import Format, plain
from ablykit.protocol.codec import decode
from ablykit.protocol.tokens import jwt
from ablykit.server.access.app import namespaces
from ablykit.server.channels.delivery import in_version
from ablykit.server.opening import open_session
from ablykit.server.service import Service
from tests.server.frames import only, token_of
from tests.server.over_http import Http

ARTICLE = "format=json"


class Remembering:
    """A transport that keeps what is written, as the client would read it."""

    def __init__(self):
        self.frames, self.formats, self.closed = [], [], None

    def write(self, delivery, variant, channel):
        raw = delivery.encoded(variant, lambda payload, format: payload, channel)
        self.formats.append(variant.format)
        self.frames.append(plain(decode(raw, variant.format)))
        assert self.frames[-1] == plain(in_version(delivery.frame, variant)) | (
            {"channel": channel} if channel else {}
        )

    def close(self, code, reason):
        self.closed = (code, reason)


class Client:
    """A client of a session: `say` a frame, get the frames that come back."""

    def __init__(self, world, query="", *, key=None, secure=True, path="/"):
        self.world, self.transport = world, Remembering()
        whole = f"key={(key or world.key).reveal()}&{query}" if key is not False else query
        self.session = open_session(world.service, self.transport, whole, world.now, secure=secure, path=path)

    def say(self, frame, format=Format.JSON):
        self.heard()
        raw = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        self.session.receive(raw, format, self.world.now)
        return self.heard()

    def attach(self, channel, **more):
        return self.say({"action": 10, "channel": channel, **more})

    def publish(self, channel, serial, *messages, **more):
        return self.say(
            {
                "action": 15,
                "channel": channel,
                "msgSerial": serial,
                "messages": list(messages),
                **more,
            }
        )

    def heard(self):
        frames, self.transport.frames = self.transport.frames, []
        return frames

    def drop(self):
        self.session.dropped(self.world.now)

    @property
    def closed(self):
        return self.transport.closed


class World:
    """A service, its one app and key, and the time."""

    def __init__(self, **options):
        self.now = 1_000.0
        limits = options.pop("limits", None)
        named = namespaces(mutable=options.pop("mutable", ()), persisted=options.pop("persisted", ()))
        self.service = Service(lambda: self.now, seed=1, **options)
        self.app = self.service.add_app(limits=limits, namespaces=named)
        self.key = self.service.add_key(self.app).api_key

    def client(self, query="", **options):
        return Client(self, query, **options)

    def later(self, ms):
        self.now += ms
        self.service.sweep(self.now)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def make_world():
    return World


@pytest.fixture(params=["json", "msgpack"])
def http(world, request):
    return Http(world, request.param)


@pytest.fixture(params=["Ably token", "JWT"])
def make_token(world, request):
    def make(**options):
        return token_of(world, **options) if request.param == "Ably token" else jwt(world.key, **options)

    return make


@pytest.fixture
def dropped(world):
    """A connection that published, was ACKed, and dropped: its first frame and its key."""
    client = world.client("v=5")
    connected = only(client.heard())
    assert only(client.publish("c", 0, {"data": "a"}))["action"] == 1
    client.drop()
    return connected, connected["connectionDetails"]["connectionKey"]
