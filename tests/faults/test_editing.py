"""Edited frames: what a path names is changed, and what it does not name stays."""

import copy

import pytest

from ablykit.faults import Rule, edited

FRAME = {"action": 9, "error": {"code": 1}, "messages": [{"data": "a"}, {"data": "b"}]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"set": {"error.code": 40160}}, FRAME | {"error": {"code": 40160}}),
        ({"set": {"error.href": "x"}}, FRAME | {"error": {"code": 1, "href": "x"}}),
        ({"set": {"messages.1.data": "c"}}, FRAME | {"messages": [{"data": "a"}, {"data": "c"}]}),
        ({"set": {"messages.0": 5}}, FRAME | {"messages": [5, {"data": "b"}]}),
        ({"unset": ["messages.0"]}, FRAME | {"messages": [{"data": "b"}]}),
        ({"unset": ["error", "messages"]}, {"action": 9}),
        ({"set": {"messages.2.data": "c", "nobody.knows": 1, "action.x": 1, "messages.x": 1}}, FRAME),
        ({"unset": ["messages.7", "nothing", "error.nothing"]}, FRAME),
    ],
)
def test_only_what_a_path_names_changes(changes, expected):
    before = copy.deepcopy(FRAME)
    assert edited(FRAME, Rule("edit", **changes)) == expected
    assert before == FRAME


def test_a_frame_of_any_depth_can_be_edited():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    changed = edited({"action": 0, "x": deep}, Rule("edit", set={"id": "1"}))
    assert changed["id"] == "1"
    assert changed["x"] is deep
    while deep:  # taken apart by hand: Python would do it by recursion
        deep = deep.pop()
