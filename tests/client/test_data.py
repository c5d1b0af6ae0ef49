"""Data, to the wire and back."""

import pytest

from ablykit.client.data import decoded, encoded, filled
from ablykit.protocol import AblyError, Format, Message, ProtocolMessage


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("data", ["text", b"\x00\xff", {"a": [1, "ü"]}, [], None, ""])
def test_what_is_sent_comes_back(data, format):
    sent = encoded(Message(data=data), format)
    assert isinstance(sent.data, str | bytes | None)
    back = decoded(sent)
    assert (back.data, back.encoding) == (data, None)


@pytest.mark.parametrize("data", [3, True, {"a": object()}, [float("nan")]])
def test_what_can_not_be_sent_is_refused(data):
    with pytest.raises(AblyError) as refused:
        encoded(Message(data=data), Format.JSON)
    assert refused.value.code == 40013


@pytest.mark.parametrize(
    ("data", "encoding", "result"),
    [
        ("aGk=", "utf-8/base64", ("hi", None)),
        ("x", "json/cipher+aes-128-cbc", ("x", "json/cipher+aes-128-cbc")),
        ("{", "json", ("{", "json")),
        ("!", "base64", ("!", "base64")),
        ("text", "utf-8", ("text", "utf-8")),
    ],
)
def test_steps_are_undone_from_the_right_as_far_as_they_can_be(data, encoding, result):
    back = decoded(Message(data=data, encoding=encoding))
    assert (back.data, back.encoding) == result


def test_a_message_gets_what_its_frame_says_for_all():
    frame = ProtocolMessage(action=15, id="x:0", connection_id="x", timestamp=7)
    one, two = filled(frame, [Message(data="a"), Message(id="own", connection_id="y", timestamp=0)])
    assert (one.id, one.connection_id, one.timestamp) == ("x:0:0", "x", 7)
    assert (two.id, two.connection_id, two.timestamp) == ("own", "y", 0)
    assert filled(ProtocolMessage(action=15), None) == []
    assert filled(ProtocolMessage(action=15), [Message()])[0].id is None
