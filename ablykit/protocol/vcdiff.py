"""VCDIFF (RFC 3284): what turns one payload into the next, for channels attached with `delta=vcdiff`.

Only encoding: it writes the default code table's plain instructions, in one window, with the whole
base as its source. That is all a decoder needs, and little beside what is copied.
"""

HEADER = b"\xd6\xc3\xc4\x00\x00"
"""The magic, version 0, and no secondary compressor or own code table (§4.1)."""

VCD_SOURCE = 1
"""The window copies from the base (§4.2)."""

SHORTEST = 4
"""The shortest run that is copied: a shorter one is written out in as few bytes."""

_WIDTH = 8
_BLOCKS = 4_096
_CHUNK = 256


def encode(base: bytes, target: bytes) -> bytes:
    """Return the delta that makes `target` out of `base`, which is not empty.

    It takes time in proportion to the two together, whatever is in them.
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
    """An ADD or a COPY by its address: one byte for a usual size, else the bare one and the size (§5.6)."""
    if shortest <= size <= longest:
        instructions.append(bare + 1 + size - shortest)
    else:
        instructions.append(bare)
        instructions.extend(_integer(size))


def _integer(value: int) -> bytes:
    """A number, seven bits a byte, all but the last with the high bit set (§2)."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | value & 0x7F)
    return bytes(reversed(parts))


Piece = bytes | tuple[int, int]
"""What a target is put together from: bytes that are new, or (start, size) of a run of the base."""


def _pieces(base: bytes, target: bytes) -> list[Piece]:
    """A target taken apart: what it begins and ends with like the base, and between these what is found."""
    head = _alike(base, target)
    rest = min(len(base), len(target)) - head
    tail = _alike(base[::-1][:rest], target[::-1][:rest]) if rest else 0
    head, tail = (size if size >= SHORTEST else 0 for size in (head, tail))
    pieces: list[Piece] = [(0, head)] if head else []
    pieces += _between(base, target, head, len(target) - tail)
    return [*pieces, (len(base) - tail, tail)] if tail else pieces


def _between(base: bytes, target: bytes, at: int, end: int) -> list[Piece]:
    """The part of a target from `at` to `end`: runs that are found anywhere in the base, and the rest."""
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
    """How long base and target are alike, from a place in each on."""
    size = 0
    while True:
        here = at + size
        part = _alike(base[start + size : start + size + _CHUNK], target[here : min(here + _CHUNK, end)])
        size += part
        if part < _CHUNK:
            return size


def _alike(one: bytes, two: bytes) -> int:
    """How many bytes two texts begin alike with: as numbers, they differ from their first other byte on."""
    size = min(len(one), len(two))
    difference = int.from_bytes(one[:size]) ^ int.from_bytes(two[:size])
    return size - (difference.bit_length() + 7) // 8
