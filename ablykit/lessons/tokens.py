"""The exercise of notebook 07: a capability for a given story. The check tries it on the wire."""

import json
from typing import Any, NamedTuple

from ablykit.lessons.exercise import Exercise
from ablykit.protocol import AblyError, Action, Flag
from ablykit.protocol.tokens import jwt
from ablykit.wire import Connection, connect


class Try(NamedTuple):
    """Something that a guest tries, and whether the story allows it."""

    channel: str
    operation: str
    allowed: bool


TRIES = (
    Try("news", "subscribe", True),
    Try("news", "publish", False),
    Try("news", "presence", False),
    Try("chat:pets", "subscribe", True),
    Try("chat:pets", "publish", True),
    Try("chat:pets", "presence", False),
    Try("lobby", "presence", True),
    Try("lobby", "subscribe", True),
    Try("lobby", "publish", False),
    Try("chats", "publish", False),
    Try("chat", "subscribe", False),
    Try("orders", "subscribe", False),
    Try("orders", "publish", False),
)
"""What the check tries, in this order."""

_DOES = {"subscribe": "read", "publish": "publish on", "presence": "be present on"}


def _capability(answer: Any, ably: Any) -> str | None:
    if isinstance(answer, str):
        return "Give the capability as a dict, without json.dumps. The check turns it into text."
    if not isinstance(answer, dict):
        return "A capability is a dict that maps channels to lists of operations: {'news': ['subscribe']}."
    try:
        ttl = round(3_600_000 + ably.ahead * 1000)  # the service's clock may have been moved
        token = jwt(ably.key, ttl=ttl, client_id="guest", capability=answer)  # type: ignore[reportUnknownArgumentType]
    except AblyError as error:
        return f"{str(error).partition(' (code ')[0]}."
    for channel, operation, allowed in TRIES:
        refusal = _tried(f"{ably.tls_url}?accessToken={token}&heartbeats=false", channel, operation)
        if allowed and refusal:
            return f"A guest should be able to {_DOES[operation]} {channel!r}, but was refused: {refusal}"
        if not allowed and refusal is None:
            return f"A guest could {_DOES[operation]} {channel!r}, which the story does not allow."
    return None


def _tried(url: str, channel: str, operation: str) -> str | None:
    """Try an operation on a connection of its own; return how it was refused, or None if it was allowed."""
    with connect(url) as conn:
        first = conn.recv()
        if first["action"] != Action.CONNECTED:
            return _why(first)
        return _ATTEMPTS[operation](conn, channel)


def _subscribe(conn: Connection, channel: str) -> str | None:
    return _attached(conn, channel, Flag.SUBSCRIBE)


def _publish(conn: Connection, channel: str) -> str | None:
    message = {"action": int(Action.MESSAGE), "channel": channel, "msgSerial": 0}
    return _answered(conn, {**message, "messages": [{"data": "hello"}]})


def _enter(conn: Connection, channel: str) -> str | None:
    presence = {"action": int(Action.PRESENCE), "channel": channel, "msgSerial": 0}
    refused = _attached(conn, channel, Flag.PRESENCE)
    return refused or _answered(conn, {**presence, "presence": [{"action": 2}]})


_ATTEMPTS = {"subscribe": _subscribe, "publish": _publish, "presence": _enter}


def _attached(conn: Connection, channel: str, mode: Flag) -> str | None:
    """Attach with one mode; return how that was refused, or None."""
    conn.send({"action": int(Action.ATTACH), "channel": channel, "flags": int(mode)})
    answer = conn.recv()
    return None if answer.get("flags", 0) & mode else _why(answer)


def _answered(conn: Connection, frame: dict[str, Any]) -> str | None:
    conn.send(frame)
    while (answer := conn.recv())["action"] not in (Action.ACK, Action.NACK):
        pass
    return None if answer["action"] == Action.ACK else _why(answer)


def _why(frame: dict[str, Any]) -> str:
    error = frame.get("error") or {"code": "no code", "message": json.dumps(frame)}
    return f"{error['code']}, {error['message'].partition('. (See ')[0]}."


EXERCISES = {
    "capability": Exercise(
        "capability",
        _capability,
        "Right: on the wire, a guest can do all that the story allows, and nothing else that was tried.",
        (
            "One entry for each of the three: a single channel by its name, a whole namespace with a star.",
            "Reading is subscribe. Being present is presence; seeing who else is there is subscribe.",
            'capability = {"news": ["subscribe"], "chat:*": ["subscribe", "publish"], '
            '"lobby": ["presence", "subscribe"]}',
        ),
    )
}
