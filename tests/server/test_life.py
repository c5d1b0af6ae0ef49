"""The states of a session: one table, which the code follows and the docs draw."""

import re

import pytest

from ablykit.server.life import TRANSITIONS, Event, State
from tests.notebook import ROOT

LASTING = [state for state in State if state is not State.GONE]


@pytest.mark.parametrize("state", LASTING)
@pytest.mark.parametrize("event", Event)
def test_every_event_may_come_until_the_socket_is_gone(state, event):
    after = TRANSITIONS[state, event]
    assert after is (State.GONE if event is Event.DROPPED else State.ENDING)


def test_nothing_happens_once_the_socket_is_gone():
    assert {before for before, _ in TRANSITIONS} == set(LASTING)


def test_the_drawing_in_the_docs_is_of_this_table():
    page = (ROOT / "docs" / "architecture.md").read_text()
    drawn = re.findall(r"^    (open|ending|gone) --> (\w+): (.+)$", page, re.M)
    assert sorted(drawn) == sorted(
        (before.value, after.value, event.value) for (before, event), after in TRANSITIONS.items()
    )


def test_a_session_follows_it(world):
    client = world.client()
    assert client.session.state is State.OPEN
    client.say({"action": 7})
    assert client.session.state is State.ENDING
    client.drop()
    assert client.session.state is State.GONE
    with pytest.raises(KeyError):
        client.drop()
