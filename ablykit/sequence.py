"""A transcript as a sequence diagram: lifelines for each client and the service, frames as arrows.

`svg` draws it, `mermaid` writes it as text for pages that draw it themselves.
"""

from collections.abc import Iterable
from html import escape

from ablykit.analysis import Linter
from ablykit.protocol.explain import visible
from ablykit.transcript import Entry

ROW, LANE, MARGIN, HEAD = 26, 330, 90, 46
LABEL = 42
"""How many characters of a label are drawn."""

_COLORS = {"in": "#2e7d32", "out": "#1565c0"}
_STYLE = (
    ".ablykit-sequence{font:12px ui-monospace,monospace}"
    ".ablykit-sequence text{fill:currentColor}"
    ".ablykit-sequence .life{stroke:currentColor;opacity:.35;stroke-dasharray:4 4}"
    ".ablykit-sequence .bad{fill:#c62828}"
)


def svg(entries: Iterable[Entry]) -> str:
    """The diagram as an SVG element of its own. Time goes downward, evenly spaced.

    What frames say is text in it, never markup.
    """
    listed = list(entries)
    clients = list(dict.fromkeys(entry.connection for entry in listed)) or ["client"]
    places = {name: MARGIN + LANE * n for n, name in enumerate(clients)}
    service = MARGIN + LANE * len(clients)
    width, height = service + MARGIN, HEAD + ROW * (len(listed) + 1)
    lifelines = [_lifeline(x, name, height) for name, x in (*places.items(), ("service", service))]
    linter = Linter()
    arrows = [
        _arrow(entry, places[entry.connection], service, HEAD + ROW * (n + 1), bool(linter.take(entry)))
        for n, entry in enumerate(listed)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ablykit-sequence" role="img" color="#222" '
        f'aria-label="{escape(_in_words(listed, clients))}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><style>{_STYLE}</style>{_PAPER}{_MARKERS}'
        f"{''.join(lifelines + arrows)}</svg>"
    )


def mermaid(entries: Iterable[Entry]) -> str:
    """The diagram in Mermaid's language, for pages and wikis that draw it."""
    listed = list(entries)
    clients = list(dict.fromkeys(entry.connection for entry in listed))
    lines = ["sequenceDiagram"]
    lines += [f"    participant C{n} as {_plain(name)}" for n, name in enumerate(clients)]
    lines.append("    participant S as service")
    for entry in listed:
        client = f"C{clients.index(entry.connection)}"
        if entry.kind == "close":
            lines.append(f"    Note over {client},S: closed {_plain(str(entry.raw))}")
            continue
        ends = (client, "S") if entry.direction == "out" else ("S", client)
        lines.append(f"    {ends[0]}->>{ends[1]}: {_plain(label(entry))}")
    return "\n".join(lines) + "\n"


def label(entry: Entry) -> str:
    """What stands on an arrow: the action, the channel, and what it says, cut to fit."""
    if entry.kind == "open":
        return "WebSocket open"
    text = " ".join(filter(None, (entry.action, entry.channel, entry.summary)))
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"


_PAPER = '<rect class="paper" width="100%" height="100%" fill="#fff"/>'
"""Under the drawing where it is an image of its own; a page with a theme hides it."""

_MARKERS = (
    "<defs>"
    + "".join(
        f'<marker id="ak-{direction}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 0 8 4 0 8z" fill="{color}"/></marker>'
        for direction, color in _COLORS.items()
    )
    + "</defs>"
)


def _lifeline(x: int, name: str, height: int) -> str:
    return (
        f'<line class="life" x1="{x}" y1="{HEAD - 14}" x2="{x}" y2="{height}"/>'
        f'<text x="{x}" y="{HEAD - 22}" text-anchor="middle" font-weight="bold">'
        f"{escape(visible(name))}</text>"
    )


def _arrow(entry: Entry, client: int, service: int, y: int, broken: bool) -> str:
    color = _COLORS[entry.direction]
    start, end = (client, service) if entry.direction == "out" else (service, client)
    mark = '<tspan class="bad">⚠ </tspan>' if broken else ""
    middle = service - LANE // 2
    text = f'<text x="{middle}" y="{y - 5}" text-anchor="middle">{mark}{escape(label(entry))}</text>'
    if entry.kind == "close":
        cross = f'<text x="{client}" y="{y + 4}" text-anchor="middle" font-weight="bold">✕</text>'
        return f'<g data-number="{entry.number}">{cross}{text}</g>'
    dashed = ' stroke-dasharray="2 3"' if entry.kind == "open" else ""
    line = (
        f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="{color}" stroke-width="1.5"{dashed} '
        f'marker-end="url(#ak-{entry.direction})"/>'
    )
    return f'<g data-number="{entry.number}">{line}{text}</g>'


def _in_words(entries: list[Entry], clients: list[str]) -> str:
    return f"Sequence of {len(entries)} events between {', '.join(map(visible, clients))} and the service"


def _plain(text: str) -> str:
    """Text that Mermaid takes as text: what has a meaning there is written as its number."""
    return "".join(c if c.isalnum() or c in " .,_-…()" else f"#{ord(c)};" for c in visible(text))
