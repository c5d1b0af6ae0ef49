"""Nothing in the protocol is without its sentence."""

import pytest

from ablykit.protocol import ERRORS, MODES, Action, Flag
from ablykit.protocol import meanings as m
from ablykit.protocol.actions import name_of
from ablykit.protocol.frames import TYPES, wire_names


def is_a_sentence(text: str) -> bool:
    return len(text) > 10 and text[0] not in " " and text.rstrip("”")[-1] in ".?!"


@pytest.mark.parametrize(
    ("enum", "said"),
    [
        (m.Action, m.ACTIONS),
        (m.MessageAction, m.MESSAGE_ACTIONS),
        (m.PresenceAction, m.PRESENCE_ACTIONS),
        (m.AnnotationAction, m.ANNOTATION_ACTIONS),
        (m.Flag, m.FLAGS),
    ],
)
def test_every_action_and_flag_has_a_sentence_and_a_clause(enum, said):
    assert set(said) == set(enum)
    for meaning in said.values():
        assert is_a_sentence(meaning.sentence)
        assert meaning.clause


@pytest.mark.parametrize("type", TYPES)
def test_every_member_has_a_sentence_and_a_clause(type):
    said = m.MEMBERS[type.__name__]
    assert set(said) == set(wire_names(type).values())
    for meaning in said.values():
        assert is_a_sentence(meaning.sentence)
        assert meaning.clause


def test_every_size_time_and_rate_has_its_unit():
    for members in m.MEMBERS.values():
        for name, meaning in members.items():
            if name == "timestamp":
                assert meaning.unit == "ms since 1970"
            elif name.startswith("max") or name.endswith(("Ttl", "Period")):
                assert meaning.unit in ("bytes", "ms", "per second")


def test_every_error_has_an_identifier_and_a_sentence_of_its_own():
    assert len(ERRORS) == 276
    for code, (identifier, sentence) in ERRORS.items():
        assert identifier == identifier.lower().replace(" ", "_"), code
        assert is_a_sentence(sentence), code


def test_the_numbers_are_those_of_the_protocol():
    assert [action.value for action in Action] == list(range(22))
    assert name_of(11) == "ATTACHED"
    assert name_of(77) == "action 77"
    assert int(Flag.PRESENCE | Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE) == 983040
    assert int(MODES) == sum(1 << bit for bit in (16, 17, 18, 19, 21, 22, 24, 25))
