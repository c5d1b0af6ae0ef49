"""What outlives a socket."""

import json

import pytest

from ablykit.server.connection import Connection, recovery_key


@pytest.fixture
def connection(world):
    return Connection("id", ["first", "second"], world.app, None)


def test_its_key_is_the_newest_of_its_keys(connection):
    assert connection.key == "second"


def test_its_answers_go_out_by_whichever_socket_it_has(connection):
    class Holder:
        def __init__(self):
            self.sent = []

        def reply(self, frame):
            self.sent.append(frame.msg_serial)

    connection.session = first = Holder()
    waiting = connection.answers.open(0, 0.0)
    connection.session = None
    connection.answers.open(1, 0.0).ack()
    connection.session = second = Holder()
    waiting.ack()
    assert (first.sent, second.sent) == ([], [0, 1])


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
