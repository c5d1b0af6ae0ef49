"""The exercises of part 1: right answers turn green, and each usual mistake is named."""

import pytest

from ablykit import lessons, wire
from ablykit.lessons import EXERCISES


@pytest.fixture
def conn(ably):
    with wire.open(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        conn.recv("CONNECTED")
        yield conn


def ping(conn, count=10, ids=True):
    for number in range(count):
        conn.send({"action": 0, "id": str(number)} if ids else {"action": 0})
        conn.recv("HEARTBEAT")


def good_match(publishes, answers):
    found = {publish["msgSerial"]: None for publish in publishes}
    for answer in answers:
        for serial in range(answer["msgSerial"], answer["msgSerial"] + answer["count"]):
            found[serial] = "ACK" if answer["action"] == 1 else "NACK"
    return found


def ignores_count(publishes, answers):
    found = {publish["msgSerial"]: None for publish in publishes}
    return found | {a["msgSerial"]: "ACK" if a["action"] == 1 else "NACK" for a in answers}


def by_order(publishes, answers):
    return {
        p["msgSerial"]: "ACK" if a["action"] == 1 else "NACK"
        for p, a in zip(publishes, answers, strict=False)
    }


def zero_is_false(publishes, answers):
    return {p["msgSerial"]: "ACK" for p in publishes if p["msgSerial"]}


def only_acks(publishes, answers):
    return {p["msgSerial"]: "ACK" for p in publishes}


def forgets_the_unanswered(publishes, answers):
    return {k: v for k, v in good_match(publishes, answers).items() if v}


LIMITS = {
    "maxMessageSize": (16384, "bytes"),
    "maxInboundRate": (250, "per second"),
    "connectionStateTtl": (120000, "ms"),
}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("kind", ["action"]),
        ("actions", [{"ATTACH": 10, "ACK": 1, "MESSAGE": 15}]),
        ("instead", ["WebSocket pings"]),
        ("instead", ["ping/pong"]),
        ("match", [good_match]),
    ],
)
def test_a_right_answer_turns_green(name, answer):
    verdict = lessons.check(name, *answer)
    assert verdict.right
    assert str(verdict).startswith("✓ Right")


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("kind", ["error"], "many frames do without it"),
        ("kind", ["code"], "inside the error"),
        ("kind", ["type"], "no member 'type'"),
        ("kind", [9], "is text"),
        ("actions", [[10, 1, 15]], "is a dict"),
        ("actions", [{"ATTACH": 11, "ACK": 1, "MESSAGE": 15}], "11 is ATTACHED"),
        ("actions", [{"ATTACH": 10, "ACK": 2, "MESSAGE": 15}], "2 is NACK"),
        ("actions", [{"ATTACH": 10, "ACK": 1, "MESSAGE": 14}], "14 is PRESENCE"),
        ("actions", [{"ATTACH": "10", "ACK": 1, "MESSAGE": 15}], "quotes"),
        ("actions", [{"ATTACH": 10, "ACK": 1}], "MESSAGE is missing"),
        ("actions", [{"ATTACH": 5, "ACK": 1, "MESSAGE": 15}], "ATTACH is not 5"),
        ("instead", ["nothing"], "Not nothing"),
        ("instead", ["HEARTBEAT frames"], "turned off"),
        ("instead", ["TCP keepalive"], "two layers down"),
        ("instead", ["magic"], "one layer down"),
        ("match", ["match"], "without brackets"),
        ("match", [lambda p, a: None], "returns nothing yet"),
        ("match", [lambda p, a: []], "not list"),
        ("match", [lambda p, a: 1 / 0], "ZeroDivisionError"),
        ("match", [zero_is_false], "0 counts as false"),
        ("match", [only_acks], "second too large"),
        ("match", [by_order], "another order"),
        ("match", [ignores_count], "count says how many"),
        ("match", [forgets_the_unanswered], "not answered yet: None"),
    ],
)
def test_each_usual_mistake_is_named(name, answer, says):
    verdict = lessons.check(name, *answer)
    assert not verdict.right
    assert says in verdict.text
    assert f"lessons.hint('{name}')" in str(verdict)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"maxMessageSize": (16, "KiB")}, "counts sizes in bytes"),
        ({"connectionStateTtl": (120, "s")}, "counts times in ms"),
        ({"connectionStateTtl": (120000, "s")}, "the unit 's' is not"),
        ({"maxInboundRate": (250, "bytes")}, "the unit 'bytes' is not"),
        ({"maxMessageSize": (65536, "bytes")}, "read it there"),
        ({"maxMessageSize": 16384}, "two things"),
        ({"max_message_size": (16384, "bytes")}, "spell it as the frame does"),
    ],
)
def test_limits_are_those_of_ones_own_frame(conn, wrong, says):
    assert lessons.check("limits", LIMITS, conn=conn).right
    assert (
        says
        in lessons.check(
            "limits", {**LIMITS, **wrong} if set(wrong) <= set(LIMITS) else wrong, conn=conn
        ).text
    )
    assert "is a dict" in lessons.check("limits", [1], conn=conn).text


def test_limits_need_a_connection_that_is_connected(ably):
    with wire.open(ably.tls_url) as refused:
        refused.recv()
        assert "open one with a key" in lessons.check("limits", LIMITS, conn=refused).text


def test_round_trips_are_compared_with_the_wire(conn):
    ping(conn)
    real = EXERCISES["round_trips"].judge.__globals__["_measured"](conn.transcript)
    assert lessons.check("round_trips", real, conn=conn).right
    assert "seconds" in lessons.check("round_trips", [t / 1000 for t in real], conn=conn).text
    assert "9 times" in lessons.check("round_trips", real[:9], conn=conn).text
    assert "above 0" in lessons.check("round_trips", [-1.0] * 10, conn=conn).text
    assert "something else" in lessons.check("round_trips", [9_000.0] * 10, conn=conn).text
    assert "list of ten" in lessons.check("round_trips", 5, conn=conn).text


def test_round_trips_need_pings_with_ids(conn):
    ping(conn, ids=False)
    assert "shows 0 pings with an id" in lessons.check("round_trips", [1.0] * 10, conn=conn).text


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (983040, 40165, "all four modes"),
        (18, 40165, "number of the bit"),
        (524288, 40165, "PRESENCE_SUBSCRIBE"),
        (131072, 40165, "the other direction"),
        (786432, 40165, "only messages"),
        (0, 40165, "lacks"),
        (262144 | 65536, 40165, "more bits"),
        ("262144", 40165, "is a number"),
        (262144, 40160, "Close"),
        (262144, 1, "It is refused"),
        (262144, "40165", "five digits"),
        (262144, 40009, "answered with 40165"),
    ],
)
def test_modes_are_tried_for_real(ably, flags, code, says):
    assert says in lessons.check("modes", flags, code, ably=ably).text


def test_modes_right(ably):
    assert lessons.check("modes", 1 << 18, 40165, ably=ably).right
