"""Message data and its `encoding` chain (RSL4, RSL6).

`encoding` names what was done to the data, first step first, with `/` between; undo it from the
right. The service reads only the last step: binary is base64 in JSON and bare in MessagePack.
"""

import base64
from collections.abc import Iterable
from math import isfinite
from typing import Any, TypeVar, cast

import msgspec

from ablykit.protocol.codec import Format, plain
from ablykit.protocol.errors import AblyError
from ablykit.protocol.frames import Annotation, Message, PresenceMessage

Item = Message | PresenceMessage | Annotation
"""What a frame carries and a channel keeps."""

M = TypeVar("M", Message, PresenceMessage, Annotation)

DEEPEST = 64
"""How many levels data, extras and members that are not known may be nested."""

INTEGERS = range(-(2**63), 2**64)
"""The integers that MessagePack has. JSON has them all, though JavaScript reads those beyond 2**53 as the
nearest float."""


def check(item: Item) -> None:
    """Raise `AblyError` 40013, naming the place, unless clients of every format can be sent this.

    What only one format has would reach some clients and fail for others: binary inside of objects, NaN,
    integers of more than 64 bits, keys that are not text, MessagePack's own types. This takes time in
    proportion to the item's size.
    """
    data = item.data
    if isinstance(data, str):
        if _last(item.encoding) == "base64":
            _from_base64(data)
    elif not isinstance(data, bytes | dict | list | None):
        raise AblyError(
            40013, f"Message data is text, binary, an object or an array, not {type(data).__name__}"
        )
    if not isinstance(data, dict | list) and _has_text_only(item):
        return
    members = plain(item)
    if isinstance(data, bytes):
        del members["data"]
    _check_portable(members)


def _has_text_only(item: Item) -> bool:
    """Whether the members beside the data are text and numbers of known types, as in most messages."""
    nested = isinstance(item, Message) and (item.version or item.annotations)
    return item.extras is None and not nested and not item.unknown


Path = tuple[str | int, ...]
"""The names and indexes that lead to a value."""


def _check_portable(members: dict[str, Any]) -> None:
    """Raise `AblyError` 40013 for a value that JSON or MessagePack can't hold, naming its path."""
    waiting: list[tuple[dict[Any, Any] | list[Any], Path]] = [(members, ())]
    while waiting:
        holder, path = waiting.pop()
        if len(path) > DEEPEST:
            raise _unportable(path, f"is nested deeper than {DEEPEST} levels: send it flatter, or as text")
        for key, value in _items(holder, path):
            if isinstance(value, str):
                continue
            if isinstance(value, (dict, list)):
                waiting.append((cast("dict[Any, Any] | list[Any]", value), (*path, key)))
            elif why := _why_not(value):
                raise _unportable((*path, key), why)


def _items(holder: dict[Any, Any] | list[Any], path: Path) -> Iterable[tuple[Any, Any]]:
    """What an object or array holds, by name or index."""
    if isinstance(holder, list):
        return enumerate(holder)
    for key in holder:
        if not isinstance(key, str):
            raise _unportable(path, f"has a key of type {type(key).__name__}: keys are text")
    return holder.items()


def _why_not(value: Any) -> str | None:
    """Why a value can't be sent to every client, and what to send in its place; None for one that can."""
    if value is None or isinstance(value, str | bool):
        return None
    if isinstance(value, int):
        return None if value in INTEGERS else "is an integer of more than 64 bits: send it as text"
    if isinstance(value, float):
        return None if isfinite(value) else "is not a finite number: send null, or text"
    if isinstance(value, bytes):
        return "is binary, which only data as a whole may be: send it as base64"
    return f"is a {type(value).__name__} of MessagePack's, which JSON can't hold: send it as text"


def _unportable(path: Path, why: str) -> AblyError:
    """The refusal of a value that not every client could be sent. A long path is cut."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:40]}" for part in path]
    where = "".join(parts).removeprefix(".")
    return AblyError(40013, f"{where if len(where) <= 120 else where[:120] + '…'} {why}")


def in_format(message: M, format: Format) -> M:
    """The same message as a client of `format` reads it: binary moved in or out of base64."""
    data, encoding = message.data, message.encoding
    if format is Format.JSON and isinstance(data, bytes):
        text = base64.b64encode(data).decode()
        return message.replace(data=text, encoding=f"{encoding}/base64" if encoding else "base64")
    if format is Format.MSGPACK and isinstance(data, str) and _last(encoding) == "base64":
        rest = (encoding or "").rpartition("/")[0]
        return message.replace(data=_from_base64(data), encoding=rest or None)
    return message


def size_of(item: Item) -> int:
    """Return the bytes of an item as limits count them: its name, clientId, data and extras (TM6), an
    annotation's type, and what is not known of it."""
    return sum([_bytes_of(value) for _, value in _counted(item)])


def weights(item: Item) -> dict[str, int]:
    """Return the bytes of each member that counts, for those that are there; together they are `size_of`."""
    return {name: _bytes_of(value) for name, value in _counted(item)}


def _counted(item: Item) -> list[tuple[str, Any]]:
    """The members that count, by their names, for those that are there; unknown ones with their name."""
    members = [
        ("name", None if isinstance(item, PresenceMessage) else item.name),
        ("type", item.type if isinstance(item, Annotation) else None),
        ("clientId", item.client_id),
        ("data", item.data),
        ("extras", item.extras),
    ]
    unknown = [(name, (name, value)) for name, value in item.unknown.items()] if item.unknown else []
    return [member for member in members if member[1] is not None] + unknown


def _bytes_of(value: Any) -> int:
    """A value's bytes as JSON; 0 for what JSON can't hold, which `check` refuses."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return len(value)
    try:
        return len(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return 0


def _last(encoding: str | None) -> str:
    return (encoding or "").rpartition("/")[2]


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # binascii.Error, and what is not ASCII
        raise AblyError(40013, f"The encoding says base64, but the data is not: {error}") from error
