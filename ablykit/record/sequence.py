"""A transcript as a sequence diagram: lifelines for each client and the service, frames as arrows.

`svg` draws it, `mermaid` writes it as text for pages that draw it themselves.
"""

from collections.abc import Container, Iterable, Iterator
from html import escape
from typing import Literal

from ablykit.protocol import Action
from ablykit.protocol.explanation import visible
from ablykit.record.reading import lint
from ablykit.record.transcript import Entry, Transcript

Spacing = Literal["even", "time"]

ROW, LANE, MARGIN, HEAD = 26, 330, 130, 46
PER_MS, LONGEST = 0.1, 200
"""With true time: the pixels that a millisecond takes, and the most that a pause takes."""

WIDEST, NARROWEST = 570, 100
"""The most that the lanes of all clients take together, so that the service stays in sight, and the least
that one takes."""

LABEL = 42
"""How many characters of a label are drawn."""

FAULTS = frozenset({Action.ERROR, Action.NACK, Action.DISCONNECTED})
"""The actions that report an error, and are drawn that way."""

_COLORS = {"in": "#2e7d32", "out": "#1565c0", "fault": "#c62828"}
_STYLE = (
    ".ablykit-sequence{font:12px ui-monospace,monospace}"
    ".ablykit-sequence text{fill:currentColor}"
    ".ablykit-sequence .life{stroke:currentColor;opacity:.35;stroke-dasharray:4 4}"
    ".ablykit-sequence .at{font-size:10.5px;opacity:.75}"
    ".ablykit-sequence .band{fill:transparent}"
    ".ablykit-sequence .bad{fill:#c62828}"
)


def svg(
    entries: Iterable[Entry],
    spacing: Spacing = "even",
    *,
    broken: Container[int] | None = None,
    left_out: int = 0,
) -> str:
    """Return the diagram as an SVG element. Time goes downward, evenly spaced, or (`"time"`) as it passed,
    long pauses cut short.

    `broken` are the numbers of entries that break a rule; without it the entries are linted here, which is
    right for a whole transcript only. `left_out` is how many entries before these are not drawn: the diagram
    says so. What frames say is text in it, never markup.
    """
    listed = list(entries)
    clients = list(dict.fromkeys(entry.connection for entry in listed)) or ["client"]
    lane = max(min(LANE, WIDEST // len(clients)), NARROWEST)
    places = {name: MARGIN + lane * n for n, name in enumerate(clients)}
    service = MARGIN + lane * len(clients)
    head = HEAD + ROW if left_out else HEAD
    rows = list(_rows(listed, spacing, head))
    width, height = service + MARGIN // 2, (rows[-1] if rows else head) + ROW
    lifelines = [_lifeline(x, name, lane, height) for name, x in (*places.items(), ("service", service))]
    if left_out:
        lifelines.append(f'<text class="at" x="4" y="{HEAD + 12}">{_earlier(left_out)}</text>')
    if broken is None:
        source = entries if isinstance(entries, Transcript) else listed
        broken = {finding.entry.number for finding in lint(source)}
    began = listed[0].at if listed else 0.0
    arrows = [
        _arrow(entry, places[entry.connection], service, y, began, broken=entry.number in broken)
        for entry, y in zip(listed, rows, strict=True)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ablykit-sequence" role="img" color="#222" '
        f'aria-label="{escape(_in_words(listed, clients))}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><style>{_STYLE}</style>{_PAPER}{_MARKERS}'
        f"{''.join(lifelines + arrows)}</svg>"
    )


def mermaid(entries: Iterable[Entry], *, left_out: int = 0) -> str:
    """Return the diagram in Mermaid's language, for pages and wikis that draw it (see `svg`)."""
    listed = list(entries)
    clients = list(dict.fromkeys(entry.connection for entry in listed))
    lines = ["sequenceDiagram"]
    lines += [f"    participant C{n} as {_plain(name)}" for n, name in enumerate(clients)]
    lines.append("    participant S as service")
    if left_out:
        lines.append(f"    Note over S: {_plain(_earlier(left_out))}")
    for entry in listed:
        client = f"C{clients.index(entry.connection)}"
        if entry.kind in ("close", "fault"):
            note = f"closed {entry.raw}" if entry.kind == "close" else label(entry)
            lines.append(f"    Note over {client},S: {_plain(note)}")
            continue
        ends = (client, "S") if entry.direction == "out" else ("S", client)
        arrow = "--x" if _is_fault(entry) else "->>"
        lines.append(f"    {ends[0]}{arrow}{ends[1]}: {_plain(label(entry))}")
    return "\n".join(lines) + "\n"


def _earlier(count: int) -> str:
    return f"… {count:,} earlier {'entry is' if count == 1 else 'entries are'} not drawn"


def label(entry: Entry) -> str:
    """Return the label of an arrow: the action, the channel and a summary, cut to fit."""
    if entry.kind in ("open", "ping", "pong"):
        return entry.action
    text = " ".join(filter(None, (entry.action, entry.channel, entry.summary)))
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"


_PAPER = '<rect class="paper" width="100%" height="100%" fill="#fff"/>'
"""The background, for a drawing that is opened by itself. A page with a theme hides it."""

_MARKERS = (
    "<defs>"
    + "".join(
        f'<marker id="ak-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 0 8 4 0 8z" fill="{color}"/></marker>'
        for kind, color in _COLORS.items()
    )
    + "</defs>"
)


def _rows(entries: list[Entry], spacing: Spacing, head: int) -> Iterator[int]:
    """Return how far down each entry is drawn."""
    y, before = head, entries[0].at if entries else 0.0
    for entry in entries:
        pause = (entry.at - before) * PER_MS if spacing == "time" else 0
        y += ROW + int(min(max(pause, 0), LONGEST))
        before = entry.at
        yield y


def _is_fault(entry: Entry) -> bool:
    return entry.kind == "fault" or (entry.frame or {}).get("action") in FAULTS


def _lifeline(x: int, name: str, lane: int, height: int) -> str:
    longest = lane // 8
    shown = name if len(name) <= longest else f"{name[: longest - 1]}…"
    return (
        f'<line class="life" x1="{x}" y1="{HEAD - 14}" x2="{x}" y2="{height}"/>'
        f'<text class="name" x="{x}" y="{HEAD - 22}" text-anchor="middle" font-weight="bold">'
        f"{escape(visible(shown))}</text>"
    )


def _arrow(entry: Entry, client: int, service: int, y: int, began: float, *, broken: bool) -> str:
    """Return one entry: its time in the margin, its arrow (a cross where a connection ended), its label."""
    kind = "fault" if _is_fault(entry) else entry.direction
    mark = '<tspan class="bad">⚠ </tspan>' if broken else ""
    fault = '<tspan class="bad">✗ </tspan>' if kind == "fault" else ""
    parts = [
        f'<rect class="band" x="0" y="{y - ROW + 9}" width="100%" height="{ROW}"/>',
        f'<text class="at" x="4" y="{y + 3}">+{max(entry.at - began, 0) / 1000:.3f} s</text>',
        f'<text class="label" x="{service - LANE // 2}" y="{y - 5}" text-anchor="middle">'
        f"{mark}{fault}{escape(label(entry))}</text>",
    ]
    if entry.kind in ("close", "fault"):
        at = client if entry.kind == "close" else (client + service) // 2
        parts.append(
            f'<text class="bad" x="{at}" y="{y + 4}" text-anchor="middle" font-weight="bold">✕</text>'
        )
    else:
        start, end = (client, service) if entry.direction == "out" else (service, client)
        dashed = "" if entry.kind == "frame" else ' stroke-dasharray="2 3"'
        parts.append(
            f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="{_COLORS[kind]}" stroke-width="1.5"'
            f'{dashed} marker-end="url(#ak-{kind})"/>'
        )
    return f'<g data-number="{entry.number}">{"".join(parts)}</g>'


def _in_words(entries: list[Entry], clients: list[str]) -> str:
    return f"Sequence of {len(entries)} events between {', '.join(map(visible, clients))} and the service"


def _plain(text: str) -> str:
    """Return text that Mermaid takes literally: characters with a meaning there become their numbers."""
    return "".join(c if c.isalnum() or c in " .,_-…()" else f"#{ord(c)};" for c in visible(text))
