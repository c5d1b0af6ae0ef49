"""Rules, as they are kept and asked."""

from itertools import zip_longest

import pytest
from msgspec import structs

from ablykit.record import RULES, lint
from ablykit.record.linter import Linter
from tests.record.story import msg, out, story


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_it_is_and_whose(name):
    rule = RULES[name]
    assert rule.says.endswith(".")
    assert rule.clause
    assert rule.side in ("client", "service")


def test_a_finding_names_rule_clause_and_frame():
    (finding,) = lint(story(out(10, channel=":c")))
    assert finding.entry.number == 2
    assert str(finding).startswith(
        "   2 client: channel-name (RTS3): Channel names follow the naming rules. Here: "
    )


def test_odd_frames_break_rules_and_nothing_else():
    odd = [
        {"action": True}, {"action": "x"}, {"action": 15, "messages": 5, "channel": 7, "msgSerial": "x"},
        {"action": 11, "flags": "x"}, {"action": 4, "connectionDetails": 5}, {"action": 1, "msgSerial": 0, "count": 10**12},
        {"action": 9, "error": 5}, {"action": 14, "presence": [5, {"action": 9}]}, {"action": 16, "channelSerial": 5},
    ]  # fmt: skip
    for frame in odd:
        lint(story((">", frame), ("<", frame), (">", b"\xff"), ("<", "[]"), end=True))


def test_more_than_forty_rules_are_known():
    assert len(RULES) >= 40


def test_connections_are_judged_apart_in_the_order_of_their_entries():
    one, other = story(msg(0), msg(2)), story(msg(0))
    mixed = [
        structs.replace(entry, connection=name)
        for pair in zip_longest(one, other)
        for name, entry in zip("ab", pair, strict=True)
        if entry
    ]
    found = [(f.entry.connection, f.rule.name, f.entry.number) for f in lint(mixed)]
    assert found == [("a", "serial-gap", 3)]


def test_what_would_be_broken_can_be_asked_before_it_is_sent():
    linter = Linter()
    *before, last = story(msg(0), msg(0))
    for entry in before:
        assert linter.take(entry) == []
    for _ in range(2):
        assert [finding.rule.name for finding in linter.peek(last)] == ["serial-not-rising"]
    assert [finding.rule.name for finding in linter.take(last)] == ["serial-not-rising"]
    assert linter.facts("a").last_serial == 0


def test_a_rule_looks_at_its_sides_frames_only_and_at_the_actions_it_names():
    rule = RULES["channel-name"]
    asked = [
        ("frame", "out", 10),
        ("frame", "in", 10),
        ("frame", "out", 0),
        ("open", "out", None),
        ("close", "in", None),
    ]
    assert [rule.concerns(*each) for each in asked] == [True, False, False, False, False]
    assert [RULES["left-unanswered"].concerns(*each) for each in asked] == [False, False, False, False, True]
    assert [RULES["key-without-tls"].concerns(*each) for each in asked] == [False, False, False, True, False]


def test_after_missing_entries_only_what_a_frame_itself_shows_is_judged():
    linter = Linter()
    *before, last = story(msg(0), msg(0))
    for entry in before:
        linter.take(entry)
    linter.missed()
    assert linter.peek(last) == []
    assert linter.peek(structs.replace(last, connection="b")) == [], "it may have begun among them"
    (finding,) = linter.peek(structs.replace(last, raw="junk"))
    assert finding.rule.name == "not-a-frame"
    assert linter.peek(structs.replace(story()[0], raw="ws://h/?key=a.b:****"))


def test_connections_that_ended_are_forgotten_up_to_a_number():
    linter = Linter()
    for entry in story(end=True):
        linter.take(entry)
    linter.take(structs.replace(story()[0], connection="b"))
    assert linter.forget(2) == []
    assert linter.forget(3) == ["a"]
    assert linter.facts("a").state == "initialized"
