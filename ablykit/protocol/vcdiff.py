"""Encode VCDIFF deltas (RFC 3284), which turn one payload into the next, for attachments with `delta=vcdiff`.

The delta has one window, with the whole base as its source, and uses only the simple instructions of the
default code table. Every decoder understands that, and a delta is still small: nearly all of it is the text
that is new.
"""

HEADER = b"\xd6\xc3\xc4\x00\x00"
"""The magic number, version 0, no secondary compressor and no custom code table (§4.1)."""

VCD_SOURCE = 1
"""The flag that says that the window copies from the base (§4.2)."""

SHORTEST = 4
"""The shortest run that is copied: writing out a shorter one takes no more bytes."""

_WIDTH = 8
_BLOCKS = 4_096
_CHUNK = 256


def encode(base: bytes, target: bytes) -> bytes:
    """Return the delta that turns `base`, which must not be empty, into `target`.

    It takes time in proportion to the length of both, whatever they contain: a client can't send data that
    makes it slow.
    """
    data, instructions, addresses = bytearray(), bytearray(), bytearray()
    for piece in _pieces(base, target):
        if isinstance(piece, bytes):
            data += piece
            _instruct(instructions, len(piece), bare=1, shortest=1, longest=17)
        else:
            start, size = piece
            addresses += _integer(start)
            _instruct(instructions, size, bare=19, shortest=4, longest=18)
    sections = (bytes(data), bytes(instructions), bytes(addresses))
    lengths = b"".join(_integer(len(section)) for section in sections)
    window = b"".join((_integer(len(target)), b"\x00", lengths, *sections))
    return b"".join(
        (HEADER, bytes((VCD_SOURCE,)), _integer(len(base)), b"\x00", _integer(len(window)), window)
    )


def _instruct(instructions: bytearray, size: int, *, bare: int, shortest: int, longest: int) -> None:
    """Append an ADD or COPY instruction: one byte for a common size, otherwise `bare` and the size (§5.6)."""
    if shortest <= size <= longest:
        instructions.append(bare + 1 + size - shortest)
    else:
        instructions.append(bare)
        instructions.extend(_integer(size))


def _integer(value: int) -> bytes:
    """Return an integer in base 128: seven bits a byte, the high bit set in all but the last (§2)."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | value & 0x7F)
    return bytes(reversed(parts))


Piece = bytes | tuple[int, int]
"""A piece of the target: new bytes, or the (start, size) of a run in the base."""


def _pieces(base: bytes, target: bytes) -> list[Piece]:
    """Return the pieces of a target: its common start and end with the base, and what is found in between."""
    head = _alike(base, target)
    rest = min(len(base), len(target)) - head
    tail = _alike(base[::-1][:rest], target[::-1][:rest]) if rest else 0
    head, tail = (size if size >= SHORTEST else 0 for size in (head, tail))
    pieces: list[Piece] = [(0, head)] if head else []
    pieces += _between(base, target, head, len(target) - tail)
    return [*pieces, (len(base) - tail, tail)] if tail else pieces


def _between(base: bytes, target: bytes, at: int, end: int) -> list[Piece]:
    """Return the pieces of a target from `at` to `end`: runs found anywhere in the base, and new bytes."""
    if at >= end:
        return []
    stride = max(1, len(base) // _BLOCKS)
    places = reversed(
        range(0, len(base) - _WIDTH + 1, stride)
    )  # the first of equal blocks: most may follow it
    blocks = {base[place : place + _WIDTH]: place for place in places}
    pieces: list[Piece] = []
    new = at
    while at <= end - _WIDTH:
        start = blocks.get(target[at : at + _WIDTH])
        if start is None:
            at += 1
            continue
        while at > new and start > 0 and base[start - 1] == target[at - 1]:
            start, at = start - 1, at - 1
        size = _run(base, start, target, at, end)
        if at > new:
            pieces.append(target[new:at])
        pieces.append((start, size))
        new = at = at + size
    return [*pieces, target[new:end]] if new < end else pieces


def _run(base: bytes, start: int, target: bytes, at: int, end: int) -> int:
    """Return how many bytes base and target have in common, from `start` and `at` on."""
    size = 0
    while True:
        here = at + size
        part = _alike(base[start + size : start + size + _CHUNK], target[here : min(here + _CHUNK, end)])
        size += part
        if part < _CHUNK:
            return size


def _alike(one: bytes, two: bytes) -> int:
    """Return the length of the common start of two texts.

    Compared as big-endian integers, they differ from the first different byte on. This is far faster in
    Python than a loop over the bytes.
    """
    size = min(len(one), len(two))
    difference = int.from_bytes(one[:size]) ^ int.from_bytes(two[:size])
    return size - (difference.bit_length() + 7) // 8
