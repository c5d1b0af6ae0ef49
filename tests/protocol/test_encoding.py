"""Binary moves between the formats, everything else stays as it is."""

import msgspec
import pytest

from ablykit.protocol import AblyError, Format, Message
from ablykit.protocol.encoding import check, in_format, size_of


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


def test_size_counts_name_client_data_extras_and_what_is_unknown():
    assert size_of(Message(name="ab", client_id="c", data="dé")) == 2 + 1 + 3
    assert size_of(Message(data=b"12345")) == 5
    assert size_of(Message(data={"a": 1}, extras={"b": 2})) == len('{"a":1}') + len('{"b":2}')
    unknown = Message()
    unknown.keep({"hello": "world"})
    assert size_of(unknown) >= len("world")
