"""Bytes, marked for what they are."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from ablykit.protocol.dissect import dissect


def test_text_is_shown_beside_its_hex():
    assert str(dissect('{"action":0}')) == (
        "      81                                               FIN, opcode 1: text\n"
        "      0c                                               payload of 12 bytes\n"
        '0000  7b 22 61 63 74 69 6f 6e 22 3a 30 7d              {"action":0}'
    )


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_the_header_is_the_one_that_websockets_writes(size, direction):
    """Against the library: all bytes before the payload, the masking key aside."""
    masked = direction == "out"
    written = Frame(Opcode.BINARY, b"x" * size).serialize(mask=masked)
    header = written[: len(written) - size - (4 if masked else 0)]
    found = dissect(b"x" * size, direction)
    assert b"".join(span.data or b"" for span in found.header) == header
    assert [span.data for span in found.header].count(None) == masked


def test_messagepack_is_taken_apart():
    value = {"action": 15, "d": [b"\x00", None, True, -1, 1.5, 2**40, -(2**40), "é" * 40, {}]}
    found = dissect(msgspec.msgpack.encode(value))
    assert [(span.depth, span.says) for span in found.spans] == [
        (0, "map of 2 members"), (1, '"action"'), (1, "15"), (1, '"d"'), (1, "array of 9 values"),
        (2, "bin of 1 bytes"), (2, "nil"), (2, "true"), (2, "-1"), (2, "1.5 (float 64)"),
        (2, "1099511627776 (uint 64)"), (2, "-1099511627776 (int 64)"), (2, f'"{"é" * 40}"'),
        (2, "map of 0 members"),
    ]  # fmt: skip


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
    max_leaves=30,
)


@given(values)
def test_every_byte_belongs_to_one_part(value):
    data = msgspec.msgpack.encode(value)
    found = dissect(data)
    assert b"".join(span.data for span in found.spans) == data
    assert "cut off here" not in [span.says for span in found.spans]


@given(st.binary(min_size=1))
def test_junk_is_shown_to_its_end(data):
    found = dissect(data)
    assert b"".join(span.data for span in found.spans) == data
    str(found)


def test_what_is_cut_off_says_so():
    data = msgspec.msgpack.encode({"action": 15, "channel": "a long name"})
    assert dissect(data[:12]).spans[-1].says == "cut off here"
    assert dissect(data + b"\x00").spans[-1].says == "bytes after the end"
    deep = dissect(b"\x91" * 100_000)
    assert deep.spans[-1].says == "cut off here"


def test_long_frames_are_shown_in_part():
    lines = dissect("x" * 10_000).lines()
    assert len(lines) == 2 + 4_096 // 16 + 1
    assert lines[-1].says == "… and 5904 more bytes"


def test_hostile_text_is_made_visible():
    assert "\x1b" not in str(dissect(msgspec.msgpack.encode("\x1b[2J\u202e")))
    assert "\x1b" not in str(dissect("\x1b[2J"))
