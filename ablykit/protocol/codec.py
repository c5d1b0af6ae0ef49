"""Encode frames to bytes and decode them again, as JSON or as MessagePack.

There are two levels. `read` and `plain` deal in plain values, such as dicts; `typed` turns a plain value into
a `ProtocolMessage`. `decode` and `encode` do both steps at once:

    frame = decode(b'{"action":15,"channel":"c","novel":1}')
    frame.channel, dict(frame.unknown)      # 'c', {'novel': 1}
    encode(frame, Format.MSGPACK)           # has "novel" again

No member is ever lost: those that the types don't know are kept in `unknown`, at every level, and encoded
again. A relay or a recording therefore works with frames of a newer protocol.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from ablykit.protocol.errors import AblyError
from ablykit.protocol.frames import ProtocolMessage, Wire, known_names, nested, wire_names


class Format(StrEnum):
    """The encoding of frames: the `format` parameter of a connection."""

    JSON = "json"
    MSGPACK = "msgpack"


class NotAFrame(AblyError):
    """The error for bytes or a value that is not a ProtocolMessage. Its message says where; its code is
    40000."""


class NotUTF8(NotAFrame):
    """The error for a text frame that is not UTF-8. The WebSocket must then be closed with code 1007 (RFC
    6455 §8.1)."""


T = TypeVar("T", bound=Wire)

_JSON = msgspec.json.Encoder()
_MSGPACK = msgspec.msgpack.Encoder()
_READ = {Format.JSON: msgspec.json.Decoder(), Format.MSGPACK: msgspec.msgpack.Decoder()}
_WRITE = {Format.JSON: _JSON, Format.MSGPACK: _MSGPACK}
_LANGUAGE = {Format.JSON: "JSON", Format.MSGPACK: "MessagePack"}


def format_of(raw: str | bytes) -> Format:
    """Return the format of `raw`. A MessagePack map starts with a byte that no JSON text starts with."""
    return Format.MSGPACK if isinstance(raw, bytes) and raw[:1] >= b"\x80" else Format.JSON


def decode(raw: str | bytes, format: Format | None = None) -> ProtocolMessage:
    """Return the frame in one WebSocket message.

    Without `format`, the format is guessed from `raw`. Raises `NotAFrame` for anything that is not a
    ProtocolMessage.
    """
    return typed(read(raw, format))


def read(raw: str | bytes, format: Format | None = None) -> Any:
    """Return the plain value in `raw`, without checking that it is a frame. Raises `NotAFrame`."""
    format = format or format_of(raw)
    try:
        return _READ[format].decode(raw.encode() if isinstance(raw, str) else raw)
    except UnicodeError as error:
        raise NotUTF8(40000, f"Not valid UTF-8: {error}") from error
    except RecursionError as error:
        raise NotAFrame(40000, f"Too deeply nested to be decoded as {_LANGUAGE[format]}") from error
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        if format is Format.JSON and isinstance(raw, bytes):
            _check_utf8(raw)
        raise NotAFrame(40000, f"Not valid {_LANGUAGE[format]}: {error}") from error


def typed(value: Any) -> ProtocolMessage:
    """Return a plain value, such as a dict from `json.loads`, as a ProtocolMessage. Raises `NotAFrame`."""
    if not isinstance(value, dict):
        raise NotAFrame(40000, f"A frame must be an object with an action, not {_kind(value)}")
    if "action" not in value:
        raise NotAFrame(40000, "A frame needs an action, and this object has none")
    return convert(value, ProtocolMessage)


def convert(value: Any, type: type[T]) -> T:
    """Return a plain value as one of the wire types, with unknown members kept. Raises `NotAFrame`."""
    try:
        result = msgspec.convert(value, type)
        _keep_unknown(result, value)
    except msgspec.ValidationError as error:
        raise NotAFrame(40000, f"Not a valid {type.__name__}: {error}") from error
    except RecursionError as error:
        raise NotAFrame(40000, f"Not a valid {type.__name__}: too deeply nested") from error
    return result


def plain(frame: Wire) -> dict[str, Any]:
    """Return a frame as a dict with the names used on the wire: without absent members, with unknown ones."""
    inner = nested(type(frame))
    members = {
        wire: _plain(value) if name in inner else value
        for name, wire in wire_names(type(frame)).items()
        if (value := getattr(frame, name)) is not None
    }
    return {**members, **frame.unknown}


def encode(frame: ProtocolMessage, format: Format = Format.JSON) -> bytes:
    """Return the bytes of a frame. Raises `NotAFrame` for a value that the format can't hold."""
    try:
        return _WRITE[format].encode(plain(frame) if _has_unknown(frame) else frame)
    except RecursionError as error:
        raise NotAFrame(40000, f"Too deeply nested to be encoded as {_LANGUAGE[format]}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise NotAFrame(40000, f"Can't be encoded as {_LANGUAGE[format]}: {error}") from error


def pack(value: Mapping[str, Any], format: Format = Format.JSON) -> bytes:
    """Return the bytes of a plain object, which need not be a valid frame.

    Raises `NotAFrame` for a value that the format can't hold.
    """
    try:
        return _WRITE[format].encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotAFrame(40000, f"Can't be encoded as {_LANGUAGE[format]}: {error}") from error


def _plain(value: Wire | list[Wire]) -> Any:
    return [plain(item) for item in value] if isinstance(value, list) else plain(value)


def _check_utf8(raw: bytes) -> None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise NotUTF8(40000, f"Not valid UTF-8: byte {error.start} can't be decoded") from error


def _keep_unknown(frame: Wire, value: dict[str, Any]) -> None:
    """Keep the members of `value` that the frame's types don't know, at every level."""
    known = known_names(type(frame))
    if not known.issuperset(value):
        frame.keep({name: item for name, item in value.items() if name not in known})
    for name, wire in nested(type(frame)).items():
        inner: Wire | list[Wire] | None = getattr(frame, name) if wire in value else None
        if isinstance(inner, list):
            for each, its_value in zip(inner, value[wire], strict=True):
                _keep_unknown(each, its_value)
        elif inner is not None:
            _keep_unknown(inner, value[wire])


def _has_unknown(frame: Wire) -> bool:
    """Return whether a frame, or anything inside it, has unknown members.

    This runs before every encoding. Frames without unknown members, nearly all, are encoded without a dict in
    between.
    """
    if vars(frame):  # `Wire.keep` puts unknown members here, and nothing else is here
        return True
    for name in nested(type(frame)):
        value: Wire | list[Wire] | None = getattr(frame, name)
        if value is None:
            continue
        if any(map(_has_unknown, value)) if isinstance(value, list) else _has_unknown(value):
            return True
    return False


def _kind(value: Any) -> str:
    kinds = {"list": "an array", "str": "a string", "bool": "a boolean", "NoneType": "null"}
    return kinds.get(value.__class__.__name__, "a number")
