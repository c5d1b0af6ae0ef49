"""What was said in a run."""

import pytest

from ablykit.judge.history import MOST_MISTAKES, History
from ablykit.judge.lines import Order, Report
from tests.judge.histories import Story


def test_an_order_is_answered_by_its_id():
    story = Story("ada")
    first, second = story.ask("ada", "x"), story.ask("ada", "y")
    story.report("ada", second, ok=False, code=40160)
    one, two = story.history.publishes.values()
    assert (one.ok, one.answered) == (None, None)
    assert (two.ok, two.code) == (False, 40160)
    assert two.asked < two.answered
    assert list(story.history.publishes) == [("ada", first), ("ada", second)]


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ([Report(did="publish", id=9, ok=True)], "publish 9, which nobody asked for"),
        ([Report(did="enter", id=1, ok=True)], "enter 1, which nobody asked for"),
        ([Report(did="publish", id=1, ok=True)] * 2, "publish 1 a second time"),
        ([Report(members=[], id=7)], "question 7, which nobody asked"),
    ],
)
def test_a_report_that_fits_no_order_is_a_mistake(reports, said):
    story = Story("ada")
    story.ask("ada", "x")
    for report in reports:
        story.history.hear("ada", report)
    (trouble,) = story.history.troubles
    assert trouble.kind == "mistake"
    assert said in trouble.text


def test_of_many_mistakes_the_first_are_kept_and_all_are_counted():
    history = History()
    for number in range(MOST_MISTAKES + 50):
        history.trouble("ada", "mistake", str(number))
    history.trouble("bob", "mistake", "one")
    assert len(history.troubles) == MOST_MISTAKES + 1
    assert history.mistakes == {"ada": MOST_MISTAKES + 50, "bob": 1}


def test_everything_else_that_is_said_is_kept():
    history = History()
    for report in (
        Report(state="connecting"),
        Report(state="connected"),
        Report(need_token=True),
        Report(log="hello"),
        Report(did="detach", channel="c"),
        Report(),
    ):
        history.hear("ada", report)
    assert history.state("ada") == "connected"
    assert history.state("bob") == ""
    assert [client for _, client in history.tokens] == ["ada"]
    assert [text for _, _, text in history.logs] == ["hello"]
    assert ("ada", "c") in history.left


def test_the_members_are_those_of_the_channel_that_was_asked_about():
    history = History()
    history.tell("ada", Order("members", id=1, channel="c"))
    assert history.questioned == [("ada", "c")]
    history.hear("ada", Report(members=["bob"], id=1))
    (answer,) = history.answers
    assert (answer.channel, answer.members) == ("c", ("bob",))
    history.trouble("ada", "crashed", "It exited")
    assert history.questioned == []


def test_who_listens_was_attached_before_and_stays_until_the_end():
    story = Story("ada", "bob")
    story.publish("ada", "x", "ada", "bob")
    deed = next(iter(story.history.publishes.values()))
    late = Story()
    late.publish("ada", "x")
    late.history.hear("bob", Report(did="attach", channel="c"))
    assert story.history.listens("bob", deed)
    assert not late.history.listens("bob", next(iter(late.history.publishes.values())))
    story.history.without_echo = {"ada", "bob"}
    assert not story.history.listens("ada", deed)
    assert story.history.listens("bob", deed)
    story.history.tell("bob", Order("detach", channel="c"))
    assert not story.history.listens("bob", deed)
    story.history.without_echo = set()
    story.history.trouble("ada", "crashed", "It exited")
    assert not story.history.listens("ada", deed)


def test_what_is_reported_after_the_end_counts_no_more():
    story = Story("ada")
    id = story.ask("ada", "x")
    story.history.over = True
    story.report("ada", id)
    story.got("ada", "x")
    story.history.hear("ada", Report(state="closed"))
    assert story.history.publishes["ada", id].ok is None
    assert story.history.got == []
    assert story.history.state("ada") == "closed"
