"""What all panels share: they follow a transcript, and have a face without a kernel."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

import anywidget

from ablykit.transcript import Entry, Transcript

BATCH_INTERVAL = 0.05
"""Seconds between two updates of a page: at most 20 a second, however many frames come."""

HERE = Path(__file__).parent


def style(name: str) -> str:
    """A panel's stylesheet, after what all panels share."""
    return (HERE / "panel.css").read_text("utf-8") + (HERE / name).read_text("utf-8")


def script(name: str) -> str:
    """A panel's script, with what all panels share before it."""
    shared, own = ((HERE / part).read_text("utf-8") for part in ("panel.js", name))
    return shared.replace("export function", "function") + own.partition(IMPORT)[2]


IMPORT = 'from "./panel.js";\n'
"""Ends the only import of a panel's script; anywidget takes one file, so it is joined here."""


class HasTranscript(Protocol):
    """Anything with a transcript, such as a connection."""

    @property
    def transcript(self) -> Transcript:
        """What crossed its wire."""
        ...


class Panel(anywidget.AnyWidget):
    """A view of a transcript that is live in a notebook.

    `source` is a connection or a `Transcript`. What happened before the panel was made, or before
    the page showed it, is in it too. `print` a panel for its text; `stop()` ends its following.
    """

    def __init__(self, source: HasTranscript | Transcript, **options: Any) -> None:
        super().__init__(**options)
        self.transcript = source if isinstance(source, Transcript) else source.transcript
        self._soon = threading.Lock()
        self._scheduled = False
        self._stop: Callable[[], None] = self.transcript.listen(self._on_entry)

    def refresh(self) -> None:
        """Bring the page up to date. Called at most 20 times a second; each panel has its own."""
        raise NotImplementedError

    def html(self) -> str:
        """The panel as it is now, as HTML that needs no script."""
        raise NotImplementedError

    def stop(self) -> None:
        """Follow the transcript no longer; what is shown stays."""
        self._stop()

    def to_page(self, message: dict[str, Any]) -> None:
        """Send something to every page that shows the panel."""
        cast(Any, self).send(message)

    def on_page(self, answer: Callable[[Any, dict[str, Any], Any], None]) -> None:
        """Call `answer` with what a page asks."""
        cast(Any, self).on_msg(answer)

    def __str__(self) -> str:
        return str(self.transcript)

    def _on_entry(self, entry: Entry) -> None:
        """Something happened, on whatever thread: refresh soon, once for all that comes till then."""
        with self._soon:
            if self._scheduled:
                return
            self._scheduled = True
        timer = threading.Timer(BATCH_INTERVAL, self._refresh_now)
        timer.daemon = True
        timer.start()

    def _refresh_now(self) -> None:
        with self._soon:
            self._scheduled = False
        self.refresh()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle: Any = cast(Any, super())._repr_mimebundle_(**options)
        data, metadata = cast("tuple[Any, Any]", bundle if isinstance(bundle, tuple) else (bundle or {}, {}))
        return {**data, "text/html": self.html(), "text/plain": str(self)}, metadata
