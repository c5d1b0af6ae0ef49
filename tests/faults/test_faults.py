"""Which rule applies to what passes, and how often."""

import pytest

from ablykit.faults import Faults, On, Passing, Rule

ACK = {"action": 1, "msgSerial": 3, "channel": "chat:one", "error": {"code": 40160}}


def passing(frame=None, *, connection="client 1", direction="in", **more):
    return Passing(On.FRAME, connection, direction, ACK if frame is None else frame, **more)


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        ({"direction": "in"}, {"direction": "out"}),
        ({"action": "ACK"}, {"action": "NACK"}),
        ({"action": 1}, {"action": 2}),
        ({"channel": "chat:*"}, {"channel": "news:*"}),
        ({"msg_serial": 3}, {"msg_serial": 4}),
        ({"code": 40160}, {"code": 40000}),
        ({"where": "error.code > `40000`"}, {"where": "nothing"}),
        ({"client": "a*"}, {"client": "b*"}),
    ],
)
def test_a_rule_applies_to_what_it_names_and_to_nothing_else(fits, does_not):
    one = passing(client="ada")
    assert Faults([Rule("drop", **fits)]).choose(one).rule == Rule("drop", **fits)
    assert Faults([Rule("drop", **does_not)]).choose(one) is None


def test_a_rule_about_frames_leaves_alone_what_is_none():
    junk = Passing(On.FRAME, "client 1", "in")
    assert Faults([Rule("drop", action="ACK")]).choose(junk) is None
    assert Faults([Rule("drop")]).choose(junk) is not None
    assert Faults([Rule("drop")]).choose(Passing(On.OPEN, "client 1")) is None
    odd = passing({"error": "no object", "action": "1"})
    assert Faults([Rule("drop", code=1), Rule("drop", action=1)]).choose(odd) is None


def test_an_opening_connection_is_matched_by_its_url():
    opening = Passing(On.OPEN, "client 1", path="/", query={"resume": "abc"}, client="ada")
    assert Faults([Rule("refuse", query={"resume": "*"})]).choose(opening)
    assert not Faults([Rule("refuse", query={"recover": "*"})]).choose(opening)
    assert not Faults([Rule("refuse", path="/time")]).choose(opening)


def test_the_first_rule_that_fits_decides():
    first, second = Rule("drop", action="ACK"), Rule("hold")
    faults = Faults([first, second])
    assert faults.choose(passing()).rule is first
    assert faults.choose(passing({"action": 15})).rule is second
    faults.add(Rule("duplicate"), first=True)
    assert faults.choose(passing()).rule == Rule("duplicate")
    assert [rule.do for rule in faults.rules] == ["duplicate", "drop", "hold"]


def test_nth_and_times_say_how_often():
    faults = Faults([Rule("drop", nth=2), Rule("hold", times=2)])
    chosen = [fault and fault.rule.do for fault in (faults.choose(passing()) for _ in range(5))]
    assert chosen == ["hold", "drop", "hold", None, None]
    assert not faults, "all rules have done their work"


def test_a_rule_can_be_removed_and_its_work_is_counted():
    faults = Faults()
    assert not faults
    number = faults.add(Rule("drop"))
    faults.choose(passing())
    assert faults.applied(number) == 1
    faults.remove(number)
    assert faults.choose(passing()) is None
    assert faults.applied(number) == 0
    with pytest.raises(LookupError, match=f"There is no fault rule {number}"):
        faults.remove(number)
    faults.add(Rule("drop"))
    faults.clear()
    assert not faults


def lost(seed, connections):
    faults = Faults([Rule("drop", probability=0.5)], seed=seed)
    return {
        (name, number)
        for number in range(100)
        for name in connections
        if faults.choose(passing(connection=name))
    }


def test_chance_is_the_same_for_the_same_seed_however_connections_take_turns():
    assert lost(1, ["a", "b"]) == lost(1, ["b", "a"]) == lost(1, ["b"]) | lost(1, ["a"])
    assert lost(1, ["a"]) != lost(2, ["a"])
    assert 20 < len(lost(1, ["a"])) < 80


def test_a_delay_lies_within_its_jitter_and_never_below_zero():
    faults = Faults([Rule("delay", ms=10, jitter=20)], seed=1)
    waits = [faults.choose(passing()).wait for _ in range(100)]
    assert 0 == min(waits) <= max(waits) <= 30
    assert len(set(waits)) > 10
    assert Faults([Rule("delay", ms=10)]).choose(passing()).wait == 10
