"""What stands inside values that look opaque: ids, serials, keys, tokens; and what a message weighs."""

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
    """A part of a value: its name, the part itself, what it means."""

    name: str
    value: str
    meaning: Meaning


def parts(type_name: str, name: str, value: Any) -> list[Part]:
    """The parts of a member's value, for the members that have any; empty where it is not so made."""
    take_apart = _MEMBERS.get(name) or _MEMBERS.get(f"{type_name}.{name}")
    return list(take_apart(value)) if take_apart and isinstance(value, str) else []


def clock(ms: float) -> str:
    """A time in ms since 1970 as a clock shows it; empty for what no clock can show."""
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def weight(message: dict[str, Any], limit: int | None = None) -> list[Part]:
    """What a message weighs against `limit` (maxMessageSize, in bytes), in all and by member (TM6)."""
    try:
        each = weights(convert(message, Message))
    except (NotAFrame, TypeError, ValueError):
        return []
    total = sum(each.values())
    share = f" of {limit:,} = {total / limit:.1%}" if limit else ""
    whole = Part("size", f"{total:,}{share}", Meaning("What counts against maxMessageSize.", "TM6", "bytes"))
    return [whole, *(Part(name, f"{size:,}", Meaning("", "", "bytes")) for name, size in each.items())]


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
            Meaning("What nobody can guess: who has it may resume the connection.", "RTN15b"),
        )


def _serial(value: str) -> Iterator[Part]:
    if found := re.fullmatch(r"(\d{10,14})-(\d+)@([^:]+)(?::(\d+))?", value):
        yield Part("time", clock(int(found[1])), Meaning("When it got its place.", "", "ms since 1970"))
        yield Part("counter", found[2], Meaning("Its place among those of the same millisecond."))
        yield Part("series", found[3], Meaning("Who gave the place: serials of one series can be compared."))
        if found[4]:
            yield Part("index", found[4], Meaning("Its place within the frame."))
    elif found := re.fullmatch(r"([^:@]*):([^:@]*)", value):
        more = "More of the members follow, from here." if found[2] else "Empty: this was the last part."
        yield Part("sequence", found[1], Meaning("Which SYNC this is a part of.", "RTP18"))
        yield Part("cursor", found[2], Meaning(more, "RTP18b" if found[2] else "RTP18c"))


_CLAIMS = {
    "alg": "How it is signed.",
    "typ": "What it is.",
    "kid": "The API key it is signed with, by name.",
    "iat": "When it was made.",
    "exp": "When it ends.",
    "x-ably-capability": "What it allows.",
    "x-ably-clientId": "Whom it identifies.",
    "x-ably-revocation-key": "By which it can be revoked, with others.",
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
            meaning = Meaning(_CLAIMS.get(name, "A claim that the protocol does not know."), "RSA8")
            yield Part(f"{title}.{name}", f"{shown}{when}", meaning)
    yield Part("signature", "****", Meaning("Made with the key's secret; nobody else can."))


_MEMBERS: dict[str, Callable[[str], Iterator[Part]]] = {
    "ProtocolMessage.id": _message_id,
    "Message.id": _message_id,
    "PresenceMessage.id": _message_id,
    "connectionKey": _connection_key,
    "channelSerial": _serial,
    "serial": _serial,
    "accessToken": _token,
}
