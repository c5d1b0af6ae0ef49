"""Binary moves between the formats, everything else stays as it is."""

from contextlib import suppress
from datetime import UTC, datetime
from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablykit.protocol import AblyError, Annotation, Format, Message, PresenceMessage, ProtocolMessage
from ablykit.protocol.codec import convert, decode, encode
from ablykit.protocol.encoding import DEEPEST, check, in_format, size_of


def test_binary_is_base64_for_json_and_bare_for_messagepack():
    binary = Message(data=b"\x00\x01", encoding="cipher+aes-128-cbc")
    as_json = in_format(binary, Format.JSON)
    assert (as_json.data, as_json.encoding) == ("AAE=", "cipher+aes-128-cbc/base64")
    assert in_format(as_json, Format.MSGPACK) == binary
    assert in_format(Message(data="AAE=", encoding="base64"), Format.MSGPACK) == Message(data=b"\x00\x01")


@pytest.mark.parametrize(
    "message",
    [
        Message(data="x"),
        Message(data='{"a":1}', encoding="json"),
        Message(data={"a": 1}),
        Message(),
    ],
)
def test_what_is_no_binary_stays(message):
    for format in Format:
        assert in_format(message, format) is message


@pytest.mark.parametrize("data", [5, 1.5, True, {"a": 2**70}, {"deep": [msgspec.msgpack.Ext(5, b"x")]}])
def test_data_of_a_kind_no_message_carries_is_refused(data):
    with pytest.raises(AblyError) as caught:
        check(Message(data=data))
    assert caught.value.code == 40013


def test_data_that_is_not_the_base64_it_claims_to_be_is_refused():
    with pytest.raises(AblyError, match="base64"):
        check(Message(data="not base64!", encoding="utf-8/base64"))
    check(Message(data="AAE=", encoding="base64"))


@pytest.mark.parametrize("text", ["é", "AA=\ud800", "AA", "A A=", "=", "AAE=\n"])
def test_base64_with_anything_odd_in_it_is_refused_in_words(text):
    with pytest.raises(AblyError, match="base64") as caught:
        check(Message(data=text, encoding="base64"))
    assert caught.value.code == 40013


def nested(levels, wrapped=lambda value: {"a": value}):
    value = 1
    for _ in range(levels):
        value = wrapped(value)
    return value


UNPORTABLE = {
    "2**64": (2**64, "integer"),
    "below -2**63": (-(2**63) - 1, "integer"),
    "a huge integer": (10**5_000, "integer"),
    "NaN": (nan, "finite"),
    "infinity": (-inf, "finite"),
    "bytes": (b"\x00", "binary"),
    "Ext": (msgspec.msgpack.Ext(5, b"x"), "Ext"),
    "a timestamp": (datetime(2026, 1, 1, tzinfo=UTC), "datetime"),
    "a number for a key": ({1: "x"}, "key"),
    "bytes for a key": ({b"x": 1}, "key"),
    "null for a key": ({None: 1}, "key"),
    "an array for a key": ({(1,): 1}, "key"),
}
PLACES = [
    (lambda value: {"data": {"x": [0, value]}}, Message, r"data\.x\[1\]"),
    (lambda value: {"data": [value]}, PresenceMessage, r"data\[0\]"),
    (lambda value: {"data": {"x": value}}, Annotation, r"data\.x"),
    (lambda value: {"extras": {"x": value}}, Message, r"extras\.x"),
    (lambda value: {"extras": {"x": value}}, PresenceMessage, r"extras\.x"),
    (lambda value: {"extras": {"x": value}}, Annotation, r"extras\.x"),
    (lambda value: {"unknown": value}, Message, "unknown"),
    (lambda value: {"version": {"unknown": value}}, Message, r"version\.unknown"),
    (lambda value: {"annotations": {"summary": {"x": value}}}, Message, r"annotations\.summary\.x"),
    (lambda value: {"annotations": {"unknown": value}}, Message, r"annotations\.unknown"),
]


@pytest.mark.parametrize(("place", "kind", "path"), PLACES)
@pytest.mark.parametrize("what", UNPORTABLE)
def test_what_one_format_cannot_hold_is_refused_wherever_it_stands(what, place, kind, path):
    value, why = UNPORTABLE[what]
    with pytest.raises(AblyError, match=f"^{path} .*{why}") as caught:
        check(convert(place(value), kind))
    assert caught.value.code == 40013


@pytest.mark.parametrize(
    "wrapped", [lambda value: {"a": value}, lambda value: [value]], ids=["objects", "arrays"]
)
@pytest.mark.parametrize(("place", "kind", "path"), PLACES)
def test_nesting_has_an_end_that_is_told(place, kind, path, wrapped):
    check(convert(place(nested(DEEPEST - 3, wrapped)), kind))
    with pytest.raises(AblyError, match=f"{DEEPEST} levels"):
        check(convert(place(nested(900, wrapped)), kind))


def test_the_path_to_what_is_wrong_stays_short():
    with pytest.raises(AblyError) as caught:
        check(Message(extras={"k" * 10_000: {"l" * 10_000: nan}}))
    assert len(caught.value.message) < 400


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary(max_size=3)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8"), max_size=3) | st.integers(), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {}, optional={"data": anything, "extras": st.dictionaries(st.just("x"), anything), "other": anything}
    ),
    st.sampled_from([Message, PresenceMessage, Annotation]),
)
def test_what_is_taken_reads_the_same_in_every_format(members, kind):
    item = convert(members, kind)
    with suppress(AblyError):
        check(item)
        read_the_same(item)


def read_the_same(item):
    member = {Message: "messages", PresenceMessage: "presence", Annotation: "annotations"}[type(item)]
    read = []
    for format in Format:
        sent = encode(ProtocolMessage(action=15, **{member: [in_format(item, format)]}), format)
        (got,) = getattr(decode(sent, format), member)
        read.append(in_format(got, Format.MSGPACK))
    assert read[0] == read[1] == in_format(item, Format.MSGPACK)
    assert read[0].unknown == read[1].unknown == item.unknown


@pytest.mark.parametrize("what", [*UNPORTABLE, "depth"])
def test_a_size_is_told_whatever_is_counted(what):
    value = nested(5_000) if what == "depth" else UNPORTABLE[what][0]
    assert size_of(Message(name="ab", data=[value])) >= 2


def test_size_counts_name_client_data_extras_and_what_is_unknown():
    assert size_of(Message(name="ab", client_id="c", data="dé")) == 2 + 1 + 3
    assert size_of(Message(data=b"12345")) == 5
    assert size_of(Message(data={"a": 1}, extras={"b": 2})) == len('{"a":1}') + len('{"b":2}')
    unknown = Message()
    unknown.keep({"hello": "world"})
    assert size_of(unknown) >= len("world")
