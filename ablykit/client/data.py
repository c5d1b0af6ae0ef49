"""The data of messages, to the wire and back (RSL4, RSL6)."""

import base64
import json
from collections.abc import Callable
from typing import Any, TypeVar

from ablykit.protocol import AblyError, Format, Message, NotAFrame, PresenceMessage, ProtocolMessage
from ablykit.protocol.codec import read
from ablykit.protocol.encoding import in_format

M = TypeVar("M", Message, PresenceMessage)


def encoded(item: M, format: Format) -> M:
    """Return an item as it goes on the wire: objects and arrays as JSON text, binary data as the format
    has it.

    Raises `AblyError` 40013 for data that is neither text, bytes, an object nor an array.
    """
    data: Any = item.data
    if isinstance(data, dict | list):
        try:
            text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise AblyError(40013, f"The data can't be written as JSON: {error}") from None
        return item.replace(data=text, encoding="json")
    if isinstance(data, str | bytes | None):
        return in_format(item, format)
    kind = type(data).__name__
    raise AblyError(40013, f"Data must be text, bytes, an object or an array, not {kind}")


def decoded(item: M) -> M:
    """Return an item as the application gets it. Steps that are unknown, or fail, stay in `encoding`
    (RSL6b)."""
    steps, data = (item.encoding or "").split("/"), item.data
    while steps[-1] in _UNDO:
        try:
            data = _UNDO[steps[-1]](data)
        except (ValueError, TypeError, AttributeError, NotAFrame):
            break
        steps.pop()
        steps = steps or [""]
    return item.replace(data=data, encoding="/".join(steps) or None)


_UNDO: dict[str, Callable[[Any], Any]] = {
    "json": lambda data: read(data, Format.JSON),
    "base64": lambda data: base64.b64decode(data, validate=True),
    "utf-8": lambda data: data.decode(),
}


def filled(frame: ProtocolMessage, items: list[M] | None) -> list[M]:
    """Return the items of a frame, each with what the frame says once for all of them (TM2a, TP3a)."""
    return [
        decoded(
            item.replace(
                id=item.id or (f"{frame.id}:{index}" if frame.id else None),
                connection_id=item.connection_id or frame.connection_id,
                timestamp=item.timestamp if item.timestamp is not None else frame.timestamp,
            )
        )
        for index, item in enumerate(items or [])
    ]
