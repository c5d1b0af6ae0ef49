"""What rules of behaviour look at."""

import json

from ablykit.judge.behaviour import BEHAVIOUR, Act, Seen, action, behaviour, numbers
from ablykit.judge.evidence import Evidence
from ablykit.judge.lines import Order, Report
from ablykit.record import Transcript
from tests.judge.histories import Story


def act():
    story, transcript = Story("ada"), Transcript()
    for text in ("x", "y afterwards"):
        story.ask("ada", text)
    story.ask("bob", "z")
    transcript.record("one", "out", "ws://h/?clientId=ada", "open")
    for direction, frame in (
        ("in", {"action": 4, "connectionId": "A", "connectionDetails": {}}),
        ("out", {"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]}),
        ("in", {"action": 1, "msgSerial": 0, "count": 1}),
    ):
        transcript.record("one", direction, json.dumps(frame))
    for state in ("connected", "closed", "connected"):
        story.history.hear("ada", Report(state=state))
    return Act("", "ada", story.history, Evidence(transcript))


def test_an_act_is_one_clients_part():
    seen = act()
    assert [deed.data for deed in seen.publishes] == ["x", "y afterwards"]
    assert [deed.data for deed in seen.afterwards] == ["y afterwards"]
    assert [wire.name for wire in seen.wires] == ["one"]
    (ack,) = seen.answers(seen.publishes[0])
    assert (action(ack), numbers(ack)) == (1, [3])
    assert seen.answers(seen.publishes[1]) == []
    assert numbers(*seen.frames("in")) == [1, 3]
    assert numbers(*seen.frames("out", 15)) == [2]


def test_it_knows_when_something_was_told_and_said():
    seen = act()
    first = seen.state_at("connected")
    assert first is not None
    assert seen.state_at("connected", first + 1) > first
    assert seen.state_at("failed") is None
    assert seen.close_told is None
    seen.history.tell("ada", Order("close"))
    assert seen.close_told > first


def test_a_rule_is_known_by_its_name(monkeypatch):
    monkeypatch.setattr("ablykit.judge.behaviour.BEHAVIOUR", dict(BEHAVIOUR))

    @behaviour("a-rule", "RTN1", "cut")
    def look(act):
        """What it says."""
        yield Seen(True, [1])

    from ablykit.judge import behaviour as module

    rule = module.BEHAVIOUR["a-rule"]
    assert (rule.clause, rule.says, rule.scenes) == ("RTN1", "What it says.", ("cut",))
    assert list(rule.look(act())) == [Seen(True, [1])]
