"""The connection panel: how a connection is, what it was granted, which timers run."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import traitlets

from ablykit.panels.panel import HasTranscript, Panel, script, style
from ablykit.protocol.actions import Action
from ablykit.protocol.explanation import visible
from ablykit.protocol.meanings import MEMBERS
from ablykit.protocol.states import BY_FRAME, STATES, TRANSITIONS
from ablykit.record import Pairing
from ablykit.record.transcript import Entry, Transcript

PATIENCE = 10_000
"""How long an SDK waits for an answer, in ms: realtimeRequestTimeout."""

_SHORT = {"per second": "/s"}


@dataclass
class Facts:
    """What a connection's entries tell about it, so far."""

    name: str
    state: str = "initialized"
    before: str = ""
    """The state before this one."""
    reason: str = ""
    connection_id: str = ""
    client_id: str = ""
    limits: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Name, value with unit, meaning."""
    max_idle: int = 0
    """maxIdleInterval, ms; 0 while it is not known."""
    ttl: int = 0
    """connectionStateTtl, ms; 0 while it is not known."""
    heartbeats: bool = True
    last_in: float = 0.0
    """When the service was last heard, ms since 1970."""
    dropped: float = 0.0
    """When the transport was lost, ms since 1970; 0 while it is there, or was closed on purpose."""
    frames: dict[str, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    bytes: dict[str, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    pairing: Pairing = field(default_factory=Pairing)
    seen: int = -1

    def take(self, entry: Entry) -> None:
        """Learn from one more entry; those of other connections and those seen are passed over."""
        if entry.number <= self.seen:
            return
        self.seen = entry.number
        if entry.connection != self.name:
            return
        self.pairing.take(entry)
        if entry.direction == "in":
            self.last_in = entry.at
        self._TAKE.get(entry.kind, Facts._control)(self, entry)

    def _opened(self, entry: Entry) -> None:
        query = dict(parse_qsl(urlsplit(str(entry.raw)).query))
        self.heartbeats = query.get("heartbeats") != "false"
        self.dropped = 0.0
        self._become("connecting")

    def _closed(self, entry: Entry) -> None:
        if self.state == "closing":
            self._become("closed")
        elif self.state not in ("closed", "failed"):
            self._become("disconnected")
            self.dropped = entry.at
        self.reason = self.reason or f"WebSocket closed: {entry.raw!s}"

    def _control(self, entry: Entry) -> None:
        """A ping or pong: a sign of life, no frame."""

    def _frame(self, entry: Entry) -> None:
        self.frames[entry.direction] += 1
        self.bytes[entry.direction] += entry.size
        frame: dict[str, Any] = entry.frame or {}
        action: Any = frame.get("action")
        if entry.direction == "out":
            if action == Action.CLOSE and self.state == "connected":
                self._become("closing")
            return
        if action == Action.ERROR and not frame.get("channel") and self.state == "connecting":
            self._become("failed")
        elif action in BY_FRAME:
            self._become(BY_FRAME[action])
            self.dropped = entry.at if self.state == "disconnected" else 0.0
        if action in (Action.CONNECTED, Action.DISCONNECTED) or self.state == "failed":
            error: dict[str, Any] = frame.get("error") or {}
            self.reason = f"{error.get('code')}: {error.get('message')}" if error else ""
        if action == Action.CONNECTED:
            self.connection_id = str(frame.get("connectionId", ""))
            self._details(frame.get("connectionDetails") or {})

    _TAKE: ClassVar[dict[str, Any]] = {"open": _opened, "close": _closed, "frame": _frame}

    def _become(self, state: str) -> None:
        if state != self.state:
            self.before, self.state = self.state, state

    def _details(self, details: dict[str, Any]) -> None:
        self.client_id = str(details.get("clientId", ""))
        self.max_idle = _whole(details.get("maxIdleInterval"))
        self.ttl = _whole(details.get("connectionStateTtl"))
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

    def timers(self, now: float) -> list[dict[str, Any]]:
        """The timers that run: name, how long already, how long at most, in ms, and what it is for."""
        found: list[dict[str, Any]] = []
        if self.state == "connected" and self.max_idle and self.heartbeats:
            found.append(_timer("silence", now - self.last_in, self.max_idle, "then a heartbeat is due"))
        if self.state == "disconnected" and self.ttl:
            found.append(_timer("kept", now - self.dropped, self.ttl, "so long it can be resumed"))
        live = self.state in ("connecting", "connected", "closing")
        for asked in self.pairing.open[:3] if live else ():
            says = f"so long an SDK waits for the answer to {asked.action}"
            found.append(_timer("unanswered", now - asked.at, PATIENCE, says))
        return found

    def for_page(self, now: float) -> dict[str, Any]:
        """The facts as the page gets them; ages of timers are in ms, as of `now` (ms since 1970)."""
        return {
            "name": self.name,
            "state": self.state,
            "before": self.before,
            "reason": visible(self.reason),
            "ids": [
                ["connectionId", visible(self.connection_id)],
                ["clientId", visible(self.client_id)],
            ],
            "limits": [list(map(visible, limit)) for limit in self.limits],
            "timers": self.timers(now),
            "heartbeats": self.heartbeats or self.state != "connected",
            "frames": dict(self.frames),
            "bytes": dict(self.bytes),
        }


class ConnectionPanel(Panel):
    """A connection's state machine with the present state lit, its ids and limits, and its timers.

        ConnectionPanel(conn)
        ConnectionPanel(relay, "client 1")

    The bar of silence fills while nothing comes; a HEARTBEAT, like any other frame, empties it. When it is
    full, maxIdleInterval is over and something should have come. Without a name, it is the connection
    itself, or the first one of the transcript.
    """

    _esm = script("connection.js")
    _css = style("connection.css")
    facts = traitlets.Dict().tag(sync=True)
    machine = traitlets.Dict().tag(sync=True)

    def __init__(self, source: HasTranscript | Transcript, connection: str | None = None) -> None:
        self._name = connection or getattr(source, "name", None)
        self._now: Callable[[], float] | None = getattr(source, "now", None)
        """The time it is where the source has one of its own, such as a replay: no timer runs there."""
        super().__init__(source)
        self.machine = {"states": STATES, "transitions": [list(each) for each in TRANSITIONS]}
        self._known = self._new_facts()
        self.on_page(self._on_page)
        self.refresh()

    def restart(self) -> None:
        """Forget what was known: the transcript was cleared."""
        super().restart()
        self._known = self._new_facts()

    def refresh(self) -> None:
        """Bring the facts up to date, here and on the page."""
        if not self._known.name:
            self._known = self._new_facts()
        for entry in self.transcript.since(self._known.seen + 1):
            self._known.take(entry)
        now = self._now() if self._now else time.time() * 1000
        self.facts = {**self._known.for_page(now), "frozen": self._now is not None}

    def html(self) -> str:
        """The facts as a table."""
        self.refresh()
        rows = "".join(f"<tr><th>{escape(n)}</th><td>{escape(v)}</td></tr>" for n, v in self._lines())
        state = f"<b>{escape(self._known.state)}</b> {escape(visible(self._known.reason))}"
        return f'<div class="ablykit-connection-static"><p>{state}</p><table>{rows}</table></div>'

    def __str__(self) -> str:
        self.refresh()
        head = " ".join(filter(None, (self._known.state, visible(self._known.reason))))
        return "\n".join([head, *(f"  {name:<20} {value}" for name, value in self._lines())])

    def _new_facts(self) -> Facts:
        first = next(iter(self.transcript), None)
        return Facts(self._name or (first.connection if first else ""))

    def _lines(self) -> list[tuple[str, str]]:
        known = self._known
        ids = [("connectionId", visible(known.connection_id)), ("clientId", visible(known.client_id))]
        limits = [(visible(name), visible(value)) for name, value, _ in known.limits]
        crossed = [
            (said, f"{known.frames[way]} frames, {known.bytes[way]:,} bytes")
            for said, way in (("received", "in"), ("sent", "out"))
        ]
        return [(name, value) for name, value in [*ids, *limits, *crossed] if value]

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("want") == "facts":
            self.refresh()


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _timer(name: str, age: float, limit: int, says: str) -> dict[str, Any]:
    return {"name": name, "age": max(age, 0.0), "limit": limit, "says": says}
