"""The scorecard: a client that keeps every rule, and for each rule one that breaks exactly that one."""

import pytest

from ablykit.judge.behaviour import BEHAVIOUR
from ablykit.judge.scenes import SCENES
from ablykit.judge.scorecard import LEFT_OUT, score
from ablykit.judge.verdict import Kept
from ablykit.record import RULES, Transcript
from tests.judge.good import Good
from tests.judge.runs import breaks_only, broken, scored
from tests.judge.wrong import WRONG

CLIENT_RULES = {rule.name for rule in RULES.values() if rule.side == "client"} - LEFT_OUT
ON_PAPER = {"key-without-tls", "before-connected", "presence-without-client-id"}
"""Rules that a client of the judge's can't break by itself: made-up recordings show that these are found."""


def test_a_good_client_keeps_every_rule_that_it_has_an_occasion_to_break():
    verdicts, _ = scored(Good, *SCENES)
    assert broken(verdicts) == set(), [(rule.rule, rule.why) for rule in verdicts.values() if rule.why]
    unknown = {name for name, rule in verdicts.items() if rule.verdict is Kept.UNKNOWN}
    assert unknown == {
        "key-without-tls", "message-too-large", "frame-too-large", "message-ids", "foreign-client-id"
    }  # fmt: skip
    assert len(verdicts) == len(CLIENT_RULES) + len(BEHAVIOUR) >= 50
    assert all(rule.says and rule.clause for rule in verdicts.values())


def test_each_rule_has_a_client_that_breaks_it():
    assert set(WRONG) | ON_PAPER == CLIENT_RULES | set(BEHAVIOUR)


@pytest.mark.slow
@pytest.mark.parametrize("rule", sorted(WRONG.keys() - BEHAVIOUR.keys()))
def test_a_client_that_breaks_a_rule_of_the_linter_is_found_and_no_other_is_blamed(rule):
    breaks_only(rule)


@pytest.mark.parametrize("rule", sorted(ON_PAPER))
def test_what_a_recording_shows_is_found(rule):
    transcript = Transcript()
    transcript.record("one", "out", "ws://h/?v=5&key=app.key:secret", "open")
    if rule != "before-connected":
        transcript.record("one", "in", '{"action":4,"connectionId":"A","connectionDetails":{}}')
    if rule == "presence-without-client-id":
        transcript.record("one", "out", '{"action":14,"channel":"c","msgSerial":0,"presence":[{"action":2}]}')
    else:
        transcript.record("one", "out", '{"action":0}')
    verdicts = {each.rule: each for each in score([], transcript, tls=rule == "key-without-tls")}
    assert broken(verdicts) == {rule}
    assert verdicts[rule].proof


def test_without_an_occasion_nothing_is_known():
    assert {rule.verdict for rule in score([], [])} == {Kept.UNKNOWN}


def test_a_client_that_never_connects_leaves_all_unknown():
    class Silent(Good):
        async def connect(self):
            raise OSError("no")

    verdicts, _ = scored(Silent, "refusal")
    assert {rule.verdict for rule in verdicts.values()} == {Kept.UNKNOWN}
