"""Secrets stay out of sight, however they are written, and looking for them takes no longer than the text is."""

import json
import logging
import time
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablykit.protocol.redaction import quiet_logger, redact, redact_binary

SECRET = "hidden1-hidden2-hidden3"
KEY = f"appId1.keyId1:{SECRET}"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjF9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"wss://host/?key={KEY}",
        f"wss://host/?v=5&key={quote(KEY)}",
        f"wss://host/?key={KEY.replace('.', '%2E').replace(':', '%3a')}",
        f"wss://host/?k%65y={KEY}",
        f"wss://host/?v=5;key={KEY}",
        f"?key=a.b:{SECRET}&v=5",
        f"https://host/keys/{KEY}/requestToken",
        f"https://host/keys/a.b:{SECRET}/requestToken",
        f"https://{KEY}@host/channels",
        f"https://user:{SECRET}@host/",
        f'{{"key":"{KEY}"}}',
        f'{{"keyStr" : "{KEY}"}}',
        f'{{"keySecret":"{SECRET}"}}',
        f'{{"token":"{SECRET}"}}',
        f"?acc%65ssToken={SECRET}",
        f"?access_token={SECRET}",
        f'{{"access\\u0054oken":"{SECRET}"}}',
        f'{{"accessToken":["{SECRET}", "{SECRET}"]}}',
        f"{{'accessToken': '{SECRET}'}}",
        f"Authorization: bearer {SECRET}",
        f"authorization: BASIC {SECRET}=",
        f'{{"auth":{{"accessToken":"a\\"{SECRET}"}},"x":1}}',
    ],
)
def test_a_secret_is_starred_however_it_is_written(text):
    shown = redact(text)
    assert "hidden" not in shown
    assert "****" in shown
    assert redact(shown) == shown, "what is shown is shown again as it is"


@pytest.mark.parametrize(
    "text",
    [
        '{"action":4,"connectionKey":"abc!def-ghi","connectionDetails":{"connectionKey":"abc!def-ghi"}}',
        '{"messages":[{"extras":{"key":"colour"},"data":"https://host:8080/path?keyboard=1"}]}',
        "basic authentication and bearer tokens are explained in 02",
        '{"keyName":"appId1.keyId1","nonce":"n"}',
        "wss://127.0.0.1:33761/?key=nDUar7.CbjFE6:****&v=5",
        '{"serial":"01626880805278-000@ppUHMfRtFh:000"}',
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


def test_of_a_jwt_only_the_signature_is_a_secret():
    for text in (f"?accessToken={JWT}", f'{{"accessToken":"{JWT}"}}', f"sent {JWT} here"):
        shown = redact(text)
        assert "c2lnbmF0dXJl" not in shown
        assert JWT.rpartition(".")[0] in shown


@pytest.mark.parametrize("wrap", [str, str.encode], ids=["text", "binary"])
@pytest.mark.parametrize("name", ["accessToken", "ACCESSTOKEN", "token", "keyStr", "key"])
def test_in_messagepack_it_is_starred_in_place(wrap, name):
    value = {
        "x" * 40: 1.5,
        "auth": {wrap(name): [wrap(KEY), {"deep": wrap(KEY)}]},
        "after": [2**40, None, -5],
    }
    raw = msgspec.msgpack.encode(value)
    shown = redact_binary(raw)
    assert b"hidden" not in shown
    assert len(shown) == len(raw)
    assert msgspec.msgpack.decode(shown, strict=False)["after"] == value["after"]


def test_messagepack_that_is_cut_off_or_none_at_all_is_taken_as_it_comes():
    whole = msgspec.msgpack.encode({"key": KEY, "token": SECRET})
    for end in range(len(whole)):
        assert len(redact_binary(whole[:end])) == end
    assert redact_binary(b"\xc1key\xff") == b"\xc1key\xff"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=12)
    | st.binary(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(values, st.sampled_from(["accessToken", "token", "keySecret"]), values)
def test_a_secret_is_found_wherever_it_stands(before, name, after):
    raw = msgspec.msgpack.encode([before, {name: SECRET}, after, SECRET])
    shown = redact_binary(raw)
    assert shown.count(SECRET.encode()) == 1, "the last one stands under no such name"
    assert len(shown) == len(raw)


@given(st.text(max_size=200))
def test_any_text_is_taken(text):
    redact(text)
    shown = redact(json.dumps({"data": text, "accessToken": SECRET, "more": text}))
    assert json.loads(shown)["accessToken"] == "****"


@pytest.mark.parametrize(
    "piece",
    [
        "?key=",
        "?key=a.b:",
        '"accessToken":',
        '"key":"',
        "'token':[",
        "//a:",
        "/a.b:",
        "bearer ",
        "eyJ",
        '"\\u',
        "%6b%",
        "?",
    ],
)
def test_what_it_does_grows_with_the_text_and_no_faster(piece):
    assert_linear(redact, lambda size: piece * (size // len(piece)))


@pytest.mark.parametrize(
    "piece", [b"\xabaccessToken", b"\xabaccessToken\xa1x", b"\x81\xa3key", b"\xdd\xff\xff\xff\xffkey"]
)
def test_so_it_does_with_messagepack(piece):
    assert_linear(redact_binary, lambda size: b"\x92" + piece * (size // len(piece)))


def assert_linear(look, make):
    """Four times as much takes about four times the processor's time, and never the sixteen times of a square."""

    def cpu(size):
        text, times = make(size), []
        for _ in range(3):
            start = time.process_time()
            look(text)
            times.append(time.process_time() - start)
        return min(times)

    assert cpu(400_000) < 10 * max(cpu(100_000), 0.01)


def test_log_records_are_redacted_before_a_handler_sees_them(caplog):
    logger = quiet_logger("test.redaction")
    with caplog.at_level(logging.DEBUG, "test.redaction"):
        logger.info("connecting to %s", f"wss://host/?key={KEY}")
    assert "hidden" not in caplog.text
    assert "****" in caplog.text
