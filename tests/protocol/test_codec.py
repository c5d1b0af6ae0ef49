"""Frames survive their way through JSON and MessagePack, whatever is in them."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablykit.protocol import Format, NotAFrame, NotUTF8, decode, encode, plain, typed
from ablykit.protocol.codec import format_of, pack, read

text = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "name": text,
        "data": text | st.dictionaries(text, values, max_size=3) | st.lists(values, max_size=3),
        "extras": st.dictionaries(text, values, max_size=2),
        "version": st.fixed_dictionaries({}, optional={"serial": text, "unknownInside": values}),
        "hello": text,
    },
)
frames = st.fixed_dictionaries(
    {"action": st.integers(0, 30)},
    optional={
        "channel": text,
        "msgSerial": st.integers(0, 2**40),
        "flags": st.integers(0, 2**30),
        "messages": st.lists(messages, max_size=3),
        "params": st.dictionaries(text, text, max_size=2),
        "error": st.fixed_dictionaries({"code": st.integers(0, 99999)}, optional={"odd": values}),
        "somethingNew": values,
    },
)


@given(frames)
def test_unknown_members_survive_a_round_trip_in_either_format(frame):
    for format in Format:
        again = decode(encode(typed(frame), format), format)
        assert plain(again) == plain(typed(frame)) == frame


def test_members_keep_the_wires_names():
    frame = decode('{"action":4,"connectionDetails":{"objectsGCGracePeriod":5,"maxIdleInterval":1}}')
    assert frame.connection_details.objects_gc_grace_period == 5
    assert json.loads(encode(frame))["connectionDetails"]["objectsGCGracePeriod"] == 5


def test_null_counts_as_absent_and_absent_is_not_written():
    assert encode(decode('{"action":10,"channel":null}')) == b'{"action":10}'


def test_zero_is_not_absent():
    assert encode(decode('{"action":1,"msgSerial":0}')) == b'{"action":1,"msgSerial":0}'


def test_binary_data_is_bare_in_messagepack():
    raw = msgspec.msgpack.encode({"action": 15, "messages": [{"data": b"\x00\xff"}]})
    assert format_of(raw) is Format.MSGPACK
    assert decode(raw).messages[0].data == b"\x00\xff"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("hello", "Not valid JSON"),
        ('{"action":', "Not valid JSON"),
        ("", "Not valid JSON"),
        ("[]", "not an array"),
        ('"hi"', "not a string"),
        ("17", "not a number"),
        ("true", "not a boolean"),
        ("null", "not null"),
        ("{}", "needs an action"),
        ('{"action":"ten"}', r"\$.action"),
        ('{"action":true}', r"\$.action"),
        ('{"action":1.5}', r"\$.action"),
        ('{"action":15,"messages":{}}', r"\$.messages"),
        ('{"action":15,"messages":[{"name":5}]}', r"\$.messages\[0\].name"),
        ('{"action":10,"msgSerial":99999999999999999999}', r"\$.msgSerial"),
        ('{"action":1e999}', "Number out of range"),
        ("[" * 100_000, "deeply nested"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(raw, says):
    with pytest.raises(NotAFrame, match=says) as caught:
        decode(raw)
    assert caught.value.code == 40000


@pytest.mark.parametrize("raw", [b'{"action":"\xff"}', b'{"action":0}\xc3\x28', b'{"a\xed\xa0\x80":1}'])
def test_broken_utf8_is_told_apart_from_broken_json(raw):
    with pytest.raises(NotUTF8):
        decode(raw, Format.JSON)


@pytest.mark.parametrize("depth", [100, 400, 500, 600, 700, 800, 900, 1_000])
def test_errors_within_errors_have_an_end(depth):
    raw = b'{"action":9,"error":' + b'{"x":1,"cause":' * depth + b"{}" + b"}" * (depth + 1)
    if depth == 100:
        assert decode(encode(decode(raw))) == decode(raw)
        return
    with pytest.raises(NotAFrame, match="nested"):
        encode(decode(raw))


def test_what_one_format_cannot_hold_is_refused():
    frame = typed({"action": 15, "data": 2**70})
    with pytest.raises(NotAFrame, match="MessagePack"):
        encode(frame, Format.MSGPACK)


@pytest.mark.parametrize("format", list(Format))
def test_a_plain_object_need_not_be_a_frame_to_be_packed(format):
    assert read(pack({"action": "odd", "x": [1]}, format)) == {"action": "odd", "x": [1]}
    with pytest.raises(NotAFrame, match="Can't be encoded"):
        pack({"x": object()}, format)
