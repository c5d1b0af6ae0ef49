"""What became of a message: its revisions, one after the other."""

import pytest

from ablykit.protocol import AblyError, Message
from ablykit.protocol.frames import MessageAnnotations
from ablykit.server.channels.story import Story, revised


@pytest.mark.parametrize(
    ("before", "more", "after"), [("a", "b", "ab"), (b"a", b"b", b"ab"), ("a", None, "a"), (None, None, None)]
)
def test_what_is_appended_goes_to_the_end(before, more, after):
    assert revised(Message(data=before), Message(action=5, data=more)).data == after


def test_what_a_revision_does_not_name_stays():
    before = Message(name="n", data="d", encoding="e", extras={"a": 1}, action=0)
    assert revised(before, Message(action=2)).replace(action=0) == before


def test_what_is_appended_is_of_the_kind_that_is_there():
    with pytest.raises(AblyError, match="append text to text, and binary data to binary"):
        revised(Message(data="a"), Message(action=5, data=b"b"))


def test_a_summary_is_no_version_and_goes_with_the_one_it_was_made_for():
    story = Story(Message(data="one"), Message(data="one"))
    story.change(Message(action=4, annotations=MessageAnnotations(summary={"n": 1})))
    story.change(Message(action=1, data="two"))
    first, last = story.versions()
    assert (first.data, first.annotations.summary) == ("one", {"n": 1})
    assert (last.data, last) == ("two", story.now)
