"""Transcripts as files: JSON Lines, which lose nothing, and HAR, which browsers' tools read."""

import base64
import contextlib
import json
import logging
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from ablykit.protocol.redaction import redact, redact_binary
from ablykit.record.transcript import Entry, Transcript, is_kind

FORMAT = "ablykit-recording"
VERSION = 1
_HEAD = json.dumps({"format": FORMAT, "version": VERSION}).encode()
_NO_YEAR = 253_402_300_800_000
"""The first ms after the year 9999, the last year that Python's dates can hold."""

_log = logging.getLogger("ablykit.record.files")


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """An entry as a line of a recording; `text` for what was text, `base64` for what was binary."""

    number: int
    at: float
    connection: str
    direction: str
    kind: str
    text: str | None = None
    base64: str | None = None


class _Head(msgspec.Struct):
    """The first line of a recording."""

    format: str
    version: int


class NotARecording(ValueError):
    """The file is not a recording; the message says why."""


def save(entries: Iterable[Entry], path: str | Path) -> int:
    """Write entries to a recording and return how many. The transcript already replaced secrets by stars."""
    data = dumps(entries)
    Path(path).write_bytes(data)
    return data.count(b"\n") - 1


def dumps(entries: Iterable[Entry]) -> bytes:
    """Return entries as the bytes of a recording."""
    return b"\n".join([_HEAD, *(msgspec.json.encode(_line(entry)) for entry in entries)]) + b"\n"


class Recorder:
    """Write a transcript to a file as it happens, so that a sudden end loses nothing.

    What has happened already goes in first. `close` it at the end, or use it in a `with`. Raises
    `OSError` when the file can't be opened or takes nothing. When it takes no more later on, such as on a
    full disk, what passes goes on passing: the file ends with its last whole line, `failure` says why, and
    an error is logged.
    """

    def __init__(self, transcript: Transcript, path: str | Path) -> None:
        self.count, self.failure = 0, None
        self._path = path
        self._file = Path(path).open("wb", buffering=0)  # noqa: SIM115  closed by `close`
        self._whole = 0
        self._write(_HEAD)
        self._lock = threading.Lock()
        self._next = 0
        self._stop = transcript.listen(self._catch_up)
        self._transcript = transcript
        self._catch_up()

    count: int
    """How many entries the file has."""

    failure: OSError | None
    """Why the file takes no more entries; None while it does."""

    def _catch_up(self, _: Entry | None = None) -> None:
        with self._lock:
            if self.failure or self._file.closed:
                return None
            for entry in self._transcript.since(self._next):
                try:
                    self._write(msgspec.json.encode(_line(entry)))
                except OSError as error:
                    return self._give_up(error)
                self.count += 1
                self._next = entry.number + 1
        return None

    def _write(self, data: bytes) -> None:
        """Write one line. A nearly full disk takes the first part of a line and refuses only the rest."""
        left = memoryview(data + b"\n")
        while left:
            left = left[self._file.write(left) :]
        self._whole += len(data) + 1

    def _give_up(self, error: OSError) -> None:
        self.failure = error
        with contextlib.suppress(OSError):  # a pipe has no end to cut off
            self._file.truncate(self._whole)
        _log.error(
            "%s can't be written any more: %s. It has the first %d entries; what comes now is not recorded.",
            self._path,
            error.strerror,
            self.count,
        )

    def close(self) -> None:
        """Stop writing."""
        self._stop()
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def load(path: str | Path) -> Transcript:
    """Return the transcript in a recording; see `loads`. Raises `OSError` if the file can't be read."""
    return loads(Path(path).read_bytes(), str(path))


def loads(data: bytes, name: str = "this file") -> Transcript:
    """Return the transcript in the bytes of a recording; errors call it `name`.

    Where a line is damaged, the entries before it are given, and the transcript's `damage` says so: a full
    disk or a lost machine leaves half a line. Raises `NotARecording` when not even the first entry can be
    read.
    """
    transcript = Transcript()
    lines = data.splitlines()
    _check_head(lines[0] if lines else b"", name)
    decoder = msgspec.json.Decoder(Line)
    for number, raw in enumerate(lines[1:], start=2):
        try:
            transcript.restore(_entry(decoder.decode(raw), transcript.count))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            if number == 2:
                raise NotARecording(f"{name}, line 2: {error}") from error
            transcript.damage = (
                f"{name} is damaged in line {number}: {error}. The {number - 2} entries before it are good; "
                f"{_lines(len(lines) - number + 1)} not read"
            )
            break
    return transcript


def har(entries: Iterable[Entry]) -> dict[str, Any]:
    """Return entries in the HTTP Archive format, with WebSocket messages as Chromium writes them.

    Give it to `json.dump`. Each connection is one entry of the archive.
    """
    connections: dict[str, list[Entry]] = {}
    for entry in entries:
        connections.setdefault(entry.connection, []).append(entry)
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "ablykit", "version": str(VERSION)},
            "entries": [_har_entry(mine) for mine in connections.values()],
        }
    }


def _line(entry: Entry) -> Line:
    raw = entry.raw
    return Line(
        number=entry.number,
        at=entry.at,
        connection=entry.connection,
        direction=entry.direction,
        kind=entry.kind,
        text=raw if isinstance(raw, str) else None,
        base64=base64.b64encode(raw).decode() if isinstance(raw, bytes) else None,
    )


def _lines(count: int) -> str:
    return "this line is" if count == 1 else f"this line and {count - 1} after it are"


def _entry(line: Line, least: int) -> Entry:
    if line.number < least:
        raise ValueError(f"number {line.number} does not come after {least - 1}")
    if not 0 <= line.at < _NO_YEAR:
        raise ValueError(f"at is in ms since 1970, not {line.at:g}")
    if line.direction not in ("in", "out"):
        raise ValueError(f"direction is in or out, not {line.direction!r}")
    if not is_kind(line.kind):
        raise ValueError(f"kind {line.kind!r} is unknown")
    if (line.text is None) == (line.base64 is None):
        raise ValueError("a line has text or base64, one of them")
    binary = base64.b64decode(line.base64 or "", validate=True)
    raw = redact(line.text) if line.text is not None else redact_binary(binary)
    return Entry(line.number, line.at, line.connection, line.direction, line.kind, raw)


def _check_head(raw: bytes, path: str) -> None:
    try:
        head = msgspec.json.decode(raw, type=_Head)
    except (msgspec.MsgspecError, RecursionError):
        head = None
    if head is None or head.format != FORMAT:
        raise NotARecording(f"{path} is no recording: its first line does not say so")
    if head.version != VERSION:
        raise NotARecording(f"{path} was written by another version of ablykit")


def _har_entry(entries: list[Entry]) -> dict[str, Any]:
    opened = next((str(entry.raw) for entry in entries if entry.kind == "open"), "wss://unknown/")
    began = datetime.fromtimestamp(entries[0].at / 1000, UTC).isoformat().replace("+00:00", "Z")
    both: dict[str, Any] = {
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "headersSize": -1,
        "bodySize": 0,
    }
    no_content: dict[str, Any] = {"content": {"size": 0, "mimeType": "x-unknown"}, "redirectURL": ""}
    return {
        "startedDateTime": began,
        "time": entries[-1].at - entries[0].at,
        "request": {"method": "GET", "url": opened, "queryString": [], **both},
        "response": {"status": 101, "statusText": "Switching Protocols", **no_content, **both},
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        "_resourceType": "websocket",
        "_webSocketMessages": [_har_message(entry) for entry in entries if entry.kind == "frame"],
    }


def _har_message(entry: Entry) -> dict[str, Any]:
    binary = isinstance(entry.raw, bytes)
    return {
        "type": "send" if entry.direction == "out" else "receive",
        "time": entry.at / 1000,
        "opcode": 2 if binary else 1,
        "data": base64.b64encode(entry.raw).decode() if isinstance(entry.raw, bytes) else entry.raw,
    }
