"""Which frame answers which."""

import json

import pytest

from ablykit.record import Pairing, pairs
from ablykit.record.transcript import Entry


def entries(*events):
    made = []
    for number, (arrow, said) in enumerate(events):
        kind = "open" if isinstance(said, str) else "frame"
        raw = said if isinstance(said, str) else json.dumps(said)
        made.append(Entry(number, number * 10.0, "a", "out" if arrow == ">" else "in", kind, raw))
    return made


def numbers(found):
    return [(pair.ask.number, pair.answer.number if pair.answer else None) for pair in found]


ATTACH, MESSAGE, PING = {"action": 10, "channel": "c"}, {"action": 15, "channel": "c"}, {"action": 0}


@pytest.mark.parametrize(
    ("events", "paired"),
    [
        ([(">", "wss://h/"), ("<", {"action": 4})], [(0, 1)]),
        ([(">", "wss://h/"), ("<", {"action": 9, "error": {}})], [(0, 1)]),
        ([(">", ATTACH), ("<", {"action": 11, "channel": "d"}), ("<", {"action": 11, "channel": "c"})], [(0, 2)]),
        ([(">", ATTACH), ("<", {"action": 9, "channel": "c"})], [(0, 1)]),
        ([(">", {"action": 10}), ("<", {"action": 9, "error": {}})], [(0, 1)]),
        ([(">", ATTACH), ("<", {"action": 9, "error": {}})], [(0, None)]),
        ([(">", {**ATTACH, "action": 12}), ("<", {"action": 13, "channel": "c"})], [(0, 1)]),
        ([(">", {**MESSAGE, "msgSerial": 0}), (">", {**MESSAGE, "msgSerial": 1}), ("<", {"action": 1, "msgSerial": 0, "count": 2})], [(0, 2), (1, 2)]),
        ([(">", {**MESSAGE, "msgSerial": 0}), ("<", {"action": 2, "msgSerial": 0, "count": 1})], [(0, 1)]),
        ([(">", {**PING, "id": "x"}), ("<", PING), ("<", {**PING, "id": "x"})], [(0, 2)]),
        ([(">", {"action": 7}), ("<", {"action": 8})], [(0, 1)]),
        ([(">", {"action": 17}), ("<", {"action": 4})], [(0, 1)]),
        ([(">", ATTACH)], [(0, None)]),
        ([("<", {"action": 1, "msgSerial": 0, "count": 10**12}), ("<", {"action": 1})], []),
        ([(">", MESSAGE), (">", {"action": 99})], []),
        ([(">", {"action": []}), (">", {"action": {}}), ("<", {"action": []})], []),
        ([(">", {"action": 10, "channel": []}), (">", {"action": 0, "id": {}}), ("<", {"action": 0, "id": {}})], [(0, None), (1, 2)]),
    ],
)  # fmt: skip
def test_questions_find_their_answers(events, paired):
    assert numbers(pairs(entries(*events))) == paired


def test_the_time_between_is_told_and_what_is_open():
    pairing, (ask, late, answer) = (
        Pairing(),
        entries((">", ATTACH), (">", {"action": 7}), ("<", {"action": 11, "channel": "c"})),
    )
    assert pairing.take(ask) == pairing.take(late) == []
    assert pairing.open == [ask, late]
    (pair,) = pairing.take(answer)
    assert pair.ms == 20.0
    assert pairing.open == [late]
    assert pairs([ask])[0].ms is None


def test_connections_are_kept_apart():
    (ask,) = entries((">", ATTACH))
    other = Entry(1, 0.0, "b", "in", "frame", '{"action":11,"channel":"c"}')
    assert numbers(pairs([ask, other])) == [(0, None)]


def test_what_is_forgotten_is_not_waited_for():
    asked = entries((">", ATTACH), (">", {"action": 7}), (">", ATTACH))
    pairing = Pairing()
    for entry in asked:
        pairing.take(entry)
    pairing.forget(1)
    assert pairing.open == asked[1:]
    pairing.forget(2)
    assert pairing.open == asked[2:]
