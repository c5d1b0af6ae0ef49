"""The whole machine: connected, attached, published, closed."""

import pytest

from ablykit.protocol import AblyError, Action, Format
from tests.client.conftest import Lab


@pytest.mark.parametrize("format", list(Format))
def test_a_client_connects_attaches_publishes_hears_itself_and_closes(format):
    lab = Lab()
    sdk = lab.sdk(format=format).connect()
    assert sdk.state == "connected"
    attached = sdk.attach()
    assert (attached.done, attached.error) == (True, None)
    promise = sdk.publish("hello", {"a": 1}, b"\x00\xff")
    sdk.run()
    assert (promise.done, promise.error, len(promise.value.serials)) == (True, None, 3)
    assert sdk.data == ["hello", {"a": 1}, b"\x00\xff"]
    sdk.close()
    assert sdk.state == "closed"
    assert sdk.sent[-1].action == Action.CLOSE
    assert sdk.machine.due is None
    assert [each.current for each in sdk.states if each.channel is None] == [
        "connecting", "connected", "closing", "closed",
    ]  # fmt: skip


def test_publishes_before_the_connection_wait_for_it_and_go_out_in_order(lab):
    sdk = lab.sdk()
    promises = [sdk.publish(data, name=name) for data, name in (("a", "c"), ("b", "d"), ("c", "c"))]
    sdk.connect()
    assert all(promise.done and not promise.error for promise in promises)
    assert [frame.msg_serial for frame in sdk.sent] == [0, 1, 2]


def test_a_nack_is_the_error_of_its_publish_alone(lab, sdk):
    lab.app.refusals.append(AblyError(40160, "No"))
    one, two = sdk.publish("a"), sdk.publish("b")
    sdk.run()
    assert (one.error.code, two.error) == (40160, None)


def test_what_had_no_answer_is_sent_again_with_the_same_serial_and_published_once(lab, sdk):
    sdk.attach()
    one, two = sdk.publish("a"), sdk.publish("b")
    sdk.move_up(1)  # the service publishes the first, and its ACK is lost
    sdk.cut()
    lab.after(0)
    assert (one.error, two.error, sdk.data) == (None, None, ["a", "b"])
    assert [frame.msg_serial for frame in sdk.sent if frame.action == Action.MESSAGE] == [0, 1, 0, 1]


def test_on_a_new_connection_it_is_numbered_anew_and_still_published_once(lab, sdk):
    sdk.attach()
    sdk.publish("before")
    sdk.run()
    one, two = sdk.publish("a"), sdk.publish("b")
    sdk.move_up(1)
    session = sdk.socket.session
    sdk.cut()
    lab.service.forget(session.connection)
    lab.after(0)
    assert (one.error, two.error, sdk.data) == (None, None, ["before", "a", "b"])
    assert [frame.msg_serial for frame in sdk.sent if frame.action == Action.MESSAGE] == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("end", ["closed", "suspended", "failed"])
def test_at_the_end_of_the_connection_no_promise_stays_open(lab, sdk, end):
    sdk.attach()
    sent = sdk.publish("a")
    sdk.socket.up.clear()
    if end == "closed":
        sdk.close()
    elif end == "failed":
        sdk.says(action=9, error={"code": 40000})
    else:
        sdk.refusing = True
        sdk.cut()
        queued = sdk.publish("b")
        lab.after(121_000)
        assert queued.error.code == 80002
    assert sdk.state == end
    assert sent.done
    assert sent.error
    late = sdk.publish("late", name="another")
    assert late.error
    assert sdk.machine.recovery_key is None
