"""Frames as types: names, copies, and what no type knows."""

import msgspec
import pytest

from ablykit.protocol import typed
from ablykit.protocol.frames import TYPES, ConnectionDetails, Message, ProtocolMessage, nested, wire_names


def test_names_are_camel_case_on_the_wire():
    assert wire_names(ProtocolMessage)["msg_serial"] == "msgSerial"
    assert wire_names(ConnectionDetails)["objects_gc_grace_period"] == "objectsGCGracePeriod"
    assert (
        msgspec.json.encode(ProtocolMessage(action=1, msg_serial=0, count=1))
        == b'{"action":1,"msgSerial":0,"count":1}'
    )


def test_members_that_are_types_of_the_wire_are_known():
    assert set(nested(ProtocolMessage)) == {
        "connection_details", "error", "messages", "presence", "annotations", "auth", "res",
    }  # fmt: skip
    assert set(nested(Message)) == {"version", "annotations"}
    assert all(set(nested(type)) <= set(wire_names(type)) for type in TYPES)


def test_what_a_type_does_not_know_goes_along_with_copies():
    frame = typed({"action": 15, "new": [1], "messages": [{"odd": True}]})
    assert frame.unknown == {"new": [1]}
    assert frame.messages[0].unknown == {"odd": True}
    copy = frame.replace(channel="c")
    assert (copy.channel, copy.unknown, frame.channel) == ("c", {"new": [1]}, None)
    assert ProtocolMessage(action=0).replace(id="x").unknown == {}


def test_what_is_absent_is_not_shown():
    assert repr(ProtocolMessage(action=0, id="x")) == "ProtocolMessage(action=0, id='x')"


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 1.5, "1"])
def test_a_number_that_not_every_parser_reads_is_no_number(number):
    with pytest.raises(Exception, match="msgSerial"):
        typed({"action": 15, "msgSerial": number})
