"""The frame inspector: every frame that crosses the wire, as it comes, explained on a click."""

import json
from html import escape
from typing import Any

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

    A click on a row, or Enter, shows the frame explained member by member. HEARTBEATs can be
    hidden, rows cleared.

        FrameInspector(conn)

    `source` is a connection or a `Transcript`, `title` what stands above the rows.
    """

    _esm = script("inspector.js")
    _css = style("inspector.css")

    def __init__(self, source: HasTranscript | Transcript, title: str = "Frames") -> None:
        self._title = title
        self._sent = 0
        self._watched = False
        super().__init__(source)
        self.on_page(self._on_page)

    def refresh(self) -> None:
        """Send the page the rows it has not got yet; nothing before a page asks."""
        if self._watched:
            self._send_from(self._sent)

    def html(self) -> str:
        """The newest rows as a table."""
        entries = list(self.transcript)
        hidden = self.transcript.lost + max(len(entries) - STATIC_ROWS, 0)
        note = f"<caption>{hidden} earlier rows are not shown</caption>" if hidden else ""
        rows = "".join(_static_row(entry, self.transcript.began) for entry in entries[-STATIC_ROWS:])
        head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
        return (
            f'<div class="ablykit-static"><style>{_STATIC_CSS}</style><b>{escape(self._title)}</b>'
            f"<table>{note}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        """A page asks: for all rows, as it has just been opened, or for one frame explained."""
        if content.get("want") == "rows":
            self._watched = True
            self._send_from(0)
        elif content.get("want") == "detail":
            self.to_page({"detail": self._detail(content.get("number"))})

    def _send_from(self, number: int) -> None:
        entries = self.transcript.since(number)
        began, lost = self.transcript.began, self.transcript.lost
        for start in range(0, len(entries), BATCH) or (0,):
            rows = [_row(entry, began) for entry in entries[start : start + BATCH]]
            self.to_page({"rows": rows, "lost": lost, "title": self._title})
        if entries:
            self._sent = max(self._sent, entries[-1].number + 1)

    def _detail(self, number: Any) -> dict[str, Any]:
        for entry in self.transcript.since(number)[:1] if isinstance(number, int) else ():
            if entry.number == number:
                return {"number": number, "raw": _shown(entry), **_explained(entry)}
        return {
            "number": number,
            "title": "This frame is no longer kept",
            "sentence": "",
            "rows": [],
        }


_COLUMNS = ("time", "", "action", "channel", "what it says", "bytes")

_STATIC_CSS = (
    ".ablykit-static table{border-collapse:collapse;font-size:90%}"
    ".ablykit-static caption{text-align:left;opacity:.75}"
    ".ablykit-static th,.ablykit-static td{text-align:left!important;padding:.1em .6em;"
    "border-top:1px solid color-mix(in srgb,currentColor 18%,transparent);max-width:36em;"
    "overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
)


def _seconds(entry: Entry, began: float) -> str:
    return f"+{max(entry.at - began, 0) / 1000:.3f} s"


def _row(entry: Entry, began: float) -> dict[str, Any]:
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
    }


def _static_row(entry: Entry, began: float) -> str:
    size = str(entry.size) if entry.kind == "frame" else ""
    cells = (
        _seconds(entry, began),
        ARROWS[entry.direction],
        entry.action,
        entry.channel,
        entry.summary,
        size,
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


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
