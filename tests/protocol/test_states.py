"""The states of a connection, as data."""

import re

from ablykit.protocol.states import (
    BY_FRAME,
    CHANNEL_STATES,
    CHANNEL_TRANSITIONS,
    CLIENT_TRANSITIONS,
    STATES,
    TRANSITIONS,
)
from tests.notebook import ROOT


def test_every_way_leads_from_a_state_to_a_state():
    for way in TRANSITIONS:
        assert {way.start, way.end} <= set(STATES)
        assert way.why
    assert len({(way.start, way.end) for way in TRANSITIONS}) == len(TRANSITIONS)


def test_every_state_can_be_reached_and_only_ends_are_left_by_no_way():
    reached, more = set(), {"initialized"}
    while more:
        reached |= more
        more = {way.end for way in TRANSITIONS if way.start in reached} - reached
    assert reached == set(STATES)
    assert set(STATES) - {way.start for way in TRANSITIONS} == {"closed", "failed"}


def test_what_a_frame_makes_of_the_state_is_a_way_that_names_the_frame():
    for action, state in BY_FRAME.items():
        assert any(way.end == state and action.name in way.why for way in TRANSITIONS)


def test_the_drawings_in_the_docs_are_of_these_states():
    page = (ROOT / "docs" / "architecture.md").read_text()
    drawings = [
        re.findall(r"^    (\w+) --> (\w+): (.+)$", drawing, re.M)
        for drawing in re.findall(r"```mermaid\n(.*?)```", page, re.S)
    ]
    for ways in (CLIENT_TRANSITIONS, CHANNEL_TRANSITIONS):
        assert [tuple(way) for way in ways] in drawings


def test_the_states_of_an_sdk_and_of_its_channels_are_left_by_one_way_for_each_cause():
    for ways, states in ((CLIENT_TRANSITIONS, STATES), (CHANNEL_TRANSITIONS, CHANNEL_STATES)):
        assert {way.start for way in ways} | {way.end for way in ways} == set(states)
        assert len({(way.start, way.why) for way in ways}) == len(ways)
    assert set(TRANSITIONS) <= set(CLIENT_TRANSITIONS)
