"""The frame inspector: every frame that crosses the wire, as it comes, explained on a click."""

import json
import threading
from html import escape
from itertools import takewhile
from typing import Any

from ablykit.analysis import Finding, Linter, Pairing
from ablykit.panels.panel import HasTranscript, Panel, script, style
from ablykit.protocol.codec import NotAFrame
from ablykit.protocol.credentials import redact
from ablykit.protocol.explain import explain, visible
from ablykit.transcript import ARROWS, Entry, Transcript

BATCH = 2_000
"""How many rows go to the page in one piece."""

RAW_SHOWN = 20_000
"""How many characters of a frame a page is shown at most."""

STATIC_ROWS = 200
"""How many rows the face without a kernel has at most: the newest ones."""


class FrameInspector(Panel):
    """Live rows of frames: time, direction, action, channel, summary, size.

    An answer's row tells how long it took, and a frame that breaks a rule of the protocol is marked. A
    click on a row, or Enter, shows the frame explained member by member. Rows can be searched, held
    still and cleared, HEARTBEATs hidden.

        FrameInspector(conn)

    `source` is a connection or a `Transcript`, `title` what stands above the rows.
    """

    _esm = script("inspector.js")
    _css = style("inspector.css")

    def __init__(self, source: HasTranscript | Transcript, title: str = "Frames") -> None:
        self._title = title
        self._sent = 0
        self._watched = False
        self._sending = threading.RLock()
        self._notes = Notes()
        super().__init__(source)
        self.on_page(self._on_page)

    def refresh(self) -> None:
        """Send the page the rows it has not got yet; nothing before a page asks."""
        with self._sending:
            if self._watched:
                self._send_from(self._sent)

    def html(self) -> str:
        """The newest rows as a table."""
        entries = list(self.transcript)
        self._notes.read(self.transcript)
        hidden = self.transcript.lost + max(len(entries) - STATIC_ROWS, 0)
        note = f"<caption>{hidden} earlier rows are not shown</caption>" if hidden else ""
        rows = "".join(_static_row(e, self.transcript.began, self._notes) for e in entries[-STATIC_ROWS:])
        head = "".join(f'<th scope="col" {_CELL}>{name}</th>' for name in _COLUMNS)
        return (
            f'<div class="ablykit-static" style="overflow-x:auto"><b>{escape(self._title)}</b>'
            f'<table style="font-size:90%">{note}<thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        """A page asks: for all rows, as it has just been opened, or for one frame explained."""
        if content.get("want") == "rows":
            with self._sending:
                self._watched = True
                self._send_from(0)
        elif content.get("want") == "detail":
            self.to_page({"detail": self._detail(content.get("number"))})

    def _send_from(self, number: int) -> None:
        entries = self.transcript.since(number)
        self._notes.read(self.transcript)
        began, lost = self.transcript.began, self.transcript.lost
        for start in range(0, len(entries), BATCH) or (0,):
            rows = [_row(entry, began, self._notes) for entry in entries[start : start + BATCH]]
            self.to_page({"rows": rows, "lost": lost, "title": self._title})
        if entries:
            self._sent = max(self._sent, entries[-1].number + 1)

    def _detail(self, number: Any) -> dict[str, Any]:
        for entry in self.transcript.since(number)[:1] if isinstance(number, int) else ():
            if entry.number == number:
                self._notes.read(self.transcript)
                broken = self._notes.broken.get(entry.number, [])
                return {"number": number, "raw": _shown(entry), "broken": broken, **_explained(entry)}
        return {
            "number": number,
            "title": "This frame is no longer kept",
            "sentence": "",
            "rows": [],
        }


class Notes:
    """What is understood of a transcript, entry by entry: times of answers, and rules broken."""

    def __init__(self) -> None:
        self._pairing, self._linter = Pairing(), Linter()
        self._read = 0
        self.times: dict[int, float] = {}
        """For the number of an answer, how many ms it took."""
        self.broken: dict[int, list[str]] = {}
        """For the number of an entry, which rules it breaks, in words."""

    def read(self, transcript: Transcript) -> None:
        """Take in what came since the last time; forget what fell out of the transcript."""
        for entry in transcript.since(self._read):
            for pair in self._pairing.take(entry):
                self.times[entry.number] = pair.ms or 0.0
            if found := self._linter.take(entry):
                self.broken[entry.number] = [visible(_in_words(finding)) for finding in found]
            self._read = entry.number + 1
        for notes in (self.times, self.broken):
            for number in list(takewhile(lambda n: n < transcript.lost, notes)):
                del notes[number]


def _in_words(finding: Finding) -> str:
    rule = finding.rule
    return f"{rule.name} ({rule.clause}, {rule.side}): {finding.words}"


_COLUMNS = ("time", "", "action", "channel", "what it says", "bytes")

_CELL = 'style="text-align:left;white-space:nowrap;padding:.1em .6em"'
"""Written into each cell, since a page that does not trust a notebook drops its style sheets."""


def _seconds(entry: Entry, began: float) -> str:
    return f"+{max(entry.at - began, 0) / 1000:.3f} s"


def _row(entry: Entry, began: float, notes: Notes) -> dict[str, Any]:
    error: Any = (entry.frame or {}).get("error")
    return {
        "number": entry.number,
        "time": _seconds(entry, began),
        "direction": entry.direction,
        "kind": entry.kind,
        "action": entry.action,
        "channel": entry.channel,
        "summary": entry.summary,
        "size": entry.size if entry.kind == "frame" else None,
        "connection": entry.connection,
        "code": error.get("code") if isinstance(error, dict) else None,  # type: ignore[reportUnknownMemberType]
        "ms": notes.times.get(entry.number),
        "broken": notes.broken.get(entry.number, []),
    }


def _static_row(entry: Entry, began: float, notes: Notes) -> str:
    size = str(entry.size) if entry.kind == "frame" else ""
    broken = notes.broken.get(entry.number, [])
    said = f"{'⚠ ' if broken else ''}{entry.summary}"
    cells = (_seconds(entry, began), ARROWS[entry.direction], entry.action, entry.channel, said, size)
    title = f' title="{escape(" ".join(broken))}"' if broken else ""
    return f"<tr{title}>{''.join(f'<td {_CELL}>{escape(cell)}</td>' for cell in cells)}</tr>"


def _shown(entry: Entry) -> str:
    """The frame as text, a member a line where it is an object."""
    frame = entry.frame
    text = json.dumps(frame, indent=2, ensure_ascii=False, default=repr) if frame else entry.text
    text = redact(text)
    return text if len(text) <= RAW_SHOWN else f"{text[:RAW_SHOWN]}…\n({len(text)} characters)"


def _explained(entry: Entry) -> dict[str, Any]:
    if entry.kind != "frame":
        what = "The WebSocket was opened." if entry.kind == "open" else "The WebSocket was closed."
        return {"title": entry.action, "sentence": what, "rows": []}
    try:
        found = explain(entry.raw)
    except (NotAFrame, KeyError):
        said = "This is not a frame: a frame is an object with an action."
        return {"title": "Not a frame", "sentence": said, "rows": []}
    rows = [
        {
            "name": row.name,
            "value": visible(row.value),
            "sentence": row.meaning.sentence,
            "note": " · ".join(filter(None, (row.meaning.unit, row.meaning.clause))),
            "depth": row.depth,
        }
        for row in found.rows
    ]
    return {"title": found.title, "sentence": found.sentence, "rows": rows}
