"""Workloads: the same plan for the same numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablykit.judge.workloads import CHANNELS, EARLY, WORKLOADS, Setting

SETTINGS = st.builds(Setting, st.integers(1, 9), st.floats(0.5, 200), st.floats(0.1, 5), st.integers())


@given(SETTINGS, st.sampled_from(sorted(WORKLOADS)))
def test_a_plan_is_the_same_for_the_same_numbers(setting, name):
    plan = WORKLOADS[name](setting)
    assert plan == WORKLOADS[name](setting)
    assert len(plan.steps) == max(int(setting.rate * setting.time), 1)
    assert [step.at for step in plan.steps] == sorted(step.at for step in plan.steps)
    assert plan.steps[-1].at <= setting.time
    assert {step.client for step in plan.steps} <= set(plan.names)
    assert {step.order.channel for step in plan.steps} <= set(CHANNELS)
    ids = [(step.client, step.order.id) for step in plan.steps]
    assert len(set(ids)) == len(ids)


def test_another_seed_is_another_plan():
    assert WORKLOADS["messages"](Setting(seed=1)) != WORKLOADS["messages"](Setting(seed=2))


@pytest.mark.parametrize("name", ["messages", "tokens"])
def test_each_message_is_unique(name):
    data = [step.order.data for step in WORKLOADS[name](Setting(rate=100, time=10)).steps]
    assert len(set(data)) == len(data)
    assert any("😀" in each for each in data)
    assert any(len(each) > 1_000 for each in data)


@given(SETTINGS)
def test_only_who_has_entered_leaves(setting):
    inside = set()
    for step in WORKLOADS["presence"](setting).steps:
        place = step.client, step.order.channel
        if step.order.do == "leave":
            inside.remove(place)
        else:
            inside.add(place)


def test_some_tokens_end_without_warning_and_others_are_asked_for_in_time():
    plan = WORKLOADS["tokens"](Setting(clients=4, time=9))
    assert plan.with_tokens
    assert list(plan.token_times.values()) == [3 + EARLY + 1, 4, 3 + EARLY + 1, 4]
