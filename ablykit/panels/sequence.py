"""The sequence panel: who sent what to whom, with time running down the page."""

from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import traitlets

from ablykit.panels.panel import HasTranscript, Panel, script, style
from ablykit.record import sequence
from ablykit.record.transcript import Entry, Transcript

SHOWN = 200
"""How many entries are drawn at first, newest last. A button draws as many more."""


class Sequence(Panel):
    """A diagram with a lifeline for each client and the service, and an arrow for each frame.

        Sequence(conn)
        Sequence(transcript).save("talk.svg")

    Time runs down the page, evenly spaced or, with `spacing="time"`, to scale. A ⚠ marks a frame that breaks
    a rule. `svg()` and `mermaid()` return the diagram as text; `save` writes either, by the file's ending.
    The newest `shown` entries are drawn, and the diagram says how many are not. WebSocket pings are left out
    until you set `panel.pings = True`, since they would soon fill the diagram of a quiet connection.
    """

    _esm = script("sequence.js")
    _css = style("sequence.css")
    drawing = traitlets.Unicode().tag(sync=True)
    spacing = traitlets.Enum(["even", "time"], "even").tag(sync=True)
    pings = traitlets.Bool(False).tag(sync=True)
    """Whether WebSocket pings and pongs are drawn."""
    shown = traitlets.Int(SHOWN, min=1).tag(sync=True)
    """The most entries that are drawn."""
    left_out = traitlets.Int(0).tag(sync=True)
    """How many earlier entries are not drawn."""
    ping_count = traitlets.Int(0).tag(sync=True)
    """How many WebSocket pings and pongs there are to draw or to leave out."""

    def __init__(self, source: HasTranscript | Transcript, *, spacing: sequence.Spacing = "even") -> None:
        super().__init__(source, spacing=spacing)
        self.observe(self._on_choice, ["spacing", "pings", "shown"])
        self.on_page(self._on_page)
        self.refresh()

    def refresh(self) -> None:
        """Draw what has happened so far."""
        self.ping_count = sum(entry.is_ping for entry in self.transcript)
        _, self.left_out = self._entries()
        self.drawing = self.svg()

    def svg(self) -> str:
        """Return the diagram as an SVG element."""
        entries, left_out = self._entries()
        spacing = cast("sequence.Spacing", self.spacing)
        return sequence.svg(entries, spacing, broken=self.reading.read().broken, left_out=left_out)

    def mermaid(self) -> str:
        """Return the diagram in Mermaid's language."""
        entries, left_out = self._entries()
        return sequence.mermaid(entries, left_out=left_out)

    def save(self, path: str | Path) -> None:
        """Write the diagram to a file that ends in `.svg` or `.mmd`. Raises `ValueError` otherwise."""
        path = Path(path)
        if path.suffix not in (".svg", ".mmd"):
            raise ValueError(f"A diagram is saved as .svg or .mmd, not as {path.name!r}")
        path.write_text(self.svg() if path.suffix == ".svg" else self.mermaid(), "utf-8")

    def html(self) -> str:
        """Return the diagram as an image, for pages that don't trust a drawing in HTML."""
        image = quote(self.svg(), safe=" +=:/,;()")
        return f'<img alt="Sequence of frames" src="data:image/svg+xml;charset=utf-8,{image}">'

    def _on_choice(self, _: Any) -> None:
        self.refresh()

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("want") == "mermaid":
            self.to_page({"mermaid": self.mermaid()})

    def _entries(self) -> tuple[list[Entry], int]:
        """Return the entries that are drawn, and how many before them are not."""
        every = [entry for entry in self.transcript if self.pings or not entry.is_ping]
        return every[-self.shown :], max(len(every) - self.shown, 0)
