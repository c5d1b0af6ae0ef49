"""The frame inspector: every frame as it crosses the wire, explained when you click it."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from html import escape
from math import inf
from typing import Any, ClassVar

import traitlets

from ablykit.panels.composer import Composer
from ablykit.panels.copies import copies, url_of
from ablykit.panels.panel import BUDGET, HasTranscript, Panel, script, style
from ablykit.protocol.codec import NotAFrame
from ablykit.protocol.dissect import dissect
from ablykit.protocol.explanation import explain, in_hex, visible
from ablykit.protocol.redaction import redact
from ablykit.record import Search
from ablykit.record import files as recording
from ablykit.record.reading import Row
from ablykit.record.search import LANGUAGE, TERMS, error_code
from ablykit.record.transcript import ARROWS, Entry, Transcript

RAW_SHOWN = 20_000
"""The most characters of a frame that a page gets."""

STATIC_ROWS = 200
"""The most rows that the static face has: the newest ones."""

SEARCHES = 8
"""The most JMESPath expressions that are tried on each new frame: the newest ones."""

_EVENTS = {
    "open": "The WebSocket was opened.",
    "close": "The WebSocket was closed.",
    "ping": "A WebSocket ping, below all frames: is anyone there? A pong is due.",
    "pong": "A WebSocket pong, below all frames: the answer to a ping.",
    "fault": "A fault rule of the relay did this.",
}


class FrameInspector(Panel):
    """Live rows of frames: number, time, direction, action, channel, summary, answer, size.

    The row of an answer shows how long it took and links to the question. A frame that breaks a rule of the
    protocol is marked. The selected frame is explained member by member and byte by byte, below the list or,
    with `panel.beside = True`, beside it. You can search the rows (see `ablykit.record.search`), pause and
    clear them, and hide HEARTBEATs; WebSocket pings stay hidden until you ask for them. Recordings can be
    saved and opened.

        FrameInspector(conn)

    `source` is a connection, a relay, an embedded Ably or a `Transcript`; `title` is the heading.
    """

    _esm = script("inspector.js")
    _css = style("inspector.css")
    language = traitlets.Dict().tag(sync=True)
    beside = traitlets.Bool(False).tag(sync=True)
    """Whether the explanation stands beside the list, if there is room, instead of below it."""

    def __init__(self, source: HasTranscript | Transcript, title: str = "Frames") -> None:
        self._title = self._own_title = title
        self._live: Transcript | None = None
        """The live transcript to return to, while a recording is shown."""
        self._watched = False
        self._sending = threading.RLock()
        self._searches: deque[Search] = deque(maxlen=SEARCHES)
        self._begin()
        super().__init__(source)
        self.language = {"terms": [term._asdict() for term in TERMS], "examples": LANGUAGE}
        self.on_page(self._on_page)

    def _begin(self) -> None:
        self._sent = 0
        self._behind = False

    def restart(self) -> None:
        """Forget all rows, here and on the page."""
        with self._sending:
            super().restart()
            self._begin()
            self._searches.clear()
            self.to_page({"reset": True})

    def refresh(self) -> None:
        """Send the page the rows it doesn't have yet, for a moment. Nothing is sent before a page asks."""
        with self._sending:
            if self._watched:
                self._send_from(self._sent, BUDGET)

    @property
    def is_behind(self) -> bool:
        """Whether the last update left rows for the next one."""
        return self._behind

    def html(self) -> str:
        """Return the newest rows as a table."""
        self.reading.read()
        entries = [entry for entry in self.transcript if not entry.is_ping]
        shown = entries[-STATIC_ROWS:]
        hidden = {
            "earlier rows": self.transcript.lost + len(entries) - len(shown),
            "WebSocket pings and pongs": len(self.transcript) - len(entries),
        }
        notes = [f"{count} {what} are not shown" for what, count in hidden.items() if count]
        caption = f"<caption>{'; '.join(notes)}</caption>" if notes else ""
        several = len({entry.connection for entry in shown}) > 1
        columns = [column for column in _COLUMNS if several or column != "connection"]
        rows = "".join(_static_row(self.reading.row(e), columns, self.transcript.began) for e in shown)
        head = "".join(f'<th scope="col" {_CELL}>{name}</th>' for name in columns)
        return (
            f'<div class="ablykit-static" style="overflow-x:auto"><b>{escape(self._title)}</b>'
            f'<table style="font-size:90%">{caption}<thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )

    # -- what a page asks

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        asked = self._ASKED.get(str(content.get("want")))
        if asked:
            asked(self, content)

    def _rows_wanted(self, content: dict[str, Any]) -> None:
        """Send a view that was just opened every row from the number that its page has on."""
        number: Any = content.get("from")
        with self._sending:
            self._watched = True
            self._send_from(min(max(number, 0), self._sent) if isinstance(number, int) else 0, inf)

    def _detail_wanted(self, content: dict[str, Any]) -> None:
        self.to_page({"detail": self._detail(content.get("number"))})

    def _find(self, content: dict[str, Any]) -> None:
        """Try a JMESPath expression on every frame, and on each one that comes."""
        try:
            search = Search(f"?{content.get('expression', '')}")
        except ValueError as error:
            return self.to_page({"notice": str(error)})
        with self._sending:
            self._searches.append(search)
            known = self.transcript.since(0)
            numbers = [entry.number for entry in known if entry.number < self._sent and search.finds(entry)]
            self.to_page({"found": [{"expression": search.expression, "numbers": numbers, "all": True}]})
        return None

    def _compose(self, content: dict[str, Any]) -> None:
        """Put a frame into the linked composers."""
        entry = self._entry(content.get("number"))
        composers = [panel for panel in self.linked if isinstance(panel, Composer)]
        if not composers:
            hint = (
                "No composer is linked: run Composer(conn) in a cell, and this frame can be sent from there"
            )
            return self.to_page({"notice": hint})
        for composer in composers:
            composer.write(pretty(entry) if entry else "")
        return self.to_page({"notice": "The frame is in the composer"})

    def _save(self, content: dict[str, Any]) -> None:
        text = recording.dumps(self.transcript).decode()
        self.to_page({"file": {"name": "recording.jsonl", "text": text}})

    def _open(self, content: dict[str, Any]) -> None:
        """Show a recording that the page has read from a file."""
        name = str(content.get("name"))
        try:
            opened = recording.loads(str(content.get("text")).encode(), name)
        except recording.NotARecording as error:
            return self.to_page({"notice": str(error)})
        self._live, self._title = self._live or self.transcript, name
        self.watch(opened)
        return self.to_page({"notice": ""})

    def _back_to_live(self, content: dict[str, Any]) -> None:
        if self._live is not None:
            live, self._live, self._title = self._live, None, self._own_title
            self.watch(live)

    _ASKED: ClassVar[dict[str, "Callable[[FrameInspector, dict[str, Any]], None]"]] = {
        "rows": _rows_wanted,
        "detail": _detail_wanted,
        "find": _find,
        "compose": _compose,
        "save": _save,
        "open": _open,
        "live": _back_to_live,
    }

    # -- what it is told

    def _send_from(self, number: int, budget: float) -> None:
        """Send the rows from an entry on, for `budget` seconds."""
        newest, until = self.transcript.count, time.thread_time() + budget
        self._behind = False
        for rows in self.reading.since(number):
            self.to_page({"from": number, **self._batch(rows)})
            number = rows[-1].entry.number + 1 if rows else number
            self._sent = max(self._sent, number)
            if time.thread_time() > until:
                self._behind = number < newest
                return

    def _batch(self, rows: list[Row]) -> dict[str, Any]:
        began = self.transcript.began
        return {
            "rows": [_row(row, began) for row in rows],
            "found": [
                {"expression": s.expression, "numbers": [r.entry.number for r in rows if s.finds(r.entry)]}
                for s in self._searches
            ],
            "waiting": [entry.number for entry in self.reading.waiting],
            "lost": self.transcript.lost,
            "title": self._title,
            "live": self._live is None,
        }

    def _entry(self, number: Any) -> Entry | None:
        found = self.transcript.since(number)[:1] if isinstance(number, int) else []
        return next((entry for entry in found if entry.number == number), None)

    def _detail(self, number: Any) -> dict[str, Any]:
        entry = self._entry(number)
        if entry is None:
            return {"number": number, "title": "This frame is no longer kept", "sentence": "", "rows": []}
        with self.reading as known:
            row, details = known.row(entry), known.facts(entry.connection).details
        bytes_shown = str(dissect(entry.raw, entry.direction)) if entry.kind == "frame" else ""
        return {
            "number": number,
            "raw": _shown(entry),
            "bytes": visible_lines(bytes_shown),
            "broken": _broken(row),
            "pair": _pair(row),
            "copies": copies(entry, url_of(self.transcript, entry.connection)),
            **_explained(entry, details.get("maxMessageSize")),
        }


def _broken(row: Row) -> list[str]:
    """Return the rules that an entry breaks, in words."""
    return [visible(f"{f.rule.name} ({f.rule.clause}, {f.rule.side}): {f.words}") for f in row.broken]


def _pair(row: Row) -> dict[str, Any] | None:
    """Return the other half of a question or an answer, and a word about it."""
    if row.answers:
        first, *more = (pair.ask.number for pair in row.answers)
        others = f" and {len(more)} more" if more else ""
        return {"number": first, "text": f"answers #{first}{others}, after {row.ms:.1f} ms"}
    if row.answer is None or row.answer.answer is None:
        return None
    number = row.answer.answer.number
    return {"number": number, "text": f"answered by #{number}, after {row.answer.ms:.1f} ms"}


_COLUMNS = ("#", "time", "connection", "", "action", "channel", "what it says", "answer", "bytes")

_CELL = 'style="text-align:left;white-space:nowrap;padding:.1em .6em"'
"""Written into each cell, since a page that does not trust a notebook drops its style sheets."""


def _seconds(entry: Entry, began: float) -> str:
    return f"+{max(entry.at - began, 0) / 1000:.3f} s"


def _row(row: Row, began: float) -> dict[str, Any]:
    entry = row.entry
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
        "code": error_code(entry),
        "ms": row.ms,
        "answers": [pair.ask.number for pair in row.answers],
        "broken": _broken(row),
    }


def _static_row(row: Row, columns: list[str], began: float) -> str:
    entry, broken = row.entry, _broken(row)
    cells = {
        "#": str(entry.number),
        "time": _seconds(entry, began),
        "connection": visible(entry.connection),
        "": ARROWS[entry.direction],
        "action": entry.action,
        "channel": entry.channel,
        "what it says": f"{'⚠ ' if broken else ''}{entry.summary}",
        "answer": f"of #{row.answers[0].ask.number}" if row.answers else "",
        "bytes": str(entry.size) if entry.kind == "frame" else "",
    }
    title = f' title="{escape(" ".join(broken))}"' if broken else ""
    return f"<tr{title}>{''.join(f'<td {_CELL}>{escape(cells[name])}</td>' for name in columns)}</tr>"


def pretty(entry: Entry) -> str:
    """Return the frame as text, one member a line if it is an object, with stars in place of secrets."""
    frame = entry.frame
    return redact(json.dumps(frame, indent=2, ensure_ascii=False, default=in_hex) if frame else entry.text)


def _shown(entry: Entry) -> str:
    text = visible_lines(pretty(entry))
    return text if len(text) <= RAW_SHOWN else f"{text[:RAW_SHOWN]}…\n({len(text)} characters)"


def visible_lines(text: str) -> str:
    """Return text with everything shown as escapes that could disguise it."""
    return "\n".join(map(visible, text.split("\n")))


def _explained(entry: Entry, limit: Any) -> dict[str, Any]:
    if entry.kind != "frame":
        return {"title": entry.action, "sentence": _EVENTS[entry.kind], "rows": []}
    try:
        known = limit if isinstance(limit, int) and limit > 0 else None
        found = explain(entry.raw, max_message_size=known)
    except (NotAFrame, KeyError):
        said = "This is not a frame: a frame is an object with an action."
        return {"title": "Not a frame", "sentence": said, "rows": []}
    rows = [
        {
            "name": visible(row.name),
            "value": visible(row.value),
            "sentence": row.meaning.sentence,
            "note": " · ".join(filter(None, (row.meaning.unit, row.meaning.clause))),
            "depth": row.depth,
        }
        for row in found.rows
    ]
    return {"title": found.title, "sentence": found.sentence, "rows": rows}
