"""A message as a relay passes it on."""

import pytest

from ablykit.protocol.codec import NotAFrame
from ablykit.relay.message import Message

FRAME = {"action": 0, "id": "x"}


@pytest.mark.parametrize("is_text", [True, False])
def test_a_frame_is_the_same_again_in_either_format(is_text):
    message = Message.of(FRAME, is_text=is_text)
    assert message.frame == FRAME
    assert isinstance(message.raw, str) is is_text
    unmasked = message.bytes_for("in")
    assert unmasked[0] == (0x81 if is_text else 0x82)
    assert unmasked.endswith(message.data)
    assert len(message.bytes_for("out")) == len(unmasked) + 4, "a client masks what it sends"


@pytest.mark.parametrize("data", [b"junk", b"[1]", b"\xff"])
def test_what_is_no_frame_is_none(data):
    assert Message(data, is_text=True).frame is None


def test_what_a_format_can_not_hold_is_refused():
    with pytest.raises(NotAFrame):
        Message.of({"action": object()}, is_text=True)
