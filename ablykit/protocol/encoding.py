"""The data of a message and its `encoding` (RSL4, RSL6), and the size of a message (TM6).

`encoding` names the steps that were applied to the data, separated by `/`, first step first; a client undoes
them from the right. The service looks at the last step only: binary data is base64 in JSON, and plain bytes
in MessagePack.
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
"""An item that frames carry and channels keep."""

M = TypeVar("M", Message, PresenceMessage, Annotation)

DEEPEST = 64
"""How many levels deep data, extras and unknown members may be nested."""

INTEGERS = range(-(2**63), 2**64)
"""The integers that MessagePack can hold. JSON can hold them too, but JavaScript rounds those beyond
2**53."""


def check(item: Item) -> None:
    """Raise `AblyError` 40013, naming the place, unless both JSON and MessagePack can hold the item.

    An item that only one format can hold would reach some clients and fail for others: binary inside objects,
    NaN, integers of more than 64 bits, keys that are not text, MessagePack's own types. The check takes time
    in proportion to the item's size.
    """
    data = item.data
    if isinstance(data, str):
        if _last(item.encoding) == "base64":
            _from_base64(data)
    elif not isinstance(data, bytes | dict | list | None):
        raise AblyError(
            40013, f"Message data must be text, binary, an object or an array, not {type(data).__name__}"
        )
    if not isinstance(data, dict | list) and _has_text_only(item):
        return
    members = plain(item)
    if isinstance(data, bytes):
        del members["data"]
    _check_portable(members)


def _has_text_only(item: Item) -> bool:
    """Return whether all members beside the data are text or numbers: a shortcut for most messages."""
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
    """Return the values in an object or array with their names or indexes. Raises `AblyError` 40013."""
    if isinstance(holder, list):
        return enumerate(holder)
    for key in holder:
        if not isinstance(key, str):
            raise _unportable(path, f"has a key of type {type(key).__name__}: keys must be text")
    return holder.items()


def _why_not(value: Any) -> str | None:
    """Return why not every client could be sent a value, and what to send instead; None if all could."""
    if value is None or isinstance(value, str | bool):
        return None
    if isinstance(value, int):
        return None if value in INTEGERS else "is an integer of more than 64 bits: send it as text"
    if isinstance(value, float):
        return None if isfinite(value) else "is not a finite number: send null, or text"
    if isinstance(value, bytes):
        return "is binary, and only the data as a whole may be binary: send it as base64"
    return f"is a MessagePack {type(value).__name__}, which JSON can't hold: send it as text"


def _unportable(path: Path, why: str) -> AblyError:
    """Return the error for a value that not every client could be sent. A long path is cut."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:40]}" for part in path]
    where = "".join(parts).removeprefix(".")
    return AblyError(40013, f"{where if len(where) <= 120 else where[:120] + '…'} {why}")


def in_format(message: M, format: Format) -> M:
    """Return an item as a client of this format reads it: binary data as base64 in JSON, as bytes in
    MessagePack."""
    data, encoding = message.data, message.encoding
    if format is Format.JSON and isinstance(data, bytes):
        text = base64.b64encode(data).decode()
        return message.replace(data=text, encoding=f"{encoding}/base64" if encoding else "base64")
    if format is Format.MSGPACK and isinstance(data, str) and _last(encoding) == "base64":
        rest = (encoding or "").rpartition("/")[0]
        return message.replace(data=_from_base64(data), encoding=rest or None)
    return message


def size_of(item: Item) -> int:
    """Return the size of an item in bytes, as limits count it (TM6).

    Its name, clientId, data and extras count, an annotation's type, and unknown members.
    """
    return sum([_bytes_of(value) for _, value in _counted(item)])


def weights(item: Item) -> dict[str, int]:
    """Return the size in bytes of each member that counts and is present. Together they are `size_of`."""
    return {name: _bytes_of(value) for name, value in _counted(item)}


def _counted(item: Item) -> list[tuple[str, Any]]:
    """Return the names and values of the members that count. An unknown member's name counts as well."""
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
    """Return the size of a value as JSON; 0 for a value that JSON can't hold, which `check` refuses
    anyway."""
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
        raise AblyError(40013, f"The encoding says base64, but the data is not base64: {error}") from error
