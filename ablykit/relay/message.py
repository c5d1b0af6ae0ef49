"""A whole message of a WebSocket, as a relay passes it on."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from websockets.frames import Frame, Opcode

from ablykit.protocol.codec import Format, NotAFrame, pack, read
from ablykit.record.transcript import Direction


@dataclass(frozen=True)
class Message:
    """A whole message of the WebSocket: its bytes, and whether they are text."""

    data: bytes
    is_text: bool

    @property
    def raw(self) -> str | bytes:
        """The message as a recording has it."""
        return self.data.decode("utf-8", "replace") if self.is_text else self.data

    @cached_property
    def frame(self) -> dict[str, Any] | None:
        """The frame in it; None if it is none. Don't change it: everyone shares it."""
        try:
            value = read(self.raw)
        except NotAFrame:
            return None
        return cast("dict[str, Any]", value) if isinstance(value, dict) else None

    def bytes_for(self, direction: Direction) -> bytes:
        """Return the bytes on the wire. A client masks what it sends (RFC 6455 §5.3)."""
        opcode = Opcode.TEXT if self.is_text else Opcode.BINARY
        return Frame(opcode, self.data).serialize(mask=direction == "out")

    @classmethod
    def of(cls, frame: dict[str, Any], *, is_text: bool) -> "Message":
        """Return a frame as a message in JSON, or in MessagePack.

        Raises `NotAFrame` for what the format can't hold.
        """
        return cls(pack(frame, Format.JSON if is_text else Format.MSGPACK), is_text)
