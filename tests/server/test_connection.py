"""What outlives a socket."""

import json

import pytest

from ablykit.protocol import ProtocolMessage
from ablykit.server.connection import REMEMBERED_ANSWERS, Connection, recovery_key


@pytest.fixture
def connection(world):
    return Connection("id", ["first", "second"], world.app, None)


def test_its_key_is_the_newest_of_its_keys(connection):
    assert connection.key == "second"


def test_it_remembers_its_answers_the_newest_of_them(connection):
    answers = [
        connection.answer(ProtocolMessage(action=1, msg_serial=n)) for n in range(REMEMBERED_ANSWERS + 3)
    ]
    assert list(connection.answers.values()) == answers[3:]
    assert connection.answers[5] is answers[5]


@pytest.mark.parametrize(
    ("recover", "key"),
    [
        (None, None),
        (json.dumps({"connectionKey": "k", "msgSerial": 1}), "k"),
        ("k:5:1", "k"),
        ("{}", "{}"),
        ('["x"]', '["x"]'),
        ("", ""),
        ("[" * 1100, "[" * 1100),
        ('{"connectionKey":' + "[" * 980 + "]" * 980 + "}", '{"connectionKey"'),
        ('{"connectionKey":5}', '{"connectionKey"'),
    ],
    ids=lambda value: f"{value!r:.30}",
)
def test_a_recovery_key_is_read_in_todays_form_and_in_the_one_of_2021(recover, key):
    assert recovery_key(recover) == key
