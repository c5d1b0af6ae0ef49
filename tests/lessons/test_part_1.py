"""The exercises of part 1: right answers turn green, and each usual mistake is named."""

import time

import pytest

from ablykit import explain, lessons, wire
from ablykit.lessons import EXERCISES


@pytest.fixture
def conn(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
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


async def waits(publishes, answers):
    return good_match(publishes, answers)


def yields(publishes, answers):
    yield from good_match(publishes, answers).items()


def exits(publishes, answers):
    raise SystemExit


def spoils_what_it_is_given(publishes, answers):
    for answer in answers:
        answer.get("error", {}).clear()
    return {0: "ACK"}


LIMITS = {
    "maxMessageSize": (16384, "bytes"),
    "maxInboundRate": (250, "per second"),
    "connectionStateTtl": (120000, "ms"),
}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("kind", ["action"]),
        ("kind", ['"action"']),
        ("actions", [{"ATTACH": 10, "ACK": 1, "MESSAGE": 15}]),
        ("instead", ["WebSocket pings"]),
        ("instead", ["WebSocket protocol pings"]),
        ("instead", ["ping/pong"]),
        ("instead", ["pings, not heartbeats"]),
        ("instead", ["not TCP keep-alive: the WebSocket protocol's ping"]),
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
        ("kind", ["error"], "many frames don't have it"),
        ("kind", ["code"], "inside the error"),
        ("kind", ["type"], "no member 'type'"),
        ("kind", ["Action"], "Mind the capitals"),
        ("kind", [9], "is text"),
        ("kind", [None], "is text"),
        ("kind", [dict], "is text"),
        ("actions", [[10, 1, 15]], "is a dict"),
        ("actions", [{"ATTACH": 11, "ACK": 1, "MESSAGE": 15}], "11 is ATTACHED"),
        ("actions", [{"ATTACH": 10, "ACK": 2, "MESSAGE": 15}], "2 is NACK"),
        ("actions", [{"ATTACH": 10, "ACK": 1, "MESSAGE": 14}], "14 is PRESENCE"),
        ("actions", [{"ATTACH": "10", "ACK": 1, "MESSAGE": 15}], "quotes"),
        ("actions", [{"ATTACH": 10, "ACK": True, "MESSAGE": 15}], "the number alone"),
        ("actions", [{"ATTACH": explain("ATTACH"), "ACK": 1, "MESSAGE": 15}], "the number alone"),
        ("actions", [{}], "ATTACH is missing"),
        ("actions", [None], "is a dict"),
        ("actions", [{"ATTACH": 10, "ACK": 1}], "MESSAGE is missing"),
        ("actions", [{"ATTACH": 5, "ACK": 1, "MESSAGE": 15}], "ATTACH is not 5"),
        ("instead", ["nothing"], "Not nothing"),
        ("instead", ["no pings"], "Not nothing"),
        ("instead", ["HEARTBEAT frames"], "turned off"),
        ("instead", ["Ably protocol pings"], "turned off"),
        ("instead", ["TCP keepalive"], "more than one layer down"),
        ("instead", ["ICMP ping"], "more than one layer down"),
        ("instead", ["magic"], "one layer down"),
        ("instead", ["shopping"], "one layer down"),
        ("instead", ["WebSocket control frames"], "Which of them"),
        ("instead", [None], "as text in quotes"),
        ("instead", [ping], "as text in quotes"),
        ("match", ["match"], "without parentheses"),
        ("match", [None], "without parentheses"),
        ("match", [dict], "failed: TypeError"),
        ("match", [waits], "async def"),
        ("match", [yields], "not generator"),
        ("match", [exits], "failed: SystemExit"),
        ("match", [print], "Printing it is not enough"),
        ("match", [lambda p, a: None], "returns nothing yet"),
        ("match", [lambda p, a: []], "not list"),
        ("match", [lambda p, a: 1 / 0], "ZeroDivisionError"),
        ("match", [spoils_what_it_is_given], "second too large"),
        ("match", [zero_is_false], "0 counts as false"),
        ("match", [only_acks], "second too large"),
        ("match", [by_order], "another order"),
        ("match", [ignores_count], "count says how many"),
        ("match", [forgets_the_unanswered], "outcome is None"),
    ],
)
def test_each_usual_mistake_is_named(name, answer, says):
    verdict = lessons.check(name, *answer)
    assert not verdict.right
    assert says in verdict.text
    assert f"ablykit.lessons.hint('{name}')" in str(verdict)


def test_a_function_that_never_returns_is_said_not_to():
    def match(publishes, answers):
        while True:
            pass

    assert "had not returned after 2 s" in lessons.check("match", match).text


def test_a_function_that_changes_its_answers_does_not_change_those_of_the_next_check():
    lessons.check("match", spoils_what_it_is_given)
    nacks = []
    lessons.check(
        "match",
        lambda publishes, answers: (
            nacks.extend(a for a in answers if a["action"] == 2) or good_match(publishes, answers)
        ),
    )
    assert all(nack["error"]["code"] == 40009 for nack in nacks)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "Right so far; still missing: maxMessageSize, maxInboundRate, connectionStateTtl"),
        ({"maxFrameSize": (262144, "bytes")}, "still missing: maxMessageSize"),
        ({"maxMessageSize": (None, None)}, "Read it in your frame"),
        ({"maxMessageSize": (16, "KiB")}, "counts sizes in bytes"),
        ({"connectionStateTtl": (120, "s")}, "counts times in ms"),
        ({"connectionStateTtl": (120000, "s")}, "the unit is not 's'"),
        ({"maxInboundRate": (250, "bytes")}, "the unit is not 'bytes'"),
        ({"maxMessageSize": (65536, "bytes")}, "Read it in your frame"),
        ({"maxMessageSize": 16384}, "two things"),
        ({"max_message_size": (16384, "bytes")}, "Spell the name as the frame does"),
    ],
)
def test_limits_are_those_of_ones_own_frame(conn, wrong, says):
    assert lessons.check("limits", LIMITS, conn=conn).right
    answer = {**LIMITS, **wrong} if wrong and set(wrong) <= set(LIMITS) else wrong
    assert says in lessons.check("limits", answer, conn=conn).text
    assert "is a dict" in lessons.check("limits", [1], conn=conn).text


def test_limits_need_a_connection_that_is_connected(ably):
    with wire.connect(ably.tls_url) as refused:
        refused.recv()
        assert "Open one with a key" in lessons.check("limits", LIMITS, conn=refused).text


def timed(conn):
    """Ten pings, timed as the exercise asks."""
    times = []
    for number in range(10):
        start = time.perf_counter()
        conn.send({"action": 0, "id": str(number)})
        conn.recv("HEARTBEAT", id=str(number))
        times.append((time.perf_counter() - start) * 1000)
    return times


def round_trips(answer, conn):
    return lessons.check("round_trips", answer, conn=conn)


def test_round_trips_are_compared_with_the_wire(conn):
    times = timed(conn)
    assert round_trips(times, conn).right
    assert round_trips([round(each, 1) for each in times], conn).right
    assert "seconds" in round_trips([each / 1000 for each in times], conn).text
    assert "microseconds" in round_trips([each * 1000 for each in times], conn).text
    assert "nanoseconds" in round_trips([each * 1_000_000 for each in times], conn).text
    assert "9 times" in round_trips(times[:9], conn).text
    assert "above 0" in round_trips([-1.0] * 10, conn).text
    assert "above 0" in round_trips([None] * 10, conn).text
    assert "above 0" in round_trips([float("nan")] * 10, conn).text
    for absurd in (5, None, {}, list):
        assert "list of 10" in round_trips(absurd, conn).text


def test_round_trips_that_were_invented_are_found_out(conn):
    times = timed(conn)
    assert "at most" in round_trips([90_000.0] * 10, conn).text
    assert "at most" in round_trips([*times[:5], 90_000.0, *times[6:]], conn).text
    assert not round_trips([0.001] * 10, conn).right
    assert not round_trips(times[::-1][:1] * 9 + [500_000.0], conn).right


def test_round_trips_of_an_earlier_loop_do_not_count(conn):
    times = timed(conn)
    assert round_trips(timed(conn), conn).right
    assert not round_trips([each / 10 for each in times], conn).right


def test_round_trips_need_pings_with_ids_of_their_own(conn):
    ping(conn, ids=False)
    assert "shows 0 answered pings" in round_trips([1.0] * 10, conn).text
    for _ in range(10):
        conn.send({"action": 0, "id": "same"})
        conn.recv("HEARTBEAT")
    assert "shows 1 answered pings" in round_trips([1.0] * 10, conn).text


def test_round_trips_wait_for_each_answer(conn):
    conn.send(*({"action": 0, "id": str(number)} for number in range(10)))
    conn.recv("HEARTBEAT", id="9")
    assert "pings overlap" in round_trips([1.0] * 10, conn).text


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (983040, 40165, "all four modes"),
        (18, 40165, "number of the bit"),
        (524288, 40165, "PRESENCE_SUBSCRIBE"),
        (131072, 40165, "the other direction"),
        (786432, 40165, "messages only"),
        (0, 40165, "lacks"),
        (262144 | 65536, 40165, "other bits"),
        ("262144", 40165, "is a number"),
        (True, 40165, "is a number"),
        (None, None, "is a number"),
        (int, 40165, "is a number"),
        (262144, 40160, "Close"),
        (262144, 1, "The publish is refused"),
        (262144, None, "The publish is refused"),
        (262144, "40165", "five digits"),
        (262144, True, "five digits"),
        (262144, 40009, "not refused with 40009"),
    ],
)
def test_modes_are_tried_for_real(ably, flags, code, says):
    assert says in lessons.check("modes", flags, code, ably=ably).text


def test_modes_right(ably):
    assert lessons.check("modes", 1 << 18, 40165, ably=ably).right


def test_each_last_hint_is_code_that_solves_the_exercise(ably, conn):
    """What the notebooks define before the exercise, each under its own name."""
    for name, answers in ANSWERS.items():
        connected = conn.transcript[1].frame
        cell = {"connected": connected, "quiet": conn, "time": time}
        exec(EXERCISES[name].hints[-1], cell)
        context = {"limits": {"conn": conn}, "round_trips": {"conn": conn}, "modes": {"ably": ably}}
        assert lessons.check(name, *(cell[each] for each in answers), **context.get(name, {})).right, name


ANSWERS = {
    "kind": ["answer"],
    "actions": ["numbers"],
    "limits": ["limits"],
    "round_trips": ["times"],
    "instead": ["instead"],
    "modes": ["flags", "code"],
    "match": ["match"],
}
