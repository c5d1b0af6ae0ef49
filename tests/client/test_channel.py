"""A channel: attached and kept attached, read without gaps or repeats."""

import pytest

from ablykit.client.channel import TABLE, Channel
from ablykit.protocol import AblyError, Action, Flag, PresenceMessage
from ablykit.protocol.states import CHANNEL_TRANSITIONS


def states(sdk, name="c"):
    return [each.current for each in sdk.states if each.channel == name]


def held(sdk):
    """Let the answer to the last request never come."""
    sdk.pull().socket.up.clear()


def test_an_event_without_a_row_is_a_mistake(lab):
    assert len(TABLE) == len(CHANNEL_TRANSITIONS)
    with pytest.raises(KeyError):
        Channel("c", lab.sdk().machine)._go("ATTACHED")


def test_it_attaches_once_however_often_it_is_asked(sdk):
    channel = sdk.machine.channel("c")
    one, two = channel.attach(0), channel.attach(0)
    sdk.run()
    assert one is two
    assert one.done
    assert sdk.attach().done
    assert states(sdk) == ["attaching", "attached"]
    assert sdk.machine.channel("c") is channel


def test_before_the_connection_is_there_it_waits_for_it(lab):
    sdk = lab.sdk()
    promise = sdk.machine.channel("c").attach(lab.now)
    sdk.connect()
    assert (promise.done, promise.error) == (True, None)


def test_modes_and_params_go_with_the_attach(lab, sdk):
    sdk.attach(modes=int(Flag.SUBSCRIBE), params={"rewind": "1"})
    attach = sdk.sent[-1]
    assert (attach.flags, attach.params) == (Flag.SUBSCRIBE, {"rewind": "1"})


def test_a_publish_that_is_too_large_is_not_sent(sdk):
    sdk.attach()
    limit = sdk.machine.details.max_message_size
    sent = len(sdk.sent)
    refused = sdk.publish("x" * (limit + 1))
    assert (refused.error.code, len(sdk.sent)) == (40009, sent)
    assert f"{limit + 1} bytes where {limit} are allowed" in str(refused.error)
    assert sdk.publish("x" * limit).error is None


def test_a_refused_channel_fails_alone_and_can_be_tried_again(sdk):
    promise = sdk.attach(":bad")
    assert promise.error.code == 40010
    assert sdk.machine.channel(":bad").state == "failed"
    assert sdk.state == "connected"
    assert sdk.publish("x", name=":bad").error.code == 90001
    assert sdk.machine.channel(":bad").detach(0).error.code == 90001
    assert sdk.attach(":bad").error.code == 40010
    sdk.says(action=9, channel=":bad", error={"code": 1})
    sdk.says(action=9, channel="unknown", error={"code": 1})


def test_it_offers_what_it_read_last_and_gets_what_it_missed(lab, sdk):
    other = lab.sdk().connect()
    sdk.attach()
    sdk.cut()
    other.publish("missed", "too")
    other.run()
    lab.after(0)
    assert states(sdk) == ["attaching", "attached", "attaching", "attached"]
    assert sdk.states[-1].resumed
    assert sdk.data == ["missed", "too"]


def test_a_cut_between_attached_and_what_was_missed_loses_nothing(lab, sdk):
    other = lab.sdk().connect()
    sdk.attach()
    sdk.cut()
    other.publish("missed")
    other.run()
    sdk.machine.tick(lab.now)
    sdk.pull()
    sdk.move_down()
    sdk.move_up()
    sdk.move_down(1)  # ATTACHED alone
    assert sdk.machine.channel("c").state == "attached"
    sdk.cut()
    lab.after(0)
    assert sdk.data == ["missed"]


def test_a_frame_that_comes_twice_is_delivered_once(sdk):
    sdk.attach()
    for _ in range(2):
        sdk.says(action=15, channel="c", id="x:0", channelSerial="s", messages=[{"data": "a"}])
        sdk.says(action=15, channel="c", messages=[{"data": "b"}])
    assert sdk.data == ["a", "b", "b"], "without any id, no two frames are the same"


def test_messages_for_a_channel_that_is_not_attached_are_dropped(sdk):
    sdk.machine.channel("c")
    sdk.says(action=15, channel="c", id="x:0", channelSerial="s", messages=[{"data": "a"}])
    sdk.says(action=15, channel="unknown", messages=[{"data": "a"}])
    assert sdk.data == []
    assert sdk.machine.channel("c").serial is None


def test_detached_by_the_service_it_attaches_again(lab, sdk):
    sdk.attach()
    sdk.says(action=13, channel="c", error={"code": 90198})
    assert states(sdk)[-2:] == ["attaching", "attached"]


def test_detached_while_it_attaches_it_is_suspended_and_tries_later(lab, sdk):
    promise = sdk.machine.channel("c").attach(lab.now)
    held(sdk)
    sdk.says(action=13, channel="c", error={"code": 90198})
    assert promise.error.code == 90198
    assert sdk.machine.channel("c").state == "suspended"
    lab.after(15_000)
    assert sdk.machine.channel("c").state == "attached"


def test_without_an_answer_it_is_suspended_and_tries_later(lab, sdk):
    promise = sdk.machine.channel("c").attach(lab.now)
    held(sdk)
    lab.after(10_000)
    assert promise.error.code == 90007
    assert sdk.publish("x").error.code == 90001
    assert sdk.present(2).error.code == 91001
    assert sdk.machine.channel("c").detach(lab.now).error is None
    sdk.pull()
    assert states(sdk) == ["attaching", "suspended", "detached"]


def test_a_suspended_channel_attaches_with_a_late_answer_or_with_the_connection(lab, sdk):
    sdk.machine.channel("c").attach(lab.now)
    held(sdk)
    lab.after(10_000)
    sdk.says(action=11, channel="c", channelSerial="s")
    assert states(sdk)[-1] == "attached"


def test_detaching_ends_it_and_an_answer_to_an_older_question_does_not_bring_it_back(lab, sdk):
    sdk.attach()
    promise = sdk.machine.channel("c").detach(lab.now)
    assert sdk.machine.channel("c").detach(lab.now) is promise
    sdk.says(action=11, channel="c")
    sdk.run()
    assert (promise.done, promise.error) == (True, None)
    assert states(sdk)[-1] == "detached"
    sdk.says(action=11, channel="c")
    sdk.says(action=13, channel="c")
    assert states(sdk)[-1] == "detached"
    assert [frame.action for frame in sdk.sent[-3:]] == [Action.DETACH] * 3, "RTL5k"
    assert sdk.machine.channel("c").detach(lab.now).done


def test_a_detach_without_an_answer_leaves_it_attached(lab, sdk):
    sdk.attach()
    promise = sdk.machine.channel("c").detach(lab.now)
    held(sdk)
    lab.after(10_000)
    assert promise.error.code == 90007
    assert states(sdk)[-1] == "attached"


def test_attaching_and_detaching_wait_for_each_other(lab, sdk):
    channel = sdk.machine.channel("c")
    attached, detached = channel.attach(lab.now), channel.detach(lab.now)
    sdk.run()
    assert (attached.error, detached.error, channel.state) == (None, None, "detached")
    sdk.attach()
    detached, attached = channel.detach(lab.now), channel.attach(lab.now)
    assert channel.attach(lab.now) is attached
    sdk.run()
    assert (attached.error, detached.error, channel.state) == (None, None, "attached")


def test_a_detach_goes_out_again_over_a_new_socket(lab, sdk):
    sdk.attach()
    promise = sdk.machine.channel("c").detach(lab.now)
    sdk.pull().cut()
    lab.after(0)
    assert (promise.done, promise.error) == (True, None)


def test_it_follows_its_connection_to_its_end(lab, sdk):
    sdk.attach()
    sdk.machine.channel("other")
    sdk.close()
    assert states(sdk)[-1] == "detached"
    assert states(sdk, "other") == []
    assert sdk.attach().error.code == 90001
    assert sdk.present(2, name="other").error.code == 90001


def test_suspended_with_its_connection_it_comes_back_with_a_gap(lab, sdk):
    sdk.attach()
    sdk.refusing = True
    sdk.cut()
    lab.after(121_000)
    assert states(sdk)[-1] == "suspended"
    sdk.refusing = False
    lab.after(30_000)
    assert states(sdk)[-1] == "attached"
    assert not sdk.states[-1].resumed


def test_data_that_can_not_be_sent_fails_at_once(sdk):
    sdk.attach()
    assert sdk.publish(3).error.code == 40013
    assert sdk.present(2, data={1, 2}).error.code == 40013


# -- presence


def test_entering_attaches_first_and_others_see_it(lab, sdk):
    other = lab.sdk(client_id="other").connect()
    other.attach()
    assert sdk.present(2, "here").error is None
    lab.run()
    assert other.members() == ["me"]
    assert [(each.item.action, each.item.data) for each in other.got] == [(2, "here")]
    assert sdk.present(4, "there").error is None
    assert sdk.present(3).error is None
    lab.run()
    assert [each.item.action for each in other.got] == [2, 4, 3]
    assert other.members() == sdk.members() == []


def test_one_who_attaches_later_sees_who_is_there(lab, sdk):
    sdk.present(2)
    other = lab.sdk(client_id="other").connect()
    other.attach()
    assert other.members() == ["me"]
    assert not other.machine.channel("c").members.syncing


def test_a_member_who_left_meanwhile_is_gone_after_a_resume(lab, sdk):
    other = lab.sdk(client_id="other").connect()
    other.attach()
    sdk.present(2)
    lab.run()
    other.cut()
    sdk.present(3)
    lab.after(0)
    assert other.members() == []


def test_an_own_member_comes_back_whatever_happened_meanwhile(lab, sdk):
    other = lab.sdk(client_id="other").connect()
    other.attach()
    sdk.present(2, "here")
    lab.run()
    for loss in ("long cut", "the service forgot"):
        session = sdk.socket.session
        sdk.refusing = True
        sdk.cut()
        if loss == "long cut":
            lab.after(20_000)  # longer than members stay, shorter than the connection does
            assert other.members() == []
        else:
            lab.service._expire(session.connection, lab.now)
        sdk.refusing = False
        lab.after(40_000)
        assert other.members() == sdk.members() == ["me"], loss


def test_with_another_connection_it_enters_again_even_where_the_channel_goes_on(lab, sdk):
    """The old connection's member is still there then, and leaves later."""
    other = lab.sdk(client_id="other").connect()
    other.attach()
    sdk.present(2)
    lab.service.forget(sdk.socket.session.connection)
    before, sent = sdk.machine.connection_id, len(sdk.sent)
    sdk.cut()
    lab.after(1_000)
    assert sdk.machine.connection_id != before
    assert [frame.presence[0].action for frame in sdk.sent[sent:] if frame.action == Action.PRESENCE] == [2]
    lab.after(30_000)
    assert other.members() == sdk.members() == ["me"]


def test_taken_out_by_the_service_alone_it_enters_again(lab, sdk):
    sdk.present(2)
    mine = sdk.machine.connection_id
    leave = {"action": 3, "clientId": "me", "connectionId": mine, "timestamp": 2**50}
    sdk.says(action=14, channel="c", id="gone:0", channelSerial="~", presence=[leave])
    assert (sdk.sent[-1].action, sdk.sent[-1].presence[0].action) == (Action.PRESENCE, 2)


def test_a_refused_member_is_not_entered_again(lab, sdk):
    sdk.attach()
    lab.app.refusals.append(AblyError(40160, "No"))
    assert sdk.present(2).error.code == 40160
    sdk.says(action=11, channel="c", channelSerial="s")
    assert sdk.sent[-1].action == Action.PRESENCE, "the refused one, and no other after it"
    assert len([frame for frame in sdk.sent if frame.action == Action.PRESENCE]) == 1


def test_who_waits_to_enter_learns_that_the_channel_failed(lab, sdk):
    promise = sdk.machine.channel("c").change(PresenceMessage(action=2), lab.now)
    held(sdk)
    sdk.says(action=9, channel="c", error={"code": 40160})
    assert promise.error.code == 40160


@pytest.mark.parametrize("end", ["the channel failed", "the connection closed", "detached by the service"])
def test_a_detach_that_waits_for_an_attach_is_answered_whatever_comes_of_that(lab, sdk, end):
    channel = sdk.machine.channel("c")
    channel.attach(lab.now)
    waiting = channel.detach(lab.now)
    held(sdk)
    if end == "the channel failed":
        sdk.says(action=9, channel="c", error={"code": 40160})
    elif end == "the connection closed":
        sdk.close()
    else:
        sdk.says(action=13, channel="c")
    assert waiting.done
    assert (waiting.error is None) == (end == "detached by the service")
    assert channel.state == ("failed" if end == "the channel failed" else "detached")


def test_who_is_present_is_known_when_a_sync_has_ended_or_can_not_end_any_more(sdk):
    sdk.attach()
    channel = sdk.machine.channel("c")
    assert channel.known().done, "no SYNC is under way"
    channel.members.begin_sync()
    known = channel.known()
    assert channel.known() is known
    sdk.says(action=16, channel="c", channelSerial="s:more", presence=[])
    assert not known.done
    sdk.says(action=16, channel="c", channelSerial="s:", presence=[])
    assert (known.done, known.error) == (True, None)
    channel.members.begin_sync()
    lost = channel.known()
    sdk.says(action=9, channel="c", error={"code": 40160})
    assert lost.done
