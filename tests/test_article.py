"""The article, frame by frame, typed by a client that knows nothing of this project.

Every row of the table, for both faces of the protocol, in both formats, over ws and wss.
"""

import itertools
import json

import msgspec
import pytest

from ablykit.protocol import Flag
from tests.conftest import trusting
from tests.foreign import ConnectionClosed, connect

WAYS = list(itertools.product(("2021", "modern"), ("json", "msgpack"), ("ws", "wss")))


class Foreign:
    """`websockets` on its own: URL in, frames out."""

    def __init__(self, ably, face, format, scheme):
        self.ably, self.format, self.scheme = ably, format, scheme
        self.always = (
            {"2021": "", "modern": "v=5"}[face],
            {"json": "", "msgpack": "format=msgpack"}[format],
        )
        self.modern = face == "modern"

    def open(self, *params, key=True):
        given = f"key={self.ably.key.reveal() if key is True else key}" if key else ""
        query = "&".join(filter(None, (given, *self.always, *params)))
        base = self.ably.tls_url if self.scheme == "wss" else self.ably.url
        context = trusting(self.ably) if self.scheme == "wss" else None
        return Shell(connect(f"{base}/?{query}", ssl=context), self.format)


class Shell:
    def __init__(self, ws, format):
        self.ws, self.format = ws, format

    def type(self, text):
        """Type a line: as text, or what it says as MessagePack."""
        if self.format == "msgpack":
            try:
                text = msgspec.msgpack.encode(json.loads(text))
            except ValueError:
                text = text.encode()
        self.ws.send(text)

    def hear(self, timeout=5):
        raw = self.ws.recv(timeout=timeout)
        assert isinstance(raw, bytes) is (self.format == "msgpack")
        return msgspec.msgpack.decode(raw) if isinstance(raw, bytes) else json.loads(raw)

    def hears_nothing_for(self, seconds):
        with pytest.raises(TimeoutError):
            self.hear(timeout=seconds)

    def is_closed(self):
        with pytest.raises(ConnectionClosed):
            self.ws.recv(timeout=5)
        return self.ws.close_code


@pytest.fixture(params=WAYS, ids="-".join)
def foreign(request, local):
    face, format, scheme = request.param
    # Over ws:// a key is refused, so what needs a key runs there against a sandbox.
    return Foreign(local(seed=1, sandbox=scheme == "ws", heartbeat_interval=300), face, format, scheme)


def connected(foreign, *params):
    shell = foreign.open("heartbeats=false", *params)
    assert shell.hear()["action"] == 4
    return shell


def attached(foreign, channel="my_channel", *params):
    shell = connected(foreign, *params)
    shell.type(json.dumps({"action": 10, "channel": channel}))
    assert shell.hear()["action"] == 11
    return shell


def message(serial, data, channel="my_channel"):
    return json.dumps({"action": 15, "channel": channel, "msgSerial": serial, "messages": [data]})


def test_1_without_credentials(foreign):
    shell = foreign.open(key=None)
    frame = shell.hear()
    assert frame["action"] == 9
    assert frame["error"] == {
        "message": "No authentication information provided. (See https://help.ably.io/error/40101 for help.)",
        "code": 40101,
        "statusCode": 401,
        "href": "https://help.ably.io/error/40101",
    }
    assert isinstance(frame["timestamp"], int)
    assert shell.is_closed() == 1000


def test_2_with_a_key(foreign):
    frame = foreign.open().hear()
    assert frame["action"] == 4
    details = frame["connectionDetails"]
    assert details["connectionKey"]
    assert frame["connectionId"] in details["connectionKey"]
    assert (frame.get("connectionKey") == details["connectionKey"]) is not foreign.modern
    assert (len(details) == 9) is not foreign.modern


def test_3_a_key_without_tls(local):
    for face, format in itertools.product(("2021", "modern"), ("json", "msgpack")):
        shell = Foreign(local(), face, format, "ws").open()
        assert shell.hear()["error"]["code"] == 40103
        assert shell.is_closed() == 1000


@pytest.mark.parametrize("nonsense", ["any string of letters", '{"action":"x"}', '{"action":42}'])
def test_4_any_nonsense(foreign, nonsense):
    shell = connected(foreign)
    shell.type(nonsense)
    frame = shell.hear()
    assert frame["action"] == 9
    assert len(frame["error"]["message"]) > 30
    shell.type('{"action":0}')
    assert shell.hear() == {"action": 0}


def test_5_silence(foreign):
    shell = foreign.open()
    idle = shell.hear()["connectionDetails"]["maxIdleInterval"]
    assert idle == 300
    assert shell.hear(timeout=5) == {"action": 0}


def test_6_no_heartbeats(foreign):
    connected(foreign).hears_nothing_for(0.8)


def test_7_a_heartbeat(foreign):
    shell = connected(foreign)
    shell.type('{"action": 0}')
    assert shell.hear() == {"action": 0}


def test_8_attach_naively(foreign):
    shell = connected(foreign)
    shell.type('{"action": 10}')
    error = shell.hear()["error"]
    assert error["message"] == "Missing channel identifier. (See https://help.ably.io/error/40000 for help.)"
    assert (error["code"], error["statusCode"]) == (40000, 400)


def test_9_attach_properly(foreign):
    shell = connected(foreign)
    shell.type('{"action": 10, "channel": "my_channel"}')
    frame = shell.hear()
    flags = 983040 | Flag.ANNOTATION_PUBLISH if foreign.modern else 983040
    assert (frame["action"], frame["flags"], frame["channel"]) == (11, flags, "my_channel")
    assert frame["channelSerial"]


def test_10_publish(foreign):
    shell = attached(foreign)
    shell.type(message(0, {"hello": "world"}))
    frames = {frame["action"]: frame for frame in (shell.hear(), shell.hear())}
    assert (frames[1]["msgSerial"], frames[1]["count"]) == (0, 1)
    assert ("res" in frames[1]) is foreign.modern
    assert frames[15]["messages"][0]["hello"] == "world"


def test_11_no_echo(foreign):
    shell = attached(foreign, "my_channel", "echo=false")
    shell.type(message(0, {"data": "x"}))
    assert shell.hear()["action"] == 1
    shell.hears_nothing_for(0.2)


def test_12_two_shells(foreign):
    one, two = attached(foreign), attached(foreign)
    one.type(message(0, {"name": "n", "data": "x"}))
    frame = two.hear()
    assert frame["action"] == 15
    assert (frame["messages"][0]["name"], frame["messages"][0]["data"]) == ("n", "x")
    two.hears_nothing_for(0.1)


def test_13_one_of_two_too_large(foreign):
    shell = attached(foreign, "my_channel", "echo=false")
    shell.type(message(0, {"data": "x"}))
    shell.type(message(1, {"data": "x" * 70_000}))
    answers = sorted((shell.hear(), shell.hear()), key=lambda frame: frame["msgSerial"])
    assert [(a["action"], a["msgSerial"], a["count"]) for a in answers] == [(1, 0, 1), (2, 1, 1)]
    assert answers[1]["error"]["code"] == 40009


def test_14_a_bad_name_and_no_rights(foreign):
    shell = connected(foreign)
    shell.type('{"action": 10, "channel": ":my_channel"}')
    frame = shell.hear()
    assert (frame["action"], frame["channel"], frame["error"]["code"]) == (9, ":my_channel", 40010)
    limited = foreign.open("heartbeats=false", key=foreign.ably.limited_key.reveal())
    assert limited.hear()["action"] == 4
    limited.type('{"action": 10, "channel": "private:diary"}')
    frame = limited.hear()
    assert (frame["action"], frame["channel"], frame["error"]["code"]) == (
        9,
        "private:diary",
        40160,
    )


def test_formats_and_faces_mix_on_one_channel(local):
    ably = local(sandbox=True)
    shells = [attached(Foreign(ably, *way), "my_channel", "echo=false") for way in WAYS]
    for number, shell in enumerate(shells):
        shell.type(message(0, {"data": f"from {number}"}))
        assert shell.hear()["action"] == 1
        for other in shells:
            if other is not shell:
                assert other.hear()["messages"][0]["data"] == f"from {number}"
