"""A connection through its sockets: resumed, refused, silent, suspended, closed."""

import json

import pytest

from ablykit.client.connection import TABLE, Connection
from ablykit.client.link import Options, Times
from ablykit.client.outputs import StateChange
from ablykit.protocol import AblyError, Action, Format, ProtocolMessage
from ablykit.protocol.states import CLIENT_TRANSITIONS
from tests.server.frames import token_of


def states(sdk):
    return [each.current for each in sdk.states if each.channel is None]


def test_the_table_drives_it_and_an_event_without_a_row_is_a_mistake():
    assert len(TABLE) == len(CLIENT_TRANSITIONS)
    connection = Connection(Options("wss://test", key="a.b:c"), lambda: 0.0)
    with pytest.raises(KeyError):
        connection._go("CONNECTED")


def test_alone_it_connects_and_ignores_what_is_not_about_it():
    connection = Connection(Options("wss://test", key="a.b:c", format=Format.JSON), lambda: 0.0)
    connection.connect(0)
    connection.received(1, '{"action":4,"connectionId":"x"}', 0)
    connection.received(1, '{"action":15,"channel":"c"}', 0)
    connection.lost(1, 0)
    connection.close(0)
    changes = [each.current for each in connection.outputs() if isinstance(each, StateChange)]
    assert changes == ["connecting", "connected", "disconnected", "closed"]


def test_a_second_connect_does_nothing(sdk):
    sdk.connect()
    assert states(sdk) == ["connecting", "connected"]


def test_after_a_cut_it_resumes_at_once_as_the_same_connection(lab, sdk):
    was = sdk.machine.connection_id
    lab.after(1)
    sdk.cut()
    lab.after(0)
    assert states(sdk)[2:] == ["disconnected", "connecting", "connected"]
    assert sdk.machine.connection_id == was
    assert "resume=" in sdk.sockets[1].url


def test_secrets_are_in_no_repr(sdk):
    assert sdk.world.key.secret not in repr(sdk.sockets[0]) + repr(sdk.machine.options)


def test_what_comes_from_an_old_socket_is_ignored(lab, sdk):
    sdk.cut()
    lab.after(0)
    sdk.machine.received(1, b'{"action":9,"error":{"code":40000}}', lab.now)
    sdk.machine.lost(1, lab.now)
    assert sdk.pull().state == "connected"


def test_what_is_not_a_frame_or_of_an_unknown_action_is_ignored(lab, sdk):
    sdk.machine.received(1, b"nonsense", lab.now)
    assert sdk.says(action=99).state == "connected"


def test_a_silent_service_is_given_up_after_the_idle_interval_and_the_request_timeout(lab, sdk):
    lab.after(24_999)
    assert len(sdk.sockets) == 1
    lab.after(2)
    assert len(sdk.sockets) == 2
    assert sdk.state == "connected"


def test_a_heartbeat_keeps_it_alive(lab, sdk):
    lab.after(20_000)
    sdk.says(action=0)
    lab.after(20_000)
    assert len(sdk.sockets) == 1


def test_retries_come_later_and_later_then_it_is_suspended(lab, sdk):
    sdk.refusing = True
    sdk.cut()
    start = lab.now
    lab.after(119_999)
    assert sdk.state == "disconnected"
    tried = len(sdk.sockets)
    assert 5 <= tried <= 10, "at once, after 15 s, 20 s, 25 s, 30 s, each times the jitter"
    lab.after(2)
    assert (sdk.state, sdk.machine.error.code) == ("suspended", 80002)
    lab.after(30_000)
    assert len(sdk.sockets) == tried + 1
    assert states(sdk)[-3:] == ["suspended", "connecting", "suspended"]
    sdk.refusing = False
    lab.after(30_000)
    assert sdk.state == "connected"
    assert "resume=" not in sdk.sockets[-1].url
    assert lab.now > start


def test_a_connection_that_is_not_opened_in_time_is_given_up(make_lab):
    lab = make_lab()
    sdk = lab.sdk(times=Times(realtime_request=1_000))
    sdk.machine.connect(lab.now)
    sdk.pull()
    sdk.socket.down.clear()
    lab.after(1_000)
    assert (sdk.state, sdk.machine.error.code) == ("disconnected", 80014)


def test_a_fatal_error_fails_it(lab):
    sdk = lab.sdk(key="nobody.x:y").connect()
    assert sdk.state == "failed"
    assert sdk.machine.error.code in (40400, 40101)
    assert sdk.machine.due is None
    sdk.close()
    assert sdk.state == "failed"


def test_an_error_while_connected_fails_it_but_not_one_about_a_channel(lab, sdk):
    sdk.says(action=9, channel="c", error={"code": 40160})
    assert sdk.state == "connected"
    sdk.says(action=9, error={"code": 40000, "message": "Bad. (See x)", "statusCode": 400})
    assert (sdk.state, sdk.machine.error.message) == ("failed", "Bad")


def test_an_error_of_the_service_itself_is_tried_again(lab):
    sdk = lab.sdk()
    sdk.machine.connect(lab.now)
    sdk.pull().socket.down.clear()
    sdk.says(action=9, error={"code": 50000, "statusCode": 500})
    assert sdk.state == "disconnected"


def test_disconnected_by_the_service_it_comes_back(lab, sdk):
    sdk.socket.session.disconnect(AblyError(80003, "Going away"))
    sdk.run()
    lab.after(0)
    assert sdk.state == "connected"


def test_closing_while_it_opens_says_close_as_soon_as_it_can(lab):
    sdk = lab.sdk()
    sdk.machine.connect(lab.now)
    sdk.machine.close(lab.now)
    sdk.run()
    assert states(sdk) == ["connecting", "closing", "closed"]
    assert [frame.action for frame in sdk.sent] == [Action.CLOSE]


@pytest.mark.parametrize("frame", [{"action": 9, "error": {"code": 40000}}, {"action": 6}])
def test_whatever_ends_the_socket_while_closing_it_is_closed(lab, sdk, frame):
    sdk.machine.close(lab.now)
    sdk.pull()
    assert sdk.state == "closing"
    sdk.says(action=4, connectionId=sdk.machine.connection_id)
    sdk.says(action=17)
    sdk.says(**frame)
    assert sdk.state == "closed"
    assert [frame.action for frame in sdk.sent] == [Action.CLOSE], "and nothing is sent after CLOSE"


def test_a_close_without_an_answer_is_closed_in_the_end(lab, sdk):
    sdk.machine.close(lab.now)
    sdk.pull()
    sdk.socket.up.clear()
    lab.after(10_000)
    assert sdk.state == "closed"
    sdk.close()


@pytest.mark.parametrize("state", ["initialized", "disconnected", "suspended"])
def test_it_is_closed_at_once_where_there_is_no_socket(lab, state):
    sdk = lab.sdk()
    if state != "initialized":
        sdk.refusing = True
        sdk.connect()
        lab.after(0 if state == "disconnected" else 121_000)
    assert sdk.state == state
    assert sdk.close().state == "closed"


def test_a_closed_that_nobody_asked_for_is_a_lost_socket(lab, sdk):
    sdk.says(action=8)
    assert states(sdk)[-1] == "disconnected"


def test_connected_again_is_an_update_of_the_details(sdk):
    sdk.says(action=4, connectionId=sdk.machine.connection_id, connectionDetails={"clientId": "*"})
    assert sdk.states[-1] == StateChange("connected", "connected", "CONNECTED")
    assert sdk.machine.client_id == "me", "a wildcard is no name"


# -- tokens


def test_a_token_is_got_before_the_first_socket_and_kept(lab):
    made = []
    sdk = lab.sdk(key=None, tokens=lambda: made.append(token_of(lab)) or made[-1]).connect()
    assert sdk.state == "connected"
    sdk.cut()
    lab.after(0)
    assert (sdk.state, len(made)) == ("connected", 1)


def test_it_renews_its_token_when_the_service_asks_and_when_it_has_expired(lab):
    made = []
    sdk = lab.sdk(key=None, tokens=lambda: made.append(token_of(lab, ttl=60_000)) or made[-1]).connect()
    sdk.says(action=17)
    assert sdk.sent[-1].auth.access_token == made[1]
    assert sdk.states[-1].previous == sdk.states[-1].current == "connected"
    sdk.says(action=6, error={"code": 40142, "statusCode": 401})
    lab.after(0)
    assert (sdk.state, len(made)) == ("connected", 3)


def test_a_token_that_is_refused_is_replaced_once_then_it_waits(lab):
    made = []
    sdk = lab.sdk(key=None, tokens=lambda: made.append(1) or "x.y.z")
    sdk.machine.connect(lab.now)
    sdk.pull()
    for _ in range(2):
        expired = b'{"action":9,"error":{"code":40142,"statusCode":401}}'
        sdk.machine.received(sdk.socket.number, expired, lab.now)
        sdk.pull()
    assert (sdk.state, len(made)) == ("disconnected", 2)


def test_a_token_alone_can_not_be_renewed(lab, sdk):
    other = lab.sdk(key=None, token=token_of(lab)).connect()
    other.says(action=17)
    assert other.state == "connected"
    other.says(action=6, error={"code": 40142, "statusCode": 401})
    assert (other.state, other.machine.error.code) == ("failed", 40142)


@pytest.mark.parametrize(("status", "state"), [(401, "disconnected"), (403, "failed")])
def test_without_a_token_it_tries_again_unless_that_is_forbidden(lab, status, state):
    sdk = lab.sdk(key=None, tokens=lambda: "")
    sdk.tokens = None
    sdk.connect()
    sdk.machine.token_failed(AblyError(80019, "No", status), lab.now)
    assert sdk.pull().state == state
    sdk.machine.token_failed(AblyError(80019, "No", 403), lab.now)
    assert sdk.pull().state == state


def test_closing_while_it_waits_for_a_token_is_closed_at_once(lab):
    sdk = lab.sdk(key=None, tokens=lambda: "")
    sdk.tokens = None
    sdk.connect()
    assert sdk.close().state == "closed"
    sdk.machine.token("x", lab.now)
    assert sdk.pull().sockets == []


def test_another_process_can_recover_it(lab, sdk):
    sdk.attach()
    assert sdk.publish("a").value is None
    sdk.run()
    key = sdk.machine.recovery_key
    assert json.loads(key)["msgSerial"] == 1
    other = lab.sdk(client_id="me", recover=key).connect()
    assert other.machine.connection_id == sdk.machine.connection_id
    sdk.drop_socket()
    assert other.attach().error is None
    promise = other.publish("b")
    other.run()
    assert (promise.error, other.sent[-1].msg_serial) == (None, 1)


def test_a_recovery_that_comes_too_late_begins_anew(lab):
    key = json.dumps({"connectionKey": "a!b-c", "msgSerial": 7, "channelSerials": {}})
    sdk = lab.sdk(recover=key).connect()
    assert (sdk.state, sdk.machine.error.code) == ("connected", 80018)
    promise = sdk.publish("a")
    sdk.run()
    assert (promise.error, sdk.sent[-1].msg_serial) == (None, 0)


def test_what_it_stands_for_learns_of_frames_only_by_its_methods():
    connection = Connection(Options("wss://test", key="a.b:c"), lambda: 0.0)
    connection.on_frame(ProtocolMessage(action=15), 0)
    connection.on_end("closed", AblyError(80017, "x"))
    assert connection.outputs() == []
