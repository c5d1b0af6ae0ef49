"""Take apart values that look opaque (ids, serials, keys, tokens), and weigh messages."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ablykit.protocol.codec import NotAFrame, convert
from ablykit.protocol.encoding import weights
from ablykit.protocol.frames import Message
from ablykit.protocol.meanings import Meaning
from ablykit.protocol.tokens import jwt_object


class Part(NamedTuple):
    """One part of a value: its name, its text, and its meaning."""

    name: str
    value: str
    meaning: Meaning


def parts(type_name: str, name: str, value: Any, connection_id: Any = None) -> list[Part]:
    """Return the parts of a member's value; empty for a member without parts, or a value of another form.

    `connection_id` is the `connectionId` that stands beside the member, if there is one. An id that does not
    begin with it names no connection.
    """
    take_apart = _MEMBERS.get(name) or _MEMBERS.get(f"{type_name}.{name}")
    found = list(take_apart(value)) if take_apart and isinstance(value, str) else []
    if found and take_apart is _message_id and connection_id not in (None, found[0].value):
        return [Part("made up", found[0].value, _MADE_UP)]
    return found


def clock(ms: float) -> str:
    """Return a time in ms since 1970 as a date and time in UTC; empty if it is out of range."""
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def weight(message: dict[str, Any], limit: int | None = None) -> list[Part]:
    """Return a message's size in bytes, in all and by member, compared with `limit` (maxMessageSize)
    (TM6)."""
    try:
        each = weights(convert(message, Message))
    except (NotAFrame, TypeError, ValueError):
        return []
    total = sum(each.values())
    share = f" of {limit:,} = {total / limit:.1%}" if limit else ""
    whole = Part("size", f"{total:,}{share}", Meaning("What counts against maxMessageSize.", "TM6", "bytes"))
    return [whole, *(Part(name, f"{size:,}", Meaning("", "", "bytes")) for name, size in each.items())]


_MADE_UP = Meaning("Not a connectionId: the service or the publisher made this id up.", "RTP2b1")


def _message_id(value: str) -> Iterator[Part]:
    if found := re.fullmatch(r"(.+?):(\d+)(?::(\d+))?", value):
        yield Part("connectionId", found[1], Meaning("The connection it came from.", "TM2a"))
        yield Part("msgSerial", found[2], Meaning("Which of that connection's publishes it was.", "TM2a"))
        if found[3]:
            yield Part("index", found[3], Meaning("Its place within that frame.", "TM2a"))


def _connection_key(value: str) -> Iterator[Part]:
    instance, mark, rest = value.partition("!")
    if mark:
        yield Part(
            "before the !", instance, Meaning("Which of the service's instances keeps the connection.")
        )
        yield Part(
            "after it",
            rest,
            Meaning("A secret. Anyone who has it can resume the connection.", "RTN15b"),
        )


def _serial(value: str) -> Iterator[Part]:
    if found := re.fullmatch(r"(\d{10,14})-(\d+)@([^:]+)(?::(\d+))?", value):
        yield Part("time", clock(int(found[1])), Meaning("The time of this place.", "", "ms since 1970"))
        yield Part("counter", found[2], Meaning("Its number within that millisecond."))
        series = "The series of this serial. Only serials of the same series can be compared."
        yield Part("series", found[3], Meaning(series))
        if found[4]:
            yield Part("index", found[4], Meaning("Its place within the frame."))
    elif found := re.fullmatch(r"([^:@]*):([^:@]*)", value):
        more = "More of the members follow, from here." if found[2] else "Empty: this was the last part."
        yield Part("sequence", found[1], Meaning("Which SYNC this is a part of.", "RTP18"))
        yield Part("cursor", found[2], Meaning(more, "RTP18b" if found[2] else "RTP18c"))


_CLAIMS = {
    "alg": "The algorithm that signed it.",
    "typ": "The type of the token.",
    "kid": "The name of the API key that signed it.",
    "iat": "When it was issued.",
    "exp": "When it expires.",
    "x-ably-capability": "What it allows.",
    "x-ably-clientId": "The clientId that its holder must use.",
    "x-ably-revocation-key": "A name by which it can be revoked, together with other tokens.",
}


def _token(value: str) -> Iterator[Part]:
    pieces = value.split(".")
    if len(pieces) != 3:
        return
    for title, piece in zip(("header", "claims"), pieces, strict=False):
        said_there = jwt_object(piece)
        if said_there is None:
            return
        for name, said in said_there.items():
            shown = said if isinstance(said, str) else json.dumps(said)
            when = (
                f" = {clock(said * 1000)}" if name in ("iat", "exp") and isinstance(said, int | float) else ""
            )
            meaning = Meaning(_CLAIMS.get(name, "The protocol has no such claim."), "RSA8")
            yield Part(f"{title}.{name}", f"{shown}{when}", meaning)
    yield Part("signature", "****", Meaning("Proof that the holder of the key's secret made the token."))


_MEMBERS: dict[str, Callable[[str], Iterator[Part]]] = {
    "ProtocolMessage.id": _message_id,
    "Message.id": _message_id,
    "PresenceMessage.id": _message_id,
    "connectionKey": _connection_key,
    "channelSerial": _serial,
    "serial": _serial,
    "accessToken": _token,
}
