"""The exercises of notebooks 01 to 05."""

import random
from collections.abc import Callable, Iterable
from typing import Any

from ablykit.lessons.exercise import Exercise
from ablykit.protocol import Action, Flag
from ablykit.protocol.meanings import MEMBERS
from ablykit.transcript import Transcript
from ablykit.wire import Connection, open

# -- 01: every message has an action


def _kind(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return f"The name of a member is text: 'like_this', not {answer!r}."
    if answer == "action":
        return None
    if answer in MEMBERS["ErrorInfo"]:
        return f"{answer!r} is inside the error: it says which error, not what kind of frame."
    if answer in MEMBERS["ProtocolMessage"]:
        return f"{answer!r} is a member of frames, but many frames do without it. Which one has every frame?"
    return f"There is no member {answer!r} in the frame. Look at its first line."


_NEIGHBOURS = {
    Action.ATTACH: (Action.ATTACHED, "that is the answer to it"),
    Action.ACK: (Action.NACK, "that is a refusal"),
    Action.MESSAGE: (Action.PRESENCE, "that tells who is there"),
}


def _actions(answer: Any) -> str | None:
    if not isinstance(answer, dict):
        return "The answer is a dict: the names, each with its number."
    for action, (neighbour, why) in _NEIGHBOURS.items():
        given: Any = answer.get(action.name)  # type: ignore[reportUnknownMemberType]
        if given is None:
            return f"{action.name} is missing."
        if isinstance(given, str):
            return f"{action.name}: an action is a number, not text. Leave the quotes away."
        if given == neighbour:
            return f"{action.name}: {given} is {neighbour.name}; {why}."
        if given != action:
            return f"{action.name} is not {given}."
    return None


# -- 02: what a connection is granted

_UNITS = {"bytes": "bytes", "ms": "ms", "per second": "per second"}
_SCALES = {
    1000: "milliseconds: the protocol counts times in ms",
    1024: "bytes: the protocol counts sizes in bytes",
}


def _limits(answer: Any, conn: Connection) -> str | None:
    details = _granted(conn.transcript)
    if details is None:
        return "This connection has not been CONNECTED; open one with a key first."
    if not isinstance(answer, dict):
        return "The answer is a dict: each limit with its number and its unit."
    for name, given in answer.items():  # type: ignore[reportUnknownVariableType]
        if name not in details:
            return f"connectionDetails has no {name!r}: spell it as the frame does."
        if not isinstance(given, tuple | list) or len(given) != 2:  # type: ignore[reportUnknownArgumentType]
            return f"{name}: give two things, the number and the unit."
        if wrong := _limit(str(name), given[0], given[1], details[name]):  # type: ignore[reportUnknownArgumentType]
            return wrong
    return None


def _limit(name: str, number: Any, unit: Any, real: Any) -> str | None:
    right_unit = MEMBERS["ConnectionDetails"][name].unit
    if number != real:
        for scale, why in _SCALES.items():
            if isinstance(number, int | float) and number * scale == real:
                return f"{name}: {number} is converted. The frame says {real} {why}."
        return f"{name} is not {number!r} in this connection's frame: read it there, under connectionDetails."
    if unit != right_unit:
        known = ", ".join(repr(u) for u in _UNITS)
        return f"{name}: the number is right, the unit {unit!r} is not. Units are {known}."
    return None


def _granted(transcript: Transcript) -> dict[str, Any] | None:
    for entry in transcript:
        frame = entry.frame
        if entry.direction == "in" and frame and frame.get("action") == Action.CONNECTED:
            return frame.get("connectionDetails")
    return None


# -- 03: heartbeats


def _round_trips(answer: Any, conn: Connection) -> str | None:
    if not isinstance(answer, list | tuple):
        return "The answer is a list of ten numbers, in ms."
    times: list[Any] = list(answer)  # type: ignore[reportUnknownArgumentType]
    if len(times) != 10:
        return f"Ten pings are asked for; here are {len(times)} times."
    if not all(isinstance(t, int | float) and t > 0 for t in times):  # type: ignore[reportUnknownVariableType]
        return "Each time is a number above 0. Take the later moment minus the earlier one."
    real = _measured(conn.transcript)
    if len(real) < 10:
        came = f"The wire shows {len(real)} pings with an id that came back"
        return f"{came}; ten are needed, each with its own id."
    mean, real_mean = sum(times) / 10, sum(real[-10:]) / 10  # type: ignore[reportUnknownArgumentType]
    if mean * 20 < real_mean:
        return "These are seconds: times 1000 makes them ms."
    if mean > real_mean * 20 + 50:
        return f"The wire shows about {real_mean:.1f} ms a ping: is something else measured too?"
    return None


def _measured(transcript: Transcript) -> list[float]:
    """The round trips on the wire, ms: a HEARTBEAT sent with an id, and the one that came back."""
    sent: dict[str, float] = {}
    trips: list[float] = []
    for entry in transcript:
        frame = entry.frame or {}
        if frame.get("action") != Action.HEARTBEAT or not isinstance(id := frame.get("id"), str):
            continue
        if entry.direction == "out":
            sent[id] = entry.at
        elif id in sent:
            trips.append(entry.at - sent.pop(id))
    return trips


def _instead(answer: Any) -> str | None:
    text = str(answer).lower()
    if "ping" in text and "protocol" not in text:
        return None
    if "nothing" in text or "none" in text:
        return "Not nothing: a dead connection must still be noticed. Look one layer down."
    if "heartbeat" in text or "action" in text:
        return "HEARTBEAT frames are what was turned off. What has the WebSocket protocol itself?"
    if "tcp" in text:
        return "TCP's own keep-alive is two layers down and takes hours. One layer down is enough."
    return "Look one layer down: WebSocket has control frames of its own. Which of them asks for an answer?"


# -- 04: attach


def _modes(flags: Any, code: Any, ably: Any) -> str | None:
    if not isinstance(flags, int):
        return f"flags is a number: the sum of its bits, not {flags!r}."
    for wrong, why in _WRONG_FLAGS:
        if flags == wrong:
            return why
    if flags & ~int(Flag.SUBSCRIBE):
        return f"{flags} has more bits set than the one for SUBSCRIBE. explain({flags}) names them."
    if flags != Flag.SUBSCRIBE:
        return f"{flags} lacks the bit of SUBSCRIBE."
    if not isinstance(code, int) or isinstance(code, bool):
        return f"The code is a number of five digits, not {code!r}."
    real = _publish_with(ably, flags)
    if code == real:
        return None
    if code == 40160 and real == 40165:
        return "Close: 40160 is for a key without the right. Here the key would allow it; the mode lacks."
    if code in (0, int(Action.ACK)):
        return "It is refused, although the key may publish: this attachment did not ask for the mode."
    return f"The flags are right. But the publish was answered with {real}, not {code}."


_WRONG_FLAGS = (
    (983040, "983040 is all four modes: this attachment could publish and enter as well."),
    (18, "18 is the number of the bit; its value is 2 to the power of 18."),
    (int(Flag.PRESENCE_SUBSCRIBE), "That is PRESENCE_SUBSCRIBE: it sees members, not messages."),
    (int(Flag.PUBLISH), "That is PUBLISH, the other direction."),
    (
        int(Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE),
        "That is SUBSCRIBE and PRESENCE_SUBSCRIBE: only messages are asked for.",
    ),
)


def _publish_with(ably: Any, flags: int) -> int | None:
    """What a publish gets on a channel attached with these flags: its error code, None for an ACK."""
    with open(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        channel = "exercise-modes"
        conn.send({"action": int(Action.ATTACH), "channel": channel, "flags": flags})
        conn.recv("ATTACHED")
        message = {"action": int(Action.MESSAGE), "channel": channel, "msgSerial": 0}
        conn.send({**message, "messages": [{"data": "may I?"}]})
        while (answer := conn.recv()).get("action") not in (Action.ACK, Action.NACK):
            pass
        return answer.get("error", {}).get("code")


# -- 05: publish and ACK

Match = Callable[[list[dict[str, Any]], list[dict[str, Any]]], Any]


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
    ("one publish, with the msgSerial 0: mind that 0 counts as false", 1, [_ack(0)], {0: "ACK"}),
    ("two publishes, the second too large", 2, [_ack(0), _nack(1)], {0: "ACK", 1: "NACK"}),
    (
        "answers that come in another order than the publishes",
        5,
        _shuffled([_ack(0), _nack(1), _ack(2), _nack(3), _ack(4)]),
        {0: "ACK", 1: "NACK", 2: "ACK", 3: "NACK", 4: "ACK"},
    ),
    (
        "one ACK for three frames: count says how many, from msgSerial on",
        4,
        [_ack(0, 3), _nack(3)],
        {0: "ACK", 1: "ACK", 2: "ACK", 3: "NACK"},
    ),
    (
        "a publish that is not answered yet: None",
        3,
        [_nack(2), _ack(0)],
        {0: "ACK", 1: None, 2: "NACK"},
    ),
)


def _match(match: Any) -> str | None:
    if not callable(match):
        return "Give the function itself: match, without brackets."
    for story, count, answers, right in _STORIES:
        try:
            found = match(_publishes(range(count)), [dict(answer) for answer in answers])
        except Exception as error:
            return f"With {story}, your function failed: {type(error).__name__}: {error}"
        if found is None:
            return "Your function returns nothing yet: it should return a dict."
        if not isinstance(found, dict):
            return f"Your function should return a dict, not {type(found).__name__}."
        if found != right:
            return f"With {story}, {right} was expected and {found} came."
    return None


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            "kind",
            _kind,
            "Right: every frame has an action, and it decides what the rest of it means.",
            (
                "It is a member that every frame has, whatever it says.",
                "In the frame above it is the first one.",
                "Its value is 9: the number of ERROR.",
            ),
        ),
        Exercise(
            "actions",
            _actions,
            "Right. You will meet all three before the end of notebook 05.",
            (
                "explain() takes names as well as numbers.",
                'Run: ablykit.explain("ATTACH")',
                "What a client asks and what the service answers have different numbers: ATTACH, ATTACHED.",
            ),
        ),
        Exercise(
            "limits",
            _limits,
            "Right: sizes in bytes, times in ms, rates per second. It is so in all of the protocol.",
            (
                "The numbers stand in the CONNECTED frame, under connectionDetails.",
                "ablykit.explain(connected) names the unit of each.",
                'Take the number as it is: 15000 and "ms", not 15 and "s".',
            ),
        ),
        Exercise(
            "round_trips",
            _round_trips,
            "Right: your times agree with what the wire shows.",
            (
                "time.perf_counter() gives a moment in seconds; take one before and one after.",
                "Send a HEARTBEAT with an id of its own, then conn.recv('HEARTBEAT').",
                "In a loop: start, send, recv, append((end - start) * 1000).",
            ),
        ),
        Exercise(
            "instead",
            _instead,
            "Right: WebSocket pings. Your WebSocket library answers them, and you never see them.",
            (
                "A dead connection must still be noticed, so something must be sent.",
                "It is not a frame of Ably's protocol. Look one layer down, at WebSocket.",
                "WebSocket has three control frames: close, ping and pong.",
            ),
        ),
        Exercise(
            "modes",
            _modes,
            "Right: the flags, and what becomes of a publish. The check has just tried it for real.",
            (
                "Each mode is one bit; ablykit.explain(983040) shows four of them with their values.",
                "Only to receive messages is the mode SUBSCRIBE.",
                "A publish without the mode PUBLISH is refused, though the key allows it: look for an "
                "error named channel_mode_not_requested_when_attaching.",
            ),
        ),
        Exercise(
            "match",
            _match,
            "Right: with every order, count and outcome. This is the heart of what an SDK does on publish.",
            (
                "Begin with every msgSerial and None, then go through the answers.",
                "An answer covers the msgSerials from msgSerial up to msgSerial + count - 1.",
                "for serial in range(answer['msgSerial'], answer['msgSerial'] + answer['count']): "
                "found[serial] = 'ACK' if answer['action'] == 1 else 'NACK'",
            ),
        ),
    )
}
