"""The numbers of the protocol, and their names."""

from ablykit.protocol import DEFAULT_MODES, DEFAULT_MODES_2021, MODE_NAMES, MODES, Action, Flag
from ablykit.protocol.actions import AnnotationAction, MessageAction, PresenceAction, name_of


def test_the_numbers_are_those_of_the_protocol():
    assert [action.value for action in Action] == list(range(22))
    assert name_of(11) == "ATTACHED"
    assert name_of(77) == "action 77"
    assert int(Flag.PRESENCE | Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE) == 983040
    assert int(MODES) == sum(1 << bit for bit in (16, 17, 18, 19, 21, 22, 24, 25))
    assert (int(DEFAULT_MODES_2021), int(DEFAULT_MODES)) == (983040, 3080192)


def test_what_happens_to_messages_members_and_annotations_has_numbers_too():
    assert [a.name for a in MessageAction] == ["CREATE", "UPDATE", "DELETE", "META", "SUMMARY", "APPEND"]
    assert [a.name for a in PresenceAction] == ["ABSENT", "PRESENT", "ENTER", "LEAVE", "UPDATE"]
    assert [a.value for a in AnnotationAction] == [0, 1]


def test_modes_are_named_as_the_param_names_them():
    assert MODE_NAMES["presence_subscribe"] == Flag.PRESENCE_SUBSCRIBE
    assert "has_presence" not in MODE_NAMES
    assert len(MODE_NAMES) == 8
