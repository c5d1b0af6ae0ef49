"""Dissect the bytes of a frame: the WebSocket header, then hex beside text or the MessagePack structure.

The header is computed: it is what RFC 6455 prescribes for a frame sent in one piece. A transcript does not
record the masking key that a client chose, so its four bytes are shown as dots.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ablykit.protocol.explanation import visible

WIDTH = 16
"""How many bytes are shown on a line."""

SHOWN = 4_096
"""The most bytes of a frame that are shown."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of bytes and what it is. `depth` is how deep it is nested; `data` is None for unknown bytes."""

    start: int
    data: bytes | None
    says: str
    depth: int = 0


class Line(NamedTuple):
    """A line of a dissection: the offset, the bytes in hex, and what they mean."""

    offset: str
    hex: str
    says: str


@dataclass(frozen=True)
class Dissection:
    """The dissected bytes of a frame: the WebSocket `header`, and the MessagePack structure in `spans`.

    A JSON frame has no spans.
    """

    header: tuple[Span, ...]
    spans: tuple[Span, ...]
    data: bytes

    def lines(self) -> list[Line]:
        """Return the header, then the MessagePack structure or, for JSON, the bytes with `WIDTH` a line."""
        head = [Line("", "·· ·· ·· ··" if s.data is None else s.data.hex(" "), s.says) for s in self.header]
        if self.spans:
            body = [
                Line(f"{span.start:04x}", _hex(span.data or b""), "  " * span.depth + span.says)
                for span in self.spans
                if span.start < SHOWN
            ]
        else:
            parts = ((at, self.data[at : at + WIDTH]) for at in range(0, min(len(self.data), SHOWN), WIDTH))
            body = [Line(f"{at:04x}", part.hex(" "), _ascii(part)) for at, part in parts]
        left = len(self.data) - SHOWN
        return [*head, *body, *([Line("", "", f"… and {left} more bytes")] if left > 0 else [])]

    def __str__(self) -> str:
        width = WIDTH * 3 - 1
        return "\n".join(f"{at:>4}  {hex:<{width}}  {says}".rstrip() for at, hex, says in self.lines())


def dissect(raw: str | bytes, direction: Literal["in", "out"] = "in") -> Dissection:
    """Return the dissection of a frame as it crosses the wire. A frame from a client (`out`) is masked."""
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    spans = tuple(_structure(data)) if isinstance(raw, bytes) and raw else ()
    header = _header(len(data), opcode=1 if isinstance(raw, str) else 2, masked=direction == "out")
    return Dissection(tuple(header), spans, data)


def _header(length: int, *, opcode: int, masked: bool) -> Iterator[Span]:
    """Yield the parts of the WebSocket frame header (RFC 6455 §5.2)."""
    yield Span(0, bytes([0x80 | opcode]), f"FIN, opcode {opcode}: {'text' if opcode == 1 else 'binary'}")
    bit, said = (0x80, "MASK, ") if masked else (0, "")
    if length < 126:
        yield Span(1, bytes([bit | length]), f"{said}payload of {length} bytes")
    else:
        form, marker = (">BH", 126) if length < 1 << 16 else (">BQ", 127)
        yield Span(1, struct.pack(form, bit | marker, length), f"{said}payload of {length} bytes")
    if masked:
        yield Span(-1, None, "masking key, a fresh one for each frame")


def _structure(data: bytes) -> Iterator[Span]:
    """Yield each part of a MessagePack value in order. If it is cut off, the last span says so."""
    reader = _Reader(data)
    yield from reader.spans()
    if reader.at < len(data):
        yield Span(reader.at, data[reader.at :], "bytes after the end")


class _Cut(Exception):
    """The bytes end in the middle of a value."""


_FIXED: dict[int, str] = {0xC0: "nil", 0xC1: "never used", 0xC2: "false", 0xC3: "true"}
_NUMBERS: dict[int, tuple[str, str]] = {
    0xCA: (">f", "float 32"),
    0xCB: (">d", "float 64"),
    **{0xCC + n: (form, f"uint {8 << n}") for n, form in enumerate((">B", ">H", ">I", ">Q"))},
    **{0xD0 + n: (form, f"int {8 << n}") for n, form in enumerate((">b", ">h", ">i", ">q"))},
}
_SIZED: dict[int, tuple[str, int, int]] = {
    **{0xC4 + n: ("bin", 1 << n, 0) for n in range(3)},
    **{0xC7 + n: ("ext", 1 << n, 1) for n in range(3)},
    **{0xD9 + n: ("str", 1 << n, 0) for n in range(3)},
    **{0xDC + n: ("array", 2 << n, 0) for n in range(2)},
    **{0xDE + n: ("map", 2 << n, 0) for n in range(2)},
}
"""By first byte: the kind of value, how many bytes hold its length, and how many more precede the content."""


class _Reader:
    """Reads MessagePack (its spec's first byte table) part by part, without recursion."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def spans(self) -> Iterator[Span]:
        """Yield a value and everything inside it; `left` counts the values still to come at each depth."""
        left = [1]
        try:
            while left:
                if not left[-1]:
                    left.pop()
                    continue
                left[-1] -= 1
                start = self.at
                says, inside = self._part()
                yield Span(start, self.data[start : self.at], says, len(left) - 1)
                if inside:
                    left.append(inside)
        except _Cut:
            yield Span(self.at, self.data[self.at :], "cut off here", len(left))
            self.at = len(self.data)

    def _part(self) -> tuple[str, int]:
        """Return a description of the value that starts here, and how many values are inside it."""
        start = self.at
        head = self._take(1)[0]
        try:
            return self._of(head)
        except _Cut:
            self.at = start
            raise

    def _of(self, head: int) -> tuple[str, int]:
        if head <= 0x7F:
            return f"{head}", 0
        if head >= 0xE0:
            return f"{head - 256}", 0
        if head <= 0x9F:
            kind, count = ("map", head & 0x0F) if head <= 0x8F else ("array", head & 0x0F)
            return self._container(kind, count)
        if head <= 0xBF:
            return self._content("str", head & 0x1F), 0
        if head in _FIXED:
            return _FIXED[head], 0
        if head in _NUMBERS:
            form, name = _NUMBERS[head]
            (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
            return f"{number} ({name})", 0
        if 0xD4 <= head <= 0xD8:
            return self._content("ext", 1 + (1 << (head - 0xD4))), 0
        kind, size, more = _SIZED[head]
        count = int.from_bytes(self._take(size), "big")
        if kind in ("map", "array"):
            return self._container(kind, count)
        return self._content(kind, count + more), 0

    @staticmethod
    def _container(kind: str, count: int) -> tuple[str, int]:
        what = "members" if kind == "map" else "values"
        return f"{kind} of {count} {what}", count * 2 if kind == "map" else count

    def _content(self, kind: str, size: int) -> str:
        content = self._take(size)
        if kind != "str":
            return f"{kind} of {size} bytes"
        text = visible(content.decode("utf-8", "replace"))
        return f'"{text if len(text) <= 60 else text[:59] + "…"}"'

    def _take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise _Cut
        self.at += size
        return self.data[self.at - size : self.at]


def _hex(data: bytes) -> str:
    return data.hex(" ") if len(data) <= WIDTH else f"{data[: WIDTH - 1].hex(' ')} …"


def _ascii(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in data)
