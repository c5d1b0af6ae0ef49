"""Message data and its `encoding` chain (RSL4, RSL6).

`encoding` names what was done to the data, first step first, with `/` between; undo it from the
right. The service reads only the last step: binary is base64 in JSON and bare in MessagePack.
"""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from ablykit.protocol.codec import Format, NotAFrame, encode
from ablykit.protocol.errors import AblyError
from ablykit.protocol.frames import Message, PresenceMessage, ProtocolMessage

M = TypeVar("M", Message, PresenceMessage)


def check(message: Message | PresenceMessage) -> None:
    """Raise `AblyError` 40013 unless the data is of a kind a message may carry."""
    if isinstance(message.data, str) and _last(message.encoding) == "base64":
        _from_base64(message.data)
    check_data(message.data)


def check_data(data: Any) -> None:
    """Raise `AblyError` 40013 unless this is of a kind that data may be."""
    if data is None or isinstance(data, str):
        return
    if isinstance(data, dict | list):
        _check_writable(data)
    elif not isinstance(data, bytes):
        raise AblyError(
            40013, f"Message data is text, binary, an object or an array, not {type(data).__name__}"
        )


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


def size_of(message: Message | PresenceMessage) -> int:
    """Bytes of a message as limits count them: name, clientId, data and extras (TM6)."""
    name = message.name if isinstance(message, Message) else None
    counted = (name, message.client_id, message.data, message.extras, *message.unknown.items())
    return sum(_bytes_of(value) for value in counted if value is not None)


def weights(message: Message | PresenceMessage) -> dict[str, int]:
    """The bytes of each member that counts, for those that are there; together they are `size_of`."""
    counted = {
        "name": message.name if isinstance(message, Message) else None,
        "clientId": message.client_id,
        "data": message.data,
        "extras": message.extras,
        **{name: (name, value) for name, value in message.unknown.items()},  # with its name
    }
    return {name: _bytes_of(value) for name, value in counted.items() if value is not None}


def _bytes_of(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, bytes) else len(msgspec.json.encode(value))


def _last(encoding: str | None) -> str:
    return (encoding or "").rpartition("/")[2]


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise AblyError(40013, f"The encoding says base64, but the data is not: {error}") from error


def _check_writable(data: Any) -> None:
    """Refuse what one format can hold and the other can't, such as a map with numbers for keys."""
    for format in Format:
        try:
            encode(ProtocolMessage(action=15, messages=[Message(data=data)]), format)
        except NotAFrame as error:
            raise AblyError(40013, f"Message data: {error.message}") from error
