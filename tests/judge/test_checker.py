"""The checker: for each kind of fault a history that has it, and right ones that have none."""

import random

from hypothesis import given
from hypothesis import strategies as st

from ablykit.judge import checker
from ablykit.judge.checker import CHECKS, percentile, stale_members
from ablykit.judge.lines import Order, Report
from tests.judge.histories import Story

CLIENTS = ("ada", "bob", "cem")


def faults(story):
    found = {kind: check(story.log, story.history) for kind, check in CHECKS.items()}
    return {kind: [(each.client, each.data) for each in listed] for kind, listed in found.items() if listed}


@st.composite
def right(draw):
    """A story in which everything is right: each client is anywhere between the log's begin and its end."""
    story = Story(*CLIENTS)
    chance = draw(st.randoms(use_true_random=False))
    messages = draw(st.lists(st.sampled_from(CLIENTS), min_size=1, max_size=12))
    unread = {client: [] for client in CLIENTS}
    for number, client in enumerate(messages):
        data = f"{client} {number}"
        id = story.ask(client, data)
        refused = chance.random() < 0.2
        if not refused:
            story.logged(client, data)
            for queue in unread.values():
                queue.append(data)
        story.report(client, id, ok=not refused, code=40160 if refused else None)
        for reader in chance.sample(CLIENTS, k=chance.randrange(3)):
            if unread[reader]:
                story.got(reader, unread[reader].pop(0))
    for reader, queue in unread.items():
        for data in queue:
            story.got(reader, data)
    return story, chance


@given(right())
def test_a_right_history_has_no_faults(drawn):
    assert faults(drawn[0]) == {}


@given(right())
def test_a_message_that_is_taken_from_one_client_is_lost(drawn):
    story, chance = drawn
    if not story.history.got:
        return
    gone = story.history.got.pop(chance.randrange(len(story.history.got)))
    assert faults(story) == {"lost": [(gone.client, gone.data)]}


@given(right())
def test_a_message_that_is_handed_over_again_is_duplicated(drawn):
    story, chance = drawn
    if not story.history.got:
        return
    again = chance.choice(story.history.got)
    story.got(again.client, again.data)
    assert faults(story) == {"duplicated": [(again.client, again.data)]}


@given(right())
def test_two_messages_of_one_publisher_that_change_places_are_reordered(drawn):
    story, _ = drawn
    mine = [n for n, each in enumerate(story.history.got) if each.client == "ada" and each.data[:3] == "bob"]
    if len(mine) < 2:
        return
    first, second = mine[:2]
    got = story.history.got
    got[first], got[second] = got[second], got[first]
    assert faults(story) == {"reordered": [("ada", got[second].data)]}
    (fault,) = CHECKS["reordered"](story.log, story.history)
    assert fault.also == got[first].data


@given(right(), st.booleans())
def test_a_report_that_is_not_true_is_undetected(drawn, ok):
    story, chance = drawn
    deeds = [deed for deed in story.history.publishes.values() if deed.ok is ok]
    if not deeds:
        return
    deed = chance.choice(deeds)
    deed.ok = not ok
    if not ok:  # it says ok, and the log never had it
        assert faults(story) == {"undetected": [(deed.client, deed.data)]}
    else:  # it says failed, and everybody got it
        assert faults(story) == {"undetected": [(deed.client, deed.data)]}
        deed.code = 50003
        assert faults(story) == {}, "the service itself does not know then"


@given(right())
def test_an_order_without_a_report_is_stuck(drawn):
    story, chance = drawn
    deed = chance.choice(list(story.history.publishes.values()))
    deed.ok = None
    assert faults(story) == {"stuck": [(deed.client, deed.data)]}


def test_who_came_late_or_left_has_lost_nothing():
    story = Story("ada")
    story.publish("ada", "x", "ada")
    story.history.hear("bob", Report(did="attach", channel="c"))
    story.publish("ada", "y", "ada", "bob")
    story.history.tell("bob", Order("detach", channel="c"))
    story.publish("ada", "z", "ada")
    assert faults(story) == {}


def test_what_the_service_never_had_is_not_lost_nor_what_was_not_acknowledged():
    story = Story("ada", "bob")
    id = story.ask("ada", "x")
    story.report("ada", id)
    unsure = story.ask("ada", "y")
    story.logged("ada", "y")
    assert faults(story) == {"undetected": [("ada", "x")], "stuck": [("ada", "y")]}
    assert unsure == 2


def test_messages_of_two_publishers_may_come_in_any_order_and_a_duplicate_is_no_disorder():
    story = Story("ada")
    for client in ("ada", "bob"):
        story.publish(client, client)
    for data in ("bob", "ada", "bob", "nobody published this"):
        story.got("ada", data)
    assert faults(story) == {"duplicated": [("ada", "bob")]}


def asked_for_members(*answers):
    story = Story("ada")
    for id, _ in enumerate(answers or [None], start=1):
        story.history.tell("ada", Order("members", id=id, channel="c"))
    for id, members in enumerate(answers, start=1):
        story.history.hear("ada", Report(members=members, id=id))
    return story.history


def test_of_several_answers_about_members_the_last_counts():
    assert stale_members({"c": ["ada", "bob"]}, asked_for_members(["bob"], ["bob", "ada"])) == []
    (fault,) = stale_members({"c": ["bob"]}, asked_for_members(["bob"], []))
    assert fault.says == "ada answered: nobody. Present: bob"
    (silent,) = stale_members({}, asked_for_members())
    assert silent.says == "ada never said who is present"


@given(st.lists(st.sampled_from("abcd"), unique=True), st.lists(st.sampled_from("abcd"), unique=True))
def test_members_are_stale_when_they_are_others(believed, present):
    found = stale_members({"c": present}, asked_for_members(believed))
    assert bool(found) is (set(believed) != set(present))


def test_the_figures():
    story = Story("ada", "bob")
    story.publish("ada", "x", "ada", "bob")
    story.got("bob", "never asked for")
    refused = story.ask("ada", "y")
    story.report("ada", refused, ok=False)
    history = story.history
    assert checker.acknowledged_after(history) == [1.0]
    assert checker.delivered_after(history) == [2.0, 3.0]
    first = history.got[0].at
    assert checker.recovered_after(None, history) == []
    assert checker.recovered_after(first, history) == [0.0, 1.0]
    assert checker.recovered_after(first + 0.5, history) == [0.5]


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0, 50, 99, 100]))
def test_a_percentile_is_one_of_the_values_and_is_not_exceeded_by_more(values, percent):
    found = percentile(random.Random(1).sample(values, len(values)), percent)
    assert found in values
    assert sum(value > found for value in values) <= len(values) * (100 - percent) / 100
    assert percentile([], percent) is None
