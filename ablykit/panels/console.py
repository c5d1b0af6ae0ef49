"""The console: an SDK in a notebook, and a key for each thing that it can do."""

import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import asdict
from html import escape
from typing import Any
from weakref import WeakSet

import traitlets

from ablykit.backend import RemoteAbly
from ablykit.console import KEYS, Lines, Session
from ablykit.panels.panel import Panel, script, style
from ablykit.protocol.explanation import visible
from ablykit.server import LocalAbly

SHOWN = 200
"""How many lines are shown: the newest."""

FIRST = 3.0
"""How long to wait for the connection before the panel is shown without, in seconds."""

_running: "WeakSet[Console]" = WeakSet()


class Console(Panel):
    """An SDK at work: press a key, and see each frame that it sends and gets.

        Console(Ably, ably)
        Console(Ably, ably, client_id="left", channel="duet")

    `Ably` is the class of an SDK (see `judge.objects` for what it must have), and `ably` what
    `ablykit.start()` returned; without one, the console starts an embedded Ably of its own. The keys are
    **a** attach, **d** detach, **m** message, **e** enter, **l** leave, and **q** quit. Another console of
    the same `client_id` takes the place of this one, so a cell can be run again.

    Raises `TypeError` if the SDK is no class.
    """

    _esm = script("console.js")
    _css = style("console.css")
    controls = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    lines = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self,
        sdk: Callable[..., object],
        ably: LocalAbly | RemoteAbly | None = None,
        *,
        client_id: str = "me",
        channel: str = "my_channel",
        heartbeats: bool = False,
    ) -> None:
        for other in [each for each in _running if each.session.client_id == client_id]:
            other.close_session()
        self.session = Session(sdk, ably, client_id=client_id, channel=channel)
        self._lines = Lines(self.session, heartbeats=heartbeats)
        super().__init__(self.session.transcript)
        self.controls = [*([name, key.word] for name, key in KEYS.items()), ["q", "quit"]]
        self.title = f"{visible(client_id)} on {visible(channel)}"
        self.on_page(self._on_page)
        self.session.on_news = self._on_entry
        _running.add(self)
        with suppress(Late):
            self.session.connected.result(FIRST)
        self.refresh()

    def refresh(self) -> None:
        """Add the new lines, and update the state."""
        new = [asdict(line) for line in self._lines.new()]
        if new:
            self.lines = [*self.lines, *new][-SHOWN:]
        self.state = self.session.state

    def close_session(self) -> None:
        """Let the SDK close its connection, and end its threads. The lines stay."""
        _running.discard(self)
        self.session.close()
        self.stop()
        self.refresh()

    def html(self) -> str:
        """Return the lines as a table."""
        self.refresh()
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(line)) + "</tr>"
            for line in self.lines
        )
        return f"<div><b>{escape(self._heading)}</b><br>{escape(self._legend)}<table>{rows}</table></div>"

    def __str__(self) -> str:
        self.refresh()
        rows = ["  " + "  ".join(filter(None, _cells(line))) for line in self.lines]
        return "\n".join([self._heading, self._legend, *rows])

    @property
    def _heading(self) -> str:
        return f"{self.title}: {self.state}"

    @property
    def _legend(self) -> str:
        return "  ".join(f"{name} {word}" for name, word in self.controls)

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("want") != "press":
            return
        key, text = str(content.get("key", "")), str(content.get("text", ""))
        if key == "q":  # it may take a while, and the kernel goes on meanwhile
            threading.Thread(target=self.close_session, name="ablykit-closing", daemon=True).start()
        else:
            self.session.press(key, text)


def _cells(line: dict[str, Any]) -> tuple[str, ...]:
    """Return a line's cells without its time, which would be another one on each run."""
    return tuple(str(line[name]) for name in ("arrow", "badge", "channel", "text"))
