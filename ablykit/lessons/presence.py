"""The exercises of notebook 08: which of two items is newer, and who is present."""

import reprlib
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

from ablykit.lessons.calling import call
from ablykit.lessons.exercise import Exercise, Wrong
from ablykit.lessons.members import UPDATE, Item, Story, item, named, stories, stream

STREAMS = 40
"""How many streams each answer is tried with, besides the stories."""

# -- which of two items is newer


@dataclass(frozen=True)
class Pair:
    """Two items of one member. `newer` is the right answer for the first one."""

    story: str
    first: Item
    second: Item
    newer: bool
    why: str


_BY_ID = "Both ids begin with the member's connectionId, so the msgSerial decides, and then the index."
_BY_TIME = (
    "One of the ids does not begin with the member's connectionId, so the service made that item up, and the "
    "timestamps decide."
)


def _pair(story: str, first: Item, second: Item, *, newer: bool, why: str) -> tuple[Pair, Pair]:
    return (
        Pair(story, first, second, newer, why),
        Pair(f"{story}, the other way round", second, first, not newer, why),
    )


def _at(id: str, at: int) -> Item:
    return item(UPDATE, id, "ada", "reading", at, connection="conn1")


_SAME = _at("conn1:3:0", 30)

PAIRS = (
    *_pair("two updates", _at("conn1:2:0", 20), _at("conn1:1:0", 10), newer=True, why=_BY_ID),
    *_pair(
        "a msgSerial of two digits",
        _at("conn1:10:0", 20),
        _at("conn1:9:0", 10),
        newer=True,
        why=f"{_BY_ID} Compare numbers: as text, '10' comes before '9'.",
    ),
    *_pair("two items of one frame", _at("conn1:4:1", 20), _at("conn1:4:0", 20), newer=True, why=_BY_ID),
    *_pair("a higher index", _at("conn1:5:0", 20), _at("conn1:4:7", 10), newer=True, why=_BY_ID),
    *_pair(
        "a clock that went back",
        _at("conn1:2:0", 10),
        _at("conn1:1:0", 20),
        newer=True,
        why=f"{_BY_ID} The timestamps don't matter here.",
    ),
    Pair("the same item a second time", _SAME, _SAME, False, "An item is not newer than itself."),
    *_pair(
        "a leave that the service made up",
        _at("made7:0:0", 20),
        _at("conn1:6:0", 10),
        newer=True,
        why=_BY_TIME,
    ),
    *_pair(
        "a leave that the service made up long ago",
        _at("made7:9:0", 10),
        _at("conn1:6:0", 20),
        newer=False,
        why=_BY_TIME,
    ),
    Pair(
        "two equal timestamps",
        _at("made7:0:0", 20),
        _at("conn1:6:0", 20),
        True,
        f"{_BY_TIME} If they are equal, the item that has just arrived counts as newer.",
    ),
)


def _newer(newer: Any) -> str | None:
    for pair in PAIRS:
        found = call(newer, "newer", pair.story, pair.first, pair.second, returns=bool)
        if found != pair.newer:
            which = f"item {named(pair.first)} and known {named(pair.second)}"
            return f"With {pair.story} ({which}), the right answer is {pair.newer}. {pair.why}"
    return None


# -- who is present


def _members(members: Any) -> str | None:
    for story in chain(stories(), map(stream, range(1, STREAMS + 1))):
        found = call(members, "members", story.story, story.frames, returns=dict)
        if wrong := _difference(story, found):
            return f"With {story.story}: {wrong}"
    return None


def _difference(story: Story, found: dict[Any, Any]) -> str | None:
    """Say which member is wrong, and why; None if all are right."""
    for key, data in found.items():
        _check_form(key, data)
    for key in sorted({*found, *story.right}):
        who, why = f"{key[1]} on {key[0]}", story.why.get(key, "")
        if key not in found:
            return f"{who} is present, but missing from your dict. {why}".rstrip()
        if key not in story.right:
            return f"{who} is not present, but in your dict. {why}".rstrip()
        if found[key] != story.right[key]:
            given, right = reprlib.repr(found[key]), story.right[key]
            return f"{who} has the data {right!r}, but {given} in your dict. {why}".rstrip()
    return None


def _check_form(key: Any, data: Any) -> None:
    """Raise `Wrong` if a key is not a pair of names, or a value not a member's data."""
    given: tuple[Any, ...] = cast("Any", key) if isinstance(key, tuple) else ()
    if len(given) != 2 or not all(isinstance(part, str) for part in given):
        raise Wrong(
            "Each key of your dict is a pair, (connectionId, clientId): one clientId can be present on "
            f"several connections. Your dict has the key {reprlib.repr(cast('Any', key))}."
        )
    if given[1].startswith("conn"):
        raise Wrong(f"Turn the pair round: the connectionId comes first. Your dict has the key {given!r}.")
    if isinstance(data, dict):
        raise Wrong("Each value of your dict is the member's data alone, not the whole item.")


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            "newer",
            _newer,
            "Right: by id where both ids are the member's own, by time where the service made one up.",
            (
                "Take the id apart with item['id'].split(':'). If its first part is item['connectionId'], "
                "the id is the member's own.",
                "If both ids are the member's own, compare [msgSerial, index] as lists of two ints. "
                "Otherwise compare the timestamps with >=.",
                """\
def newer(item, known):
    connection, *order = item["id"].split(":")
    known_connection, *known_order = known["id"].split(":")
    if (connection, known_connection) != (item["connectionId"], known["connectionId"]):
        return item["timestamp"] >= known["timestamp"]
    return [int(number) for number in order] > [int(number) for number in known_order]""",
            ),
        ),
        Exercise(
            "members",
            _members,
            f"Right, in {STREAMS} streams that arrive out of order. Every SDK keeps a map like yours.",
            (
                "Keep a dict from (connectionId, clientId) to the newest item of each member. Keep leaves in "
                "it, too, and drop them only at the end, when you make the result.",
                "When a SYNC begins, copy the keys that you know into a set. Take out every key that a frame "
                "names. After the last page, those still in the set have left.",
                """\
def members(frames):
    known, unseen, syncing = {}, set(), False
    for frame in frames:
        if frame["action"] == 16 and not syncing:
            unseen, syncing = set(known), True
        for item in frame["presence"]:
            key = item["connectionId"], item["clientId"]
            unseen.discard(key)
            if key not in known or newer(item, known[key]):
                known[key] = item
        if frame["action"] == 16 and frame["channelSerial"].endswith(":"):
            known = {key: item for key, item in known.items() if key not in unseen}
            syncing = False
    return {key: item["data"] for key, item in known.items() if item["action"] != 3}""",
            ),
        ),
    )
}
"""The exercises of notebook 08 by their names."""
