"""Frames to bytes and back, as JSON or as MessagePack.

`decode` never loses a member: what the types do not know is kept and written back by `encode`.
"""

from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from ablykit.protocol.errors import AblyError
from ablykit.protocol.frames import ProtocolMessage, Wire, known_names, nested, wire_names


class Format(StrEnum):
    """How frames are written: the `format` parameter of a connection."""

    JSON = "json"
    MSGPACK = "msgpack"


class NotAFrame(AblyError):
    """What came is no ProtocolMessage; the error says where it went wrong. Code 40000."""


class NotUTF8(NotAFrame):
    """A text frame whose bytes are not UTF-8; the stream can't be trusted any further."""


T = TypeVar("T", bound=Wire)

_JSON = msgspec.json.Encoder()
_MSGPACK = msgspec.msgpack.Encoder()
_READ = {Format.JSON: msgspec.json.Decoder(), Format.MSGPACK: msgspec.msgpack.Decoder()}
_WRITE = {Format.JSON: _JSON, Format.MSGPACK: _MSGPACK}
_LANGUAGE = {Format.JSON: "JSON", Format.MSGPACK: "MessagePack"}


def format_of(raw: str | bytes) -> Format:
    """Which format `raw` is in: a MessagePack map begins with a byte that no JSON text has."""
    return Format.MSGPACK if isinstance(raw, bytes) and raw[:1] >= b"\x80" else Format.JSON


def decode(raw: str | bytes, format: Format | None = None) -> ProtocolMessage:
    """One frame from what came over the wire.

    `format` is told from `raw` unless given. Raises `NotAFrame` (code 40000) for
    anything that is not a ProtocolMessage, saying what was wrong and where.
    """
    return typed(read(raw, format))


def read(raw: str | bytes, format: Format | None = None) -> Any:
    """The plain value behind `raw`, not yet checked to be a frame. Raises `NotAFrame`."""
    format = format or format_of(raw)
    try:
        return _READ[format].decode(raw.encode() if isinstance(raw, str) else raw)
    except UnicodeError as error:
        raise NotUTF8(40000, f"Not valid UTF-8: {error}") from error
    except RecursionError as error:
        raise NotAFrame(40000, f"Too deeply nested to be read as {_LANGUAGE[format]}") from error
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        if format is Format.JSON and isinstance(raw, bytes):
            _check_utf8(raw)
        raise NotAFrame(40000, f"Not valid {_LANGUAGE[format]}: {error}") from error


def typed(value: Any) -> ProtocolMessage:
    """A plain value (such as a dict from `json.loads`) as a ProtocolMessage. Raises `NotAFrame`."""
    if not isinstance(value, dict):
        raise NotAFrame(40000, f"A frame is an object with an action, not {_kind(value)}")
    if "action" not in value:
        raise NotAFrame(40000, "A frame needs an action: none was given")
    return convert(value, ProtocolMessage)


def convert(value: Any, type: type[T]) -> T:
    """A plain value as one of the wire's types, unknown members kept. Raises `NotAFrame`."""
    try:
        result = msgspec.convert(value, type)
        _keep_unknown(result, value)
    except msgspec.ValidationError as error:
        raise NotAFrame(40000, f"Not a valid {type.__name__}: {error}") from error
    except RecursionError as error:
        raise NotAFrame(40000, f"Not a valid {type.__name__}: too deeply nested") from error
    return result


def plain(frame: Wire) -> dict[str, Any]:
    """A frame as a dict with the wire's names, absent members left out, unknown ones put back."""
    inner = nested(type(frame))
    members = {
        wire: _plain(value) if name in inner else value
        for name, wire in wire_names(type(frame)).items()
        if (value := getattr(frame, name)) is not None
    }
    return {**members, **frame.unknown}


def encode(frame: ProtocolMessage, format: Format = Format.JSON) -> bytes:
    """One frame as it crosses the wire. Raises `NotAFrame` when a value can't be written."""
    try:
        return _WRITE[format].encode(plain(frame) if _has_unknown(frame) else frame)
    except RecursionError as error:
        raise NotAFrame(40000, f"Too deeply nested to be written as {_LANGUAGE[format]}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise NotAFrame(40000, f"Can't be written as {_LANGUAGE[format]}: {error}") from error


def _plain(value: Wire | list[Wire]) -> Any:
    return [plain(item) for item in value] if isinstance(value, list) else plain(value)


def _check_utf8(raw: bytes) -> None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise NotUTF8(40000, f"Not valid UTF-8: byte {error.start} can't be read") from error


def _keep_unknown(frame: Wire, value: dict[str, Any]) -> None:
    """Remember, all the way down, what the types did not take of the plain value a frame was made of."""
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
    """Whether a frame, or anything in it, has members its type does not know. Asked before each encoding."""
    if vars(frame):  # where unknown members are, and nothing else is
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
