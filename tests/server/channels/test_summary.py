"""Annotations are summed up as their types say, one at a time."""

import pytest

from ablykit.protocol import Annotation
from ablykit.server.channels import summary
from ablykit.server.channels.summary import Summary


def given(way, *annotations):
    listed = [
        Annotation(type=f"t:{way}", action=a, client_id=c, name=n, count=k) for a, c, n, k in annotations
    ]
    counted = Summary()
    for annotation in listed:
        counted.add(annotation)
    return counted.totals().get(f"t:{way}")


@pytest.mark.parametrize(
    ("way", "annotations", "comes_to"),
    [
        ("total.v1", [(0, None, None, None), (0, "a", None, None), (1, "a", None, None)], {"total": 1}),
        (
            "flag.v1",
            [(0, "a", None, None), (0, "a", None, None), (0, "b", None, None)],
            {"total": 2, "clientIds": ["a", "b"]},
        ),
        (
            "distinct.v1",
            [(0, "a", "x", None), (0, "a", "y", None), (0, "b", "x", None), (1, "a", "y", None)],
            {"x": {"total": 2, "clientIds": ["a", "b"]}},
        ),
        (
            "unique.v1",
            [(0, "a", "x", None), (0, "a", "y", None), (1, "b", "x", None)],
            {"y": {"total": 1, "clientIds": ["a"]}},
        ),
        ("unique.v1", [(0, "a", "x", None), (1, "a", "y", None)], {"x": {"total": 1, "clientIds": ["a"]}}),
        (
            "multiple.v1",
            [
                (0, "a", "x", 2),
                (0, "a", "x", None),
                (0, None, "x", 4),
                (0, "b", "y", None),
                (1, "b", "y", None),
            ],
            {"x": {"total": 7, "clientIds": {"a": 3}, "totalUnidentified": 4}},
        ),
        ("unknown.v9", [(0, "a", "x", None)], None),
    ],
)
def test_each_way_sums_up_as_its_name_says(way, annotations, comes_to):
    assert given(way, *annotations) == comes_to


def test_the_last_of_a_type_leaves_it_empty_and_there():
    assert given("flag.v1", (0, "a", None, None), (1, "a", None, None)) == {"total": 0, "clientIds": []}
    assert given("distinct.v1", (0, "a", "x", None), (1, "a", "x", None)) == {}


def test_there_is_room_for_a_known_name_where_there_is_none_for_a_new_one(monkeypatch):
    monkeypatch.setattr(summary, "MOST_KEYS", 1)
    counted = Summary()
    known = Annotation(type="t:distinct.v1", name="x", client_id="a")
    counted.add(known)
    assert counted.has_room_for(known)
    assert not counted.has_room_for(known.replace(name="y"))
