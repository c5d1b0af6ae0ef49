"""What all panels share: they follow a transcript, they are linked, and they have a static face."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary, WeakSet

import anywidget
import traitlets

from ablykit.panels.face import HasFace
from ablykit.record import Reading
from ablykit.record.transcript import Entry, Transcript

BATCH_INTERVAL = 0.05
"""Seconds between two updates of a page: at most 20 a second, however many frames come."""

BUDGET = 0.02
"""Seconds that one update may take. The next one does the rest."""

SHARE, OVERLOADED = 8, 60
"""Between two updates a panel rests this many times as long as the last one took while more comes, so
that what it shows is not slowed down by its being shown; and longer when it can't keep up with what
comes, since then somebody is in a hurry."""

NOTHING = -1
"""The number of no entry: nothing is selected."""

HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)


def style(name: str) -> str:
    """Return a panel's stylesheet, with the shared styles before it."""
    return (HERE / "panel.css").read_text("utf-8") + (HERE / name).read_text("utf-8")


def script(name: str) -> str:
    """Return a panel's script with everything it imports before it, since anywidget takes one file."""
    own = (HERE / name).read_text("utf-8")
    imported = [re.sub(r"^export ", "", part, flags=re.MULTILINE) for part in _imported_by(own, [])]
    return "".join(imported) + _IMPORT.sub("", own)


def _imported_by(text: str, seen: list[str]) -> list[str]:
    """Return the text of each imported file once, after the files that it imports itself."""
    found: list[str] = []
    for name in _IMPORT.findall(text):
        if name not in seen:
            seen.append(name)
            part = (HERE / name).read_text("utf-8")
            found += [*_imported_by(part, seen), _IMPORT.sub("", part)]
    return found


class HasTranscript(Protocol):
    """Anything with a transcript, such as a connection."""

    @property
    def transcript(self) -> Transcript:
        """The frames that crossed its wire."""
        ...


_linked: WeakKeyDictionary[Transcript, "WeakSet[Panel]"] = WeakKeyDictionary()


class Panel(HasFace, anywidget.AnyWidget):
    """A view of a transcript that is live in a notebook.

    `source` is a connection, anything else with a transcript, or a `Transcript`. The panel also has what
    happened before it was made, or before a page showed it. It only draws: `reading`, which all panels of a
    transcript share, knows what the entries mean. All panels of a transcript have the same selection:
    `selected` is the number of the entry. `print` a panel to get it as text; `stop()` it to stop following.
    """

    selected = traitlets.Int(NOTHING).tag(sync=True)

    def __init__(self, source: HasTranscript | Transcript, **options: Any) -> None:
        super().__init__(**options)
        self._soon = threading.Lock()
        self._scheduled = False
        self._rest = BATCH_INTERVAL
        self._timer: threading.Timer | None = None
        self.observe(self._select_in_all, "selected")
        self._follow(source)

    def watch(self, source: HasTranscript | Transcript) -> None:
        """Show another transcript from now on."""
        self.stop()
        self._follow(source)
        self.restart()
        self.refresh()

    def restart(self) -> None:
        """Start over, since the transcript was replaced or cleared."""
        self.selected = NOTHING

    def refresh(self) -> None:
        """Update the page. Called at most 20 times a second; each panel has its own."""
        raise NotImplementedError

    @property
    def is_behind(self) -> bool:
        """Return whether the last update left work for another one."""
        return False

    def stop(self) -> None:
        """Stop following the transcript. What is shown stays."""
        self._stop()
        _linked.get(self.transcript, WeakSet()).discard(self)
        with self._soon:
            if self._timer and self._timer is not threading.current_thread():
                self._timer.cancel()
                self._timer.join()
            self._scheduled = False

    @property
    def linked(self) -> "list[Panel]":
        """Return the other panels of the same transcript."""
        return [panel for panel in _linked.get(self.transcript, ()) if panel is not self]

    def to_page(self, message: dict[str, Any]) -> None:
        """Send something to every page that shows the panel."""
        cast(Any, self).send(message)

    def on_page(self, answer: Callable[[Any, dict[str, Any], Any], None]) -> None:
        """Call `answer` with each request of a page."""
        cast(Any, self).on_msg(answer)

    def __str__(self) -> str:
        return str(self.transcript)

    def _follow(self, source: HasTranscript | Transcript) -> None:
        self.transcript = source if isinstance(source, Transcript) else source.transcript
        self.reading = Reading.of(self.transcript)
        self._cleared = False
        self._stop: Callable[[], None] = self.transcript.listen(self._on_entry, self._on_clear)
        _linked.setdefault(self.transcript, WeakSet()).add(self)

    def _select_in_all(self, change: Any) -> None:
        for panel in self.linked:
            panel.selected = change["new"]

    def _on_clear(self) -> None:
        self._cleared = True
        self._on_entry()

    def _on_entry(self, _: Entry | None = None) -> None:
        """Refresh soon, once for everything that happens until then. May be called on any thread."""
        if self._scheduled:
            return
        with self._soon:
            if self._scheduled:
                return
            self._scheduled = True
            self._timer = threading.Timer(self._rest, self._refresh_now)
            self._timer.daemon = True
            self._timer.start()

    def _refresh_now(self) -> None:
        self._scheduled = False
        began, count = time.thread_time(), self.transcript.count
        if self._cleared:
            self._cleared = False
            self.restart()
        self.refresh()
        took = time.thread_time() - began
        share = OVERLOADED if self.is_behind else SHARE
        self._rest = max(BATCH_INTERVAL, share * took) if self.transcript.count != count else BATCH_INTERVAL
        if self.is_behind:
            self._on_entry()


class OfConnection(Panel):
    """A panel of one connection: the named one, the source itself, or the transcript's first."""

    def __init__(self, source: HasTranscript | Transcript, connection: str | None) -> None:
        self._name: str | None = connection or getattr(source, "name", None)
        self._first = ""
        super().__init__(source)

    def restart(self) -> None:
        """Start over without a first connection."""
        super().restart()
        self._first = ""

    @property
    def connection(self) -> str:
        """The name of the connection that is shown; empty while there is none."""
        if not (self._name or self._first):
            self._first = next((entry.connection for entry in self.transcript), "")
        return self._name or self._first
