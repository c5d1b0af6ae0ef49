"""The connection panel: how a connection is, what it was granted, how long it has been silent."""

import time
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import traitlets

from ablykit.panels.panel import Panel, script, style
from ablykit.protocol.actions import Action
from ablykit.protocol.explain import visible
from ablykit.protocol.meanings import MEMBERS
from ablykit.transcript import Entry
from ablykit.wire import AsyncConnection, Connection

STATES = {
    Action.CONNECTED: "connected",
    Action.DISCONNECTED: "disconnected",
    Action.CLOSED: "closed",
}
"""What a frame about the connection makes of its state (RTN27)."""

_SHORT = {"per second": "/s"}


@dataclass
class Facts:
    """What a connection's entries tell about it, so far."""

    name: str
    state: str = "connecting"
    reason: str = ""
    connection_id: str = ""
    client_id: str = ""
    limits: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Name, value with unit, meaning."""
    max_idle: int = 0
    """maxIdleInterval, ms; 0 while it is not known."""
    heartbeats: bool = True
    last_in: float = 0.0
    """When the service was last heard, ms since 1970."""
    received: int = 0
    sent: int = 0
    seen: int = -1

    def take(self, entry: Entry) -> None:
        """Learn from one more entry; those of other connections and those seen are passed over."""
        if entry.connection != self.name or entry.number <= self.seen:
            return
        self.seen = entry.number
        if entry.kind == "open":
            query = dict(parse_qsl(urlsplit(str(entry.raw)).query))
            self.heartbeats = query.get("heartbeats") != "false"
        elif entry.kind == "close":
            self.state = "failed" if self.state == "failed" else "closed"
            self.reason = self.reason or f"WebSocket closed: {entry.raw!s}"
        elif entry.direction == "out":
            self.sent += 1
        else:
            self.received += 1
            self.last_in = entry.at
            self._frame(entry.frame or {})

    def _frame(self, frame: dict[str, Any]) -> None:
        action: Any = frame.get("action")
        if action == Action.ERROR and not frame.get("channel") and self.state == "connecting":
            self.state = "failed"
        if action in STATES:
            self.state = STATES[action]
        if action in (Action.CONNECTED, Action.DISCONNECTED) or self.state == "failed":
            error: dict[str, Any] = frame.get("error") or {}
            self.reason = f"{error.get('code')}: {error.get('message')}" if error else ""
        if action == Action.CONNECTED:
            self.connection_id = str(frame.get("connectionId", ""))
            self._details(frame.get("connectionDetails") or {})

    def _details(self, details: dict[str, Any]) -> None:
        self.client_id = str(details.get("clientId", ""))
        self.max_idle = int(details.get("maxIdleInterval", 0))
        known = MEMBERS["ConnectionDetails"]
        self.limits = [
            (
                name,
                f"{value:,} {_SHORT.get(known[name].unit, known[name].unit)}",
                known[name].sentence,
            )
            for name, value in details.items()
            if isinstance(value, int) and name in known
        ]

    def for_page(self) -> dict[str, Any]:
        """The facts as the page gets them; `silence` is in ms, as of now."""
        silence = time.time() * 1000 - self.last_in if self.last_in else 0
        return {
            "name": self.name,
            "state": self.state,
            "reason": visible(self.reason),
            "ids": [
                ["connectionId", visible(self.connection_id)],
                ["clientId", visible(self.client_id)],
            ],
            "limits": [list(map(visible, limit)) for limit in self.limits],
            "maxIdle": self.max_idle,
            "heartbeats": self.heartbeats,
            "silence": max(silence, 0),
            "received": self.received,
            "sent": self.sent,
        }


class ConnectionPanel(Panel):
    """A connection's state, ids and limits, and a bar that fills with silence.

        ConnectionPanel(conn)

    A HEARTBEAT, like any other frame, empties the bar; when it is full, maxIdleInterval is over
    and something should have come.
    """

    _esm = script("connection.js")
    _css = style("connection.css")
    facts = traitlets.Dict().tag(sync=True)

    def __init__(self, source: Connection | AsyncConnection) -> None:
        self._known = Facts(source.name)
        super().__init__(source)
        self.on_page(self._on_page)
        self.refresh()

    def refresh(self) -> None:
        """Bring the facts up to date, here and on the page."""
        for entry in self.transcript.since(self._known.seen + 1):
            self._known.take(entry)
        self.facts = self._known.for_page()

    def html(self) -> str:
        """The facts as a table."""
        self.refresh()
        lines = [*self.facts["ids"], *(limit[:2] for limit in self.facts["limits"])]
        rows = "".join(f"<tr><th>{escape(n)}</th><td>{escape(v)}</td></tr>" for n, v in lines if v)
        state = f"<b>{escape(self.facts['state'])}</b> {escape(self.facts['reason'])}"
        return f'<div class="ablykit-connection-static"><p>{state}</p><table>{rows}</table></div>'

    def __str__(self) -> str:
        self.refresh()
        lines = [*self.facts["ids"], *(limit[:2] for limit in self.facts["limits"])]
        head = " ".join(filter(None, (self.facts["state"], self.facts["reason"])))
        return "\n".join([head, *(f"  {name:<20} {value}" for name, value in lines if value)])

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("want") == "facts":
            self.refresh()
