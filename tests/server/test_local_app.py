"""One app as a test sees it."""

import json

import pytest

from ablykit import wire

SDKS = {
    "ably-js": {"key", "endpoint", "port", "tlsPort", "tls"},
    "ably-js-1.2": {"key", "realtimeHost", "restHost", "port", "tlsPort", "tls"},
    "ably-python": {"key", "realtime_host"},
    "ably-python-rest": {"key", "rest_host", "tls_port"},
}


@pytest.fixture
def app(ably):
    return ably.new_app()


def publish(app, serial=0, **message):
    with wire.connect(f"{app.tls_url}?key={app.key}&v=5&clientId=ada") as conn:
        conn.recv("CONNECTED")
        conn.send({"action": 15, "channel": "c", "msgSerial": serial, "messages": [message]})
        return conn.recv(timeout=5)


def test_it_is_where_its_server_is_and_has_a_key_of_its_own(ably, app):
    assert (app.url, app.tls_url, app.ca_file) == (ably.url, ably.tls_url, ably.ca_file)
    assert app.key.app_id == app.app.id != ably.key.app_id
    limited = app.new_key({"c": ["subscribe"]})
    assert limited.app_id == app.app.id
    assert app.app.keys[limited.key_id].capability.grants == {"c": ("subscribe",)}


@pytest.mark.parametrize("sdk", SDKS)
def test_each_sdk_has_the_options_it_needs(app, sdk):
    options = app.options(sdk)
    assert set(options) == SDKS[sdk]
    assert options["key"] == app.key.reveal()


def test_of_another_sdk_it_is_said_which_are_known(app):
    with pytest.raises(
        ValueError,
        match=r"no options for 'ably-cobol'\. The SDKs are ably-js, ably-js-1\.2, ably-python, ably-python-rest",
    ):
        app.options("ably-cobol")


def test_what_was_published_can_be_looked_at(ably, app):
    assert app.published("c") == []
    assert publish(app, data="x", name="n")["action"] == 1
    (message,) = app.published("c")
    assert (message["name"], message["data"], message["clientId"]) == ("n", "x", "ada")
    assert ably.published("c") == [], "apps share nothing"


def test_the_next_publishes_are_refused_as_asked(app):
    app.nack_next(40160, "As the test asked", count=2)
    answers = [publish(app, data="x") for _ in range(3)]
    assert [answer.get("error", {}).get("code") for answer in answers] == [40160, 40160, None]
    assert "As the test asked" in json.dumps(answers[0])
    assert app.why(answers[0]).code == 40160


def test_refusals_that_nobody_has_met_are_taken_back(app):
    app.nack_next(40160, count=3)
    assert publish(app, data="x")["error"]["code"] == 40160
    assert app.forgive() == 2
    assert "error" not in publish(app, data="x")
    assert app.forgive() == 0


def test_sockets_are_cut_of_one_client_or_of_all(ably, app):
    url = f"{app.tls_url}?key={app.key}&v=5&clientId="
    with (
        wire.connect(url + "ada") as ada,
        wire.connect(url + "bob") as bob,
        wire.connect(f"{ably.tls_url}?key={ably.key}") as other,
    ):
        for conn in (ada, bob, other):
            conn.recv("CONNECTED")
        assert app.disconnect("ada") == 1
        assert ada.wait_closed().code == 1006
        assert app.disconnect("nobody") == 0
        assert app.disconnect() == 1
        assert bob.wait_closed().code == 1006
        other.send({"action": 0})
        assert other.recv("HEARTBEAT")


def test_the_clock_is_the_servers_and_stays_ahead(ably, app):
    publish(app, data="x")
    assert (app.ahead, len(app.published("c"))) == (0, 1)
    app.advance(121)
    assert app.published("c") == []
    assert app.ahead == ably.ahead == 121


def test_who_is_present_can_be_looked_at(app):
    assert app.members("c") == []
    with wire.connect(f"{app.tls_url}?key={app.key}&v=5&clientId=ada") as conn:
        conn.send({"action": 10, "channel": "c"})
        conn.recv("ATTACHED")
        conn.send({"action": 14, "channel": "c", "msgSerial": 0, "presence": [{"action": 2, "data": "d"}]})
        conn.recv("ACK")
        (member,) = app.members("c")
        assert (member["clientId"], member["data"]) == ("ada", "d")


def test_a_client_can_be_sent_any_frame(ably, app):
    from ablykit.protocol import Action, ProtocolMessage

    frame = ProtocolMessage(action=Action.DETACHED, channel="c")
    with (
        wire.connect(f"{app.tls_url}?key={app.key}&clientId=ada") as ada,
        wire.connect(f"{app.tls_url}?key={app.key}&clientId=bob") as bob,
    ):
        ada.recv("CONNECTED")
        bob.recv("CONNECTED")
        assert (app.send(frame, "bob"), ably.send(frame)) == (1, 0)
        assert bob.recv("DETACHED")["channel"] == "c"
        assert app.send(frame) == 2
        assert ada.recv("DETACHED")["channel"] == "c"
