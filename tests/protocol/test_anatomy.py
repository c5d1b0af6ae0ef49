"""What looks opaque, taken apart."""

import jwt
import pytest

from ablykit.protocol import explain
from ablykit.protocol.anatomy import clock, parts, weight


def shown(type_name, name, value):
    return {part.name: part.value for part in parts(type_name, name, value)}


def test_ids_name_connection_publish_and_place():
    assert shown("ProtocolMessage", "id", "abc:7") == {"connectionId": "abc", "msgSerial": "7"}
    assert shown("PresenceMessage", "id", "a:b:7:2") == {
        "connectionId": "a:b",
        "msgSerial": "7",
        "index": "2",
    }
    assert shown("ProtocolMessage", "id", "my own id") == {}


def test_an_id_that_the_service_made_up_names_no_connection():
    """The leave of a member whose connection was lost has such an id (RTP2b1)."""
    leave = {"action": 3, "id": "made:0:2", "clientId": "ada", "connectionId": "abc"}
    said = str(explain({"action": 14, "id": "made:0", "connectionId": "abc", "presence": [leave]}))
    assert said.count("Not a connectionId") == 2
    assert "The connection it came from" not in said
    assert said.count("RTP2b1") == 2
    leave["id"] = "abc:0:2"
    assert str(explain({"action": 14, "presence": [leave]})).count("The connection it came from") == 1


def test_serials_hold_a_time():
    found = shown("Message", "serial", "01726585978590-001@abcd:003")
    assert found == {
        "time": "2024-09-17 15:12:58.590 UTC",
        "counter": "001",
        "series": "abcd",
        "index": "003",
    }
    assert shown("ProtocolMessage", "channelSerial", "seq:cur") == {"sequence": "seq", "cursor": "cur"}
    (_, cursor) = parts("ProtocolMessage", "channelSerial", "seq:")
    assert "last part" in cursor.meaning.sentence
    assert shown("ProtocolMessage", "channelSerial", "whatever") == {}


def test_what_the_embedded_ably_gives_can_be_taken_apart(ably):
    from ablykit import wire

    with wire.connect(f"{ably.tls_url}?key={ably.key}&v=5") as conn:
        details = conn.recv("CONNECTED")["connectionDetails"]
        conn.send({"action": 10, "channel": "c"})
        conn.send({"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]})
        message = conn.recv("MESSAGE")
    assert len(shown("ConnectionDetails", "connectionKey", details["connectionKey"])) == 2
    assert shown("ProtocolMessage", "id", message["id"])["connectionId"] == message["connectionId"]
    assert len(shown("ProtocolMessage", "channelSerial", message["channelSerial"])) == 3
    assert len(shown("Message", "serial", message["messages"][0]["serial"])) == 4


def test_a_jwt_is_read_and_its_signature_hidden():
    claims = {"iat": 1_700_000_000, "exp": 1_700_003_600, "x-ably-clientId": "me", "more": [1]}
    token = jwt.encode(claims, "a secret that is long enough for it", headers={"kid": "a.b"})
    found = shown("AuthDetails", "accessToken", token)
    assert found["header.kid"] == "a.b"
    assert found["claims.exp"] == "1700003600 = 2023-11-14 23:13:20.000 UTC"
    assert (found["claims.x-ably-clientId"], found["claims.more"]) == ("me", "[1]")
    assert found["signature"] == "****"
    text = str(explain({"action": 17, "auth": {"accessToken": token}}))
    assert token.rpartition(".")[2] not in text


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "e30.W10.x", "....", "é.é.é"])
def test_other_tokens_are_left_whole(token):
    assert set(shown("AuthDetails", "accessToken", token)) <= {"signature"}


def test_a_message_is_weighed_by_its_members():
    message = {
        "name": "héllo",
        "data": {"a": 1},
        "clientId": "me",
        "id": "free",
        "extras": {"b": 2},
        "own": 1,
    }
    found = {part.name: part.value for part in weight(message, 100)}
    assert found == {
        "size": "31 of 100 = 31.0%",
        "name": "6",
        "clientId": "2",
        "data": "7",
        "extras": "7",
        "own": "9",
    }
    assert weight({"data": "x"})[0].value == "1"
    assert weight({"name": 5}, 100) == []


def test_times_no_clock_shows_are_left_out():
    assert clock(0) == "1970-01-01 00:00:00.000 UTC"
    assert clock(1e30) == clock(float("nan")) == ""


def test_an_explanation_shows_the_parts_and_the_size():
    text = str(
        explain({"action": 15, "id": "abc:7", "messages": [{"data": b"\x00\x01"}]}, max_message_size=64)
    )
    assert "connectionId" in text
    assert "2 of 64 = 3.1%" in text
    assert "2 bytes: 00 01" in text


def test_the_weights_of_its_members_are_the_size_of_a_message():
    from ablykit.protocol import Message
    from ablykit.protocol.codec import convert
    from ablykit.protocol.encoding import size_of, weights

    for value in (
        {},
        {"name": "é", "data": {"a": 1}},
        {"data": b"\x00", "own": [1], "clientId": "me", "extras": {}},
    ):
        message = convert(value, Message)
        assert sum(weights(message).values()) == size_of(message)
