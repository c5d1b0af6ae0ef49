"""Fault rules as data: a rule that means nothing is refused, with what to write instead."""

import json
import re

import pytest

from ablykit.faults import ACTIONS, On, Rule

NEEDED = {
    "delay": {"ms": 5},
    "edit": {"set": {"channel": "x"}},
    "replace": {"frame": {"action": 0}},
    "inject": {"frame": {"action": 0}},
    "throttle": {"rate": 100},
    "slice": {"size": 1},
    "truncate": {"size": 1},
    "respond": {"status": 500},
}
"""What each action can't do without."""


@pytest.mark.parametrize("do", ACTIONS)
def test_each_action_makes_a_rule_that_is_the_same_from_json_and_from_a_line(do):
    rule = Rule(do, **NEEDED.get(do, {}))
    assert rule.target is ACTIONS[do].on[0]
    assert Rule.of(rule.as_json()) == rule
    assert Rule.parse(json.dumps(rule.as_json())) == rule
    members = (
        f"{name}={json.dumps(value, separators=(',', ':'))}" for name, value in NEEDED.get(do, {}).items()
    )
    assert Rule.parse(" ".join([do, *members])) == rule


def test_the_names_on_the_wire_are_the_protocols():
    rule = Rule.parse("drop action=ACK msgSerial=3 channel=chat:* probability=0.5")
    assert rule == Rule("drop", action="ACK", msg_serial=3, channel="chat:*", probability=0.5)
    assert rule.as_json() == {
        "do": "drop", "action": "ACK", "channel": "chat:*", "msgSerial": 3, "probability": 0.5,
    }  # fmt: skip


def test_a_rule_says_what_it_does():
    assert str(Rule("drop", action="ACK", nth=2)) == "drop action=ACK nth=2"
    assert str(Rule("drop", name="the lost ACK")) == "the lost ACK"
    assert str(Rule("replace", frame={"action": 0, "id": "x" * 100})).endswith("…")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"do": "explode"}, "There is no action 'explode'. There are drop, delay"),
        ({"do": "drop", "on": "http"}, "drop works on frame, not on http"),
        ({"do": "delay"}, "delay needs ms"),
        ({"do": "drop", "ms": 5}, "drop has no detail 'ms'; it takes none"),
        ({"do": "delay", "ms": 5, "rate": 5}, "delay has no detail 'rate'; it takes jitter, ms"),
        ({"do": "refuse", "action": "ACK"}, "'action' is about frame, and this rule is about open"),
        ({"do": "drop", "path": "/"}, "'path' is about open or http, and this rule is about frame"),
        ({"do": "drop", "nth": 0}, "nth is at least 1, not 0"),
        ({"do": "drop", "probability": float("nan")}, "probability is at least 0, not nan"),
        ({"do": "drop", "probability": 2}, "probability is from 0 to 1, not 2"),
        ({"do": "edit"}, "edit needs set or unset"),
        ({"do": "respond", "status": 99}, "status is an HTTP status from 200 to 599"),
        ({"do": "cut", "close": 7}, "close is a WebSocket close code such as 1001"),
        ({"do": "cut", "close": 1006}, "No close frame can carry 1006"),
        (
            {"do": "cut", "close": 4000, "reason": "ü" * 62},
            "reason has at most 123 bytes, and this one has 124",
        ),
        ({"do": "drop", "action": "ACKK"}, "There is no frame 'ACKK'. There are HEARTBEAT"),
        ({"do": "drop", "where": "a ["}, "where is no JMESPath expression"),
        ({"do": "drop", "chanel": "x"}, "unknown field `chanel`. A rule has do, on, name"),
        ({"do": "drop", "nth": "two"}, "Expected `int | null`, got `str`"),
        ({}, "missing required field `do`"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_what_can(members, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Rule.of(members)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "There is no action ''"),
        ("drop ACK", "'ACK' is no member of a rule: write NAME=VALUE"),
        ('{"do":', "This rule is not JSON"),
        ("[1]", "There is no action '[1]'"),
        ('{"do": "drop", "nth": [', "This rule is not JSON"),
    ],
)
def test_a_line_that_is_no_rule_is_refused(line, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Rule.parse(line)


def test_an_action_works_on_what_the_rule_says():
    assert Rule("cut").target is On.FRAME
    assert Rule("cut", on=On.OPEN).target is On.OPEN
    assert Rule("respond", status=500).target is On.HTTP
    assert Rule("drop", action=1).action_number == Rule("drop", action="ack").action_number == 1


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule("drop", direction="sideways"), "Invalid enum value 'sideways'"),
        (Rule("drop", nth=1.5), "Expected `int | null`, got `float`"),
    ],
)
def test_a_rule_made_in_python_is_checked_like_one_in_json(rule, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Rule.of(rule)


def test_what_a_rule_works_on_may_be_a_plain_word():
    assert Rule("cut", on="open").target is On.OPEN
    with pytest.raises(ValueError, match="'nothing' is not a valid On"):
        Rule("cut", on="nothing")


@pytest.mark.parametrize(
    "rule",
    [
        Rule("inject", frame={"auth": {"accessToken": "a-long-secret-token"}}),
        Rule("edit", set={"auth.accessToken": "a-long-secret-token"}),
        Rule("refuse", query={"key": "app.key:a-long-secret-token"}),
    ],
)
def test_a_rule_does_not_show_its_secrets(rule):
    assert "****" in str(rule)
    assert "a-long" not in str(rule)
