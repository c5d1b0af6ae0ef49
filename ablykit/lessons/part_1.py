"""The exercises of notebooks 01 to 05."""

import random
import re
import reprlib
import time
from collections.abc import Iterable
from typing import Any, cast

from ablykit.lessons.calling import call
from ablykit.lessons.exercise import Exercise
from ablykit.protocol import Action, Flag
from ablykit.protocol.meanings import MEMBERS
from ablykit.record import pairs
from ablykit.record.transcript import Entry, Transcript
from ablykit.wire import Connection, connect


def _is_number(value: Any) -> bool:
    """Return whether a value is a number. True and False are not, though Python counts them as ints."""
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- 01: every message has an action


def _kind(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return f"A member's name is text in quotes, such as 'like_this', not {answer!r}."
    answer = answer.strip().strip("\"'")
    if answer == "action":
        return None
    if answer.lower() == "action":
        return f"Nearly: the frame does not spell it {answer!r}. Mind the capitals."
    if answer in MEMBERS["ErrorInfo"]:
        return f"{answer!r} is inside the error. It says which error this is, not what kind of frame."
    if answer in MEMBERS["ProtocolMessage"]:
        return f"{answer!r} is in some frames, but many frames don't have it. Which member is in all of them?"
    return f"The frame has no member {answer!r}. Look at its first line."


_NEIGHBOURS = {
    Action.ATTACH: (Action.ATTACHED, "the answer to an ATTACH"),
    Action.ACK: (Action.NACK, "which refuses a publish"),
    Action.MESSAGE: (Action.PRESENCE, "which says who is on a channel"),
}


def _actions(answer: Any) -> str | None:
    if not isinstance(answer, dict):
        return "The answer is a dict that maps each name to its number."
    for action, (neighbour, why) in _NEIGHBOURS.items():
        given: Any = answer.get(action.name)  # type: ignore[reportUnknownMemberType]
        if given is None:
            return f"{action.name} is missing from your dict."
        if isinstance(given, str):
            return f"{action.name}: an action is a number, not text. Write it without quotes."
        if not _is_number(given):
            return f"{action.name}: write the number alone. ablykit.explain({action.name!r}) prints it."
        if given == neighbour:
            return f"{action.name}: {given} is {neighbour.name}, {why}."
        if given != action:
            return f"{action.name} is not {given}."
    return None


# -- 02: what a connection is granted

_LIMITS = ("maxMessageSize", "maxInboundRate", "connectionStateTtl")
_UNITS = ("bytes", "ms", "per second")
_SCALES = {
    1000: "the protocol counts times in ms",
    1024: "the protocol counts sizes in bytes",
}


def _limits(answer: Any, conn: Connection) -> str | None:
    details = _granted(conn.transcript)
    if details is None:
        return "This connection never received CONNECTED. Open one with a key first."
    if not isinstance(answer, dict):
        return "The answer is a dict that maps each limit to its number and its unit."
    for name, given in answer.items():  # type: ignore[reportUnknownVariableType]
        if name not in details:
            return f"connectionDetails has no {name!r}. Spell the name as the frame does."
        if not isinstance(given, tuple | list) or len(given) != 2:  # type: ignore[reportUnknownArgumentType]
            return f"{name}: give two things in parentheses, the number and the unit."
        if wrong := _limit(str(name), given[0], given[1], details[name]):  # type: ignore[reportUnknownArgumentType]
            return wrong
    missing = [name for name in _LIMITS if name not in answer]
    return f"Right so far; still missing: {', '.join(missing)}." if missing else None


def _limit(name: str, number: Any, unit: Any, real: Any) -> str | None:
    right_unit = MEMBERS["ConnectionDetails"][name].unit
    if number != real:
        for scale, why in _SCALES.items():
            if _is_number(number) and number * scale == real:
                return f"{name}: don't convert the number. Write {real}, as the frame does: {why}."
        return f"{name} is not {number!r} on this connection. Read it in your frame, under connectionDetails."
    if unit != right_unit:
        known = ", ".join(map(repr, _UNITS))
        return f"{name}: the number is right, but the unit is not {unit!r}. The units are {known}."
    return None


def _granted(transcript: Transcript) -> dict[str, Any] | None:
    for entry in transcript:
        frame = entry.frame
        if entry.direction == "in" and frame and frame.get("action") == Action.CONNECTED:
            return frame.get("connectionDetails")
    return None


# -- 03: heartbeats

PINGS = 10
SLACK = 0.05
"""How much a time may differ from the wire, in ms. The learner may have rounded it."""

_TOO_SMALL = (
    "By your list, ping {number} took {time:.3g} ms, but on the wire it took at least {least:.3g} ms. "
    "Start the clock before you send, and stop it after the answer has arrived."
)
_TOO_LARGE = (
    "By your list, ping {number} took {time:.3g} ms, but on the wire it took at most {most:.3g} ms. "
    "Start the clock just before you send, and stop it as soon as the answer arrives."
)
_OTHER_UNITS = {
    1000: "These look like seconds. Multiply them by 1000 to get ms.",
    1 / 1000: "These look like microseconds. Divide them by 1000 to get ms.",
    1 / 1_000_000: "These look like nanoseconds. Divide them by 1,000,000 to get ms.",
}


def _round_trips(answer: Any, conn: Connection) -> str | None:
    if not isinstance(answer, list | tuple):
        return f"The answer is a list of {PINGS} numbers, in ms."
    times = cast("list[Any]", answer)
    if len(times) != PINGS:
        return f"The exercise asks for {PINGS} pings, but the list has {len(times)} times."
    if not all(_is_number(each) and each > 0 for each in times):
        return "Each time is a number above 0. Subtract the earlier moment from the later one."
    bounds = _bounds(conn.transcript)
    if any(most < least for least, most in bounds):
        return "These pings overlap on the wire. Wait for each answer before you send the next ping."
    if len(bounds) < PINGS:
        return (
            f"The wire shows {len(bounds)} answered pings with different ids; the exercise needs {PINGS}. "
            "Give each ping its own id, as text."
        )
    if (wrong := _outside(times, bounds)) is None:
        return None
    other = (why for scale, why in _OTHER_UNITS.items() if not _outside([t * scale for t in times], bounds))
    return next(other, wrong)


def _outside(times: list[float], bounds: list[tuple[float, float]]) -> str | None:
    """Say what is wrong with the first time that the wire contradicts, or return None."""
    for number, (given, (least, most)) in enumerate(zip(times, bounds, strict=True), 1):
        if given < least - SLACK:
            return _TOO_SMALL.format(number=number, time=given, least=least)
        if given > most + SLACK:
            return _TOO_LARGE.format(number=number, time=given, most=most)
    return None


def _bounds(transcript: Transcript) -> list[tuple[float, float]]:
    """Return the least and the most that each of the last ten pings can have taken, in ms.

    A ping takes at least as long as the wire took to carry it there and back. The stopwatch can't have
    started before the previous answer came, nor have stopped after the next ping went out. Invented
    times fall outside these bounds, however plausible they look.
    """
    trips = _trips(transcript)[-PINGS:]
    started = [transcript.began, *(answer.at for _, answer in trips)]
    stopped = [*(ask.at for ask, _ in trips[1:]), time.time() * 1000]
    return [
        (answer.at - ask.at, latest - earliest)
        for (ask, answer), earliest, latest in zip(trips, started, stopped, strict=False)
    ]


def _trips(transcript: Transcript) -> list[tuple[Entry, Entry]]:
    """Return each HEARTBEAT with an id and its answer: for each id, the latest two."""
    trips: dict[str, tuple[Entry, Entry]] = {}
    for pair in pairs(transcript):
        frame = pair.ask.frame or {}
        if frame.get("action") == Action.HEARTBEAT and isinstance(id := frame.get("id"), str):
            trips.pop(id, None)
            if pair.answer:
                trips[id] = (pair.ask, pair.answer)
    return list(trips.values())


_PINGS = {"ping", "pings", "pong", "pongs", "pingpong", "pinging"}
_LAYER = {"websocket", "websockets", "ws", "protocol", "control"}
_DENIAL = {"no", "not", "never", "without"}
_ELSEWHERE: tuple[tuple[set[str], str], ...] = (
    (
        {"tcp", "icmp", "keepalive", "keepalives"},
        "That is more than one layer down, and TCP's keep-alive takes hours. Look only one layer down.",
    ),
    (
        {"heartbeat", "heartbeats", "action", "ably", "ablys"},
        "HEARTBEAT frames are what you turned off. What does the WebSocket protocol itself offer?",
    ),
    (
        _DENIAL | {"nothing", "none"},
        "Not nothing: the service must still notice a dead connection. Look one layer down.",
    ),
)
"""Words that wrong answers contain, and what to say about each."""


def _instead(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return f"Answer in a word or two, as text in quotes, not {answer!r}."
    words = re.findall(r"[a-z]+", answer.lower().replace("keep-alive", "keepalive").replace("'", ""))
    if any(word in _PINGS and _is_below_frames(words[:at]) for at, word in enumerate(words)):
        return None
    default = "Look one layer down: WebSocket has control frames. Which of them asks for an answer?"
    return next((why for others, why in _ELSEWHERE if others.intersection(words)), default)


def _is_below_frames(before: list[str]) -> bool:
    """Return whether pings after these words are WebSocket's: not denied, and not of another layer."""
    named: set[str] = set()
    while before and before[-1] in _LAYER:
        named.add(before.pop())
    is_websocket = bool(named & {"websocket", "websockets", "ws"})
    wrong = _DENIAL if is_websocket else set[str]().union(*(words for words, _ in _ELSEWHERE))
    return not before or before[-1] not in wrong


# -- 04: attach


def _modes(flags: Any, code: Any, ably: Any) -> str | None:
    if not isinstance(flags, int) or isinstance(flags, bool):
        return f"flags is a number, the sum of its bits, not {flags!r}."
    for wrong, why in _WRONG_FLAGS:
        if flags == wrong:
            return why
    if flags & ~int(Flag.SUBSCRIBE):
        return f"{flags} sets other bits than the one for SUBSCRIBE. ablykit.explain({flags}) names them."
    if flags != Flag.SUBSCRIBE:
        return f"{flags} lacks the bit for SUBSCRIBE."
    if code is None or (_is_number(code) and code in (0, Action.ACK)):
        return "The publish is refused. The key allows it, but this attachment lacks the mode."
    if not isinstance(code, int) or isinstance(code, bool):
        return f"The code is a number of five digits, not {code!r}."
    real = _publish_with(ably, flags)
    if code == real:
        return None
    if code == 40160 and real == 40165:
        return "Close: 40160 means that the key lacks the right. Here, the attachment lacks the mode."
    return f"The flags are right, but the publish is not refused with {code}. Try it, and read the NACK."


_WRONG_FLAGS = (
    (983040, "983040 sets all four modes, so this attachment could also publish and enter presence."),
    (18, "18 is the number of the bit; its value is 2 to the power of 18."),
    (
        int(Flag.PRESENCE_SUBSCRIBE),
        "That is PRESENCE_SUBSCRIBE, which receives news of who is there, not messages.",
    ),
    (int(Flag.PUBLISH), "That is PUBLISH, the other direction."),
    (
        int(Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE),
        "That is SUBSCRIBE and PRESENCE_SUBSCRIBE: the exercise asks for messages only.",
    ),
)


def _publish_with(ably: Any, flags: int) -> int | None:
    """Publish on a channel attached with these flags, and return the error code; None for an ACK."""
    with connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        channel = "exercise-modes"
        conn.send({"action": int(Action.ATTACH), "channel": channel, "flags": flags})
        conn.recv("ATTACHED")
        message = {"action": int(Action.MESSAGE), "channel": channel, "msgSerial": 0}
        conn.send({**message, "messages": [{"data": "may I?"}]})
        while (answer := conn.recv()).get("action") not in (Action.ACK, Action.NACK):
            pass
        return answer.get("error", {}).get("code")


# -- 05: publish and ACK


def _ack(serial: int, count: int = 1) -> dict[str, Any]:
    return {"action": int(Action.ACK), "msgSerial": serial, "count": count}


def _nack(serial: int, count: int = 1) -> dict[str, Any]:
    error = {"code": 40009, "statusCode": 400, "message": "Message too large."}
    return {"action": int(Action.NACK), "msgSerial": serial, "count": count, "error": error}


def _publishes(serials: Iterable[int]) -> list[dict[str, Any]]:
    message = {"action": int(Action.MESSAGE), "channel": "my_channel", "messages": [{"data": "x"}]}
    return [{**message, "msgSerial": serial} for serial in serials]


def _shuffled(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    random.Random(5).shuffle(answers)
    return answers


_STORIES: tuple[tuple[str, int, list[dict[str, Any]], dict[int, str | None]], ...] = (
    ("one publish, whose msgSerial is 0 (in Python, 0 counts as false)", 1, [_ack(0)], {0: "ACK"}),
    ("two publishes, the second too large", 2, [_ack(0), _nack(1)], {0: "ACK", 1: "NACK"}),
    (
        "answers that arrive in another order than the publishes",
        5,
        _shuffled([_ack(0), _nack(1), _ack(2), _nack(3), _ack(4)]),
        {0: "ACK", 1: "NACK", 2: "ACK", 3: "NACK", 4: "ACK"},
    ),
    (
        "one ACK for three publishes (count says how many, starting at msgSerial)",
        4,
        [_ack(0, 3), _nack(3)],
        {0: "ACK", 1: "ACK", 2: "ACK", 3: "NACK"},
    ),
    (
        "a publish that has no answer yet (its outcome is None)",
        3,
        [_nack(2), _ack(0)],
        {0: "ACK", 1: None, 2: "NACK"},
    ),
)


def _match(match: Any) -> str | None:
    for story, count, answers, right in _STORIES:
        found = call(match, "match", story, _publishes(range(count)), answers, returns=dict)
        if found != right:
            returned = reprlib.repr(found)
            return f"With {story}, the right result is {right}, but your function returned {returned}."
    return None


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            "kind",
            _kind,
            "Right: every frame has an action, and the action decides what the rest of the frame means.",
            (
                "Every frame has this member, whatever else is in the frame.",
                "It comes first in the frame above. Its value there is 9, the number of ERROR.",
                'answer = "action"',
            ),
        ),
        Exercise(
            "actions",
            _actions,
            "Right. You will meet all three before the end of notebook 05.",
            (
                'Run ablykit.explain("ATTACH") and read the number after the name.',
                "What you send and what comes back have different numbers: ATTACH is not ATTACHED.",
                'numbers = {"ATTACH": 10, "ACK": 1, "MESSAGE": 15}',
            ),
        ),
        Exercise(
            "limits",
            _limits,
            "Right: sizes in bytes, times in ms, rates per second. The whole protocol uses these units.",
            (
                "The numbers are in the CONNECTED frame, under connectionDetails. "
                "ablykit.explain(connected) gives the unit of each.",
                'Copy each number as it is. For maxIdleInterval, that is 15000 and "ms", not 15 and "s".',
                """\
details = connected["connectionDetails"]
limits = {
    "maxMessageSize": (details["maxMessageSize"], "bytes"),
    "maxInboundRate": (details["maxInboundRate"], "per second"),
    "connectionStateTtl": (details["connectionStateTtl"], "ms"),
}""",
            ),
        ),
        Exercise(
            "round_trips",
            _round_trips,
            "Right: your times agree with what the wire shows.",
            (
                "time.perf_counter() returns the time in seconds. Call it before you send, and again "
                "after the answer has arrived.",
                "Send a HEARTBEAT with an id that no other ping has, then wait for its answer with "
                'quiet.recv("HEARTBEAT", id=...).',
                """\
times = []
for number in range(10):
    start = time.perf_counter()
    quiet.send({"action": 0, "id": f"ping {number}"})
    quiet.recv("HEARTBEAT", id=f"ping {number}")
    times.append((time.perf_counter() - start) * 1000)""",
            ),
        ),
        Exercise(
            "instead",
            _instead,
            "Right: WebSocket pings. Your WebSocket library answers them, so your code never sees one.",
            (
                "To notice a dead connection, the service must send something that needs an answer.",
                "That something is not a frame of Ably's protocol. Look one layer down: WebSocket has "
                "three control frames, called close, ping and pong.",
                'instead = "WebSocket pings"',
            ),
        ),
        Exercise(
            "modes",
            _modes,
            "Right: both the flags and the code. The check has just tried it for real.",
            (
                "Each mode is one bit. ablykit.explain(983040) lists four of them with their values. "
                "The one that receives messages is SUBSCRIBE.",
                "Without the mode PUBLISH, the service refuses a publish even if the key allows it. Attach "
                "with your flags, publish, and read the code in the NACK.",
                "flags = 1 << 18\ncode = 40165",
            ),
        ),
        Exercise(
            "match",
            _match,
            "Right, in every order, with every count and outcome. This is the heart of publishing in an SDK.",
            (
                "Start with a dict that maps every msgSerial to None. Then go through the answers.",
                "An answer covers count publishes: those from its msgSerial up to msgSerial + count - 1.",
                """\
def match(publishes, answers):
    found = {publish["msgSerial"]: None for publish in publishes}
    for answer in answers:
        first = answer["msgSerial"]
        for serial in range(first, first + answer["count"]):
            found[serial] = "ACK" if answer["action"] == 1 else "NACK"
    return found""",
            ),
        ),
    )
}
