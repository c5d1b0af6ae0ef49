"""Frames found by what is in them."""

import pytest

from ablykit.analysis import search
from ablykit.transcript import Transcript


@pytest.fixture
def transcript():
    made = Transcript()
    made.record("a", "out", "wss://h/", "open")
    made.record("a", "in", '{"action":0}')
    made.record("a", "in", '{"action":9,"error":{"code":40160},"flags":0,"messages":[]}')
    made.record("a", "in", '{"action":15,"messages":[{"name":"greeting","data":"hi"}]}')
    made.record("a", "in", "junk")
    return made


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("error", [2]),
        ("error.code == `40160`", [2]),
        ("messages[?name=='greeting']", [3]),
        ("messages", [3]),
        ("flags", [2]),
        ("action", [1, 2, 3]),
        ("length(messages) > `0`", [3]),
        ("nothing", []),
    ],
)
def test_an_expression_finds_frames(transcript, expression, found):
    assert [entry.number for entry in search(transcript, expression)] == found


@pytest.mark.parametrize("expression", ["", "a[", "a ==", "unknown("])
def test_what_is_no_expression_is_refused(transcript, expression):
    with pytest.raises(ValueError, match=r"\w"):
        list(search(transcript, expression))
