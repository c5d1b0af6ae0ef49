"""A frame as a dict, and what can go wrong on a wire."""

import json
import ssl

import pytest
from IPython.lib.pretty import pretty
from websockets.exceptions import InvalidHandshake, InvalidURI

from ablykit.protocol import ProtocolMessage
from ablykit.wire import WireError
from ablykit.wire.frame import action_of, instead, received, to_send, why_not_opened


def test_what_can_not_be_written_is_refused(conn):
    with pytest.raises(WireError, match="can't be encoded"):
        conn.send({"action": 15, "data": object()})


def test_a_frame_is_a_dict_and_knows_how_it_came(conn):
    conn.send({"action": 10, "channel": "c"})
    frame = conn.recv()
    assert frame["flags"] == 983040
    assert json.loads(frame.raw) == frame
    assert frame.typed().channel == "c"
    assert frame.explain().title.startswith("ATTACHED")


@pytest.mark.parametrize(
    ("frame", "msgpack", "raw"),
    [
        ("as it is", True, "as it is"),
        (b"as it is", False, b"as it is"),
        ({"action": 0}, False, '{"action":0}'),
        ({"action": 0}, True, b"\x81\xa6action\x00"),
        (ProtocolMessage(action=0, id="ü"), False, '{"action":0,"id":"ü"}'),
    ],
)
def test_text_and_bytes_go_as_they_are_and_frames_are_written(frame, msgpack, raw):
    assert to_send(frame, msgpack=msgpack) == raw


@pytest.mark.parametrize("msgpack", [False, True])
def test_what_nests_too_deep_or_has_no_form_is_refused(msgpack):
    loop = {}
    loop["loop"] = loop
    for value in (object(), loop, 1 << 70 if msgpack else object()):
        with pytest.raises(WireError, match="can't be encoded as a frame"):
            to_send({"data": value}, msgpack=msgpack)


@pytest.mark.parametrize("raw", ["junk", "[]", b"\xc1", "5"])
def test_what_is_no_object_is_an_empty_frame_that_knows_how_it_came(raw):
    frame = received(raw)
    assert frame == {}
    assert frame.raw == raw


def test_an_action_is_known_by_number_and_by_name_in_any_case():
    assert [action_of(known) for known in (4, "CONNECTED", "connected", None)] == [4, 4, 4, None]
    with pytest.raises(ValueError, match=r"no action 'hello'\. The actions are HEARTBEAT, ACK"):
        action_of("hello")


def test_what_came_instead_is_told_in_a_line_newest_last_secrets_as_stars():
    assert instead([]) == "Nothing arrived instead"
    frames = [received('{"action":0}')] * 5 + [
        received('{"action":"x"}'),
        received('{"action":10,"channel":"Bearer c3cr3tc3cr3t"}'),
    ]
    told = instead(frames)
    assert told.startswith(
        "These arrived instead: HEARTBEAT, HEARTBEAT, HEARTBEAT, something that is not a frame, ATTACH"
    )
    assert "c3cr3t" not in told


def test_a_notebook_shows_a_frame_as_json_a_member_a_line_secrets_as_stars():
    frame = received('{"action":17,"auth":{"accessToken":"s3cr3t"}}')
    assert pretty(frame).splitlines()[:2] == ["{", '  "action": 17,']
    assert "s3cr3t" not in pretty(frame) + repr(frame)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (InvalidURI("u", "x"), "Not a WebSocket URL: wss://h"),
        (ssl.SSLCertVerificationError("x"), "is not trusted"),
        (ssl.SSLError("x"), "Is this the port for wss"),
        (InvalidHandshake("x"), "Is this the right port for its scheme"),
        (TimeoutError(), "did not answer in time"),
        (OSError("x"), "Is the server running"),
    ],
)
def test_each_way_of_not_opening_says_what_to_look_at(error, says):
    error.verify_message = "self-signed"
    assert says in why_not_opened("wss://h", error)
