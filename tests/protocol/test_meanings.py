"""Nothing in the protocol is without its sentence."""

import pytest

from ablykit.protocol import meanings as m
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
