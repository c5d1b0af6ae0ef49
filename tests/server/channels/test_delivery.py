"""A frame on its way to many."""

import json

import pytest

from ablykit.protocol import Annotation, Format, Message, PresenceMessage, ProtocolMessage, PublishResult
from ablykit.protocol.frames import ConnectionDetails
from ablykit.server.channels.delivery import Delivery, Variant, delivery_of, in_version

MODERN, IN_2021 = Variant(Format.JSON, modern=True), Variant(Format.JSON, modern=False)
BINARY = Variant(Format.MSGPACK, modern=True)


def message(**members):
    return ProtocolMessage(action=15, channel="c", messages=[Message(**members)])


def test_it_is_encoded_once_for_each_kind_of_connection():
    delivery, wrapped = Delivery(message(data="x")), []

    def wrap(payload, format):
        wrapped.append(format)
        return b"<" + payload + b">"

    first = delivery.encoded(MODERN, wrap)
    assert first == b'<{"action":15,"channel":"c","messages":[{"data":"x"}]}>'
    assert delivery.encoded(MODERN, wrap) is first
    delivery.encoded(BINARY, wrap)
    named = delivery.encoded(MODERN, wrap, "[?rewind=1]c")
    assert json.loads(named[1:-1])["channel"] == "[?rewind=1]c"
    assert wrapped == [Format.JSON, Format.MSGPACK, Format.JSON]


@pytest.mark.parametrize(
    ("member", "item"), [("messages", Message), ("presence", PresenceMessage), ("annotations", Annotation)]
)
def test_binary_data_is_base64_in_json_wherever_it_stands(member, item):
    frame = ProtocolMessage(action=15, **{member: [item(data=b"\x00\x01")]})
    (shown,) = getattr(in_version(frame, MODERN), member)
    assert (shown.data, shown.encoding) == ("AAE=", "base64")
    assert getattr(in_version(frame, BINARY), member) == [item(data=b"\x00\x01")]


def test_only_a_message_can_be_an_echo():
    assert delivery_of(ProtocolMessage(action=15, connection_id="a")).publisher == "a"
    assert delivery_of(ProtocolMessage(action=14, connection_id="a")).publisher is None


@pytest.mark.parametrize(
    ("frame", "member"),
    [
        (ProtocolMessage(action=15, messages=[Message(data=b"\x00")]), "messages"),
        (ProtocolMessage(action=14, presence=[PresenceMessage(data=b"\x00")]), "presence"),
    ],
)
def test_binary_is_as_the_connections_format_has_it(frame, member):
    (as_json,) = getattr(in_version(frame, MODERN), member)
    assert (as_json.data, as_json.encoding) == ("AA==", "base64")
    (as_msgpack,) = getattr(in_version(frame, BINARY), member)
    assert (as_msgpack.data, as_msgpack.encoding) == (b"\x00", None)


def test_in_2021_frames_look_as_they_did():
    details = ConnectionDetails(connection_key="k")
    connected = in_version(ProtocolMessage(action=4, connection_details=details), IN_2021)
    assert (connected.connection_key, connected.connection_serial) == ("k", -1)
    assert in_version(ProtocolMessage(action=1, res=[PublishResult(serials=["s"])]), IN_2021).res is None
    (bare,) = in_version(message(data="x", serial="s", action=0), IN_2021).messages
    assert (bare.data, bare.serial, bare.action) == ("x", None, None)
    other = ProtocolMessage(action=0)
    assert in_version(other, IN_2021) is other
