"""Transcripts as files: JSON Lines, which lose nothing, and HAR, which browsers' tools read."""

import base64
import json
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from ablykit.protocol.credentials import redact, redact_binary
from ablykit.transcript import Entry, Transcript

FORMAT = "ablykit-recording"
VERSION = 1
_HEAD = json.dumps({"format": FORMAT, "version": VERSION}).encode()


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """An entry as a line of a recording; `text` for what was text, `base64` for what was binary."""

    number: int
    at: float
    connection: str
    direction: str
    kind: str
    text: str | None = None
    base64: str | None = None


class NotARecording(ValueError):
    """A file that is no recording; the message says which line is wrong, and how."""


def save(entries: Iterable[Entry], path: str | Path) -> int:
    """Write entries as a recording; tells how many. Secrets were made stars when they were noted."""
    data = dumps(entries)
    Path(path).write_bytes(data)
    return data.count(b"\n") - 1


def dumps(entries: Iterable[Entry]) -> bytes:
    """Entries as a recording's bytes."""
    return b"\n".join([_HEAD, *(msgspec.json.encode(_line(entry)) for entry in entries)]) + b"\n"


class Recorder:
    """Writes a transcript into a file as it happens, so that a sudden end loses nothing.

    What has happened already goes in first. `close` it at the end, or use it in a `with`. Raises
    `OSError` when the file can't be written.
    """

    def __init__(self, transcript: Transcript, path: str | Path) -> None:
        self._file = Path(path).open("wb", buffering=0)  # noqa: SIM115  closed by `close`
        self._file.write(_HEAD + b"\n")
        self._lock = threading.Lock()
        self.count = 0
        self._stop = transcript.listen(self._catch_up)
        self._transcript = transcript
        self._catch_up()

    def _catch_up(self, _: Entry | None = None) -> None:
        with self._lock:
            for entry in self._transcript.since(self.count):
                self._file.write(msgspec.json.encode(_line(entry)) + b"\n")
                self.count = entry.number + 1

    def close(self) -> None:
        """Write no more."""
        self._stop()
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def load(path: str | Path) -> Transcript:
    """The transcript in a recording. Raises `NotARecording`, or `OSError` when there is no file."""
    return loads(Path(path).read_bytes(), str(path))


def loads(data: bytes, name: str = "this file") -> Transcript:
    """The transcript in a recording's bytes; `name` is what an error calls it. Raises `NotARecording`."""
    transcript = Transcript()
    lines = data.splitlines()
    _check_head(lines[0] if lines else b"", name)
    decoder = msgspec.json.Decoder(Line)
    for number, raw in enumerate(lines[1:], start=2):
        try:
            transcript.restore(_entry(decoder.decode(raw)))
        except (msgspec.MsgspecError, ValueError) as error:
            raise NotARecording(f"{name}, line {number}: {error}") from error
    return transcript


def har(entries: Iterable[Entry]) -> dict[str, Any]:
    """Entries in the HTTP Archive format, WebSocket messages as Chromium writes them.

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


def _entry(line: Line) -> Entry:
    if line.direction not in ("in", "out"):
        raise ValueError(f"direction is in or out, not {line.direction!r}")
    if line.kind not in ("frame", "open", "close", "ping", "pong"):
        raise ValueError(f"kind {line.kind!r} is unknown")
    if (line.text is None) == (line.base64 is None):
        raise ValueError("a line has text or base64, one of them")
    binary = base64.b64decode(line.base64 or "", validate=True)
    raw = redact(line.text) if line.text is not None else redact_binary(binary)
    return Entry(line.number, line.at, line.connection, line.direction, line.kind, raw)


def _check_head(raw: bytes, path: str) -> None:
    try:
        head: Any = json.loads(raw)
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:  # type: ignore[reportUnknownMemberType]
        raise NotARecording(f"{path} is no recording: its first line does not say so")
    if head.get("version") != VERSION:  # type: ignore[reportUnknownMemberType]
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
