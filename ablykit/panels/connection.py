"""The connection panel: the state of a connection, what it was granted, and the timers that run."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import traitlets

from ablykit.panels.panel import HasTranscript, OfConnection, script, style
from ablykit.protocol.explanation import visible
from ablykit.protocol.meanings import MEMBERS
from ablykit.protocol.states import STATES, TRANSITIONS
from ablykit.record.facts import Facts, number
from ablykit.record.transcript import Entry, Transcript

PATIENCE = 10_000
"""How long an SDK waits for an answer, in ms: realtimeRequestTimeout."""

_SHORT = {"per second": "/s"}


def timers(facts: Facts, waiting: list[Entry], now: float) -> list[dict[str, Any]]:
    """Return the timers that run: name, how long already, how long at most, in ms, and what it is for.

    `waiting` is what the connection has asked and not been answered, oldest first.
    """
    found: list[dict[str, Any]] = []
    max_idle, ttl = number(facts.details, "maxIdleInterval"), number(facts.details, "connectionStateTtl")
    if facts.state == "connected" and max_idle and facts.last_in is not None and _heartbeats(facts):
        found.append(_timer("silence", now - facts.last_in, max_idle, "then a heartbeat is due"))
    if facts.state == "disconnected" and ttl:
        found.append(_timer("kept", now - facts.dropped, ttl, "so long it can be resumed"))
    live = facts.state in ("connecting", "connected", "closing")
    for asked in waiting[:3] if live else ():
        says = f"so long an SDK waits for the answer to {asked.action}"
        found.append(_timer("unanswered", now - asked.at, PATIENCE, says))
    return found


def for_page(name: str, facts: Facts, waiting: list[Entry], now: float) -> dict[str, Any]:
    """Return the facts as the page gets them; ages of timers are in ms, as of `now` (ms since 1970)."""
    return {
        "name": name,
        "state": facts.state,
        "before": facts.before,
        "reason": visible(facts.reason),
        "ids": [
            ["connectionId", visible(str(facts.connection_id or ""))],
            ["clientId", visible(str(facts.details.get("clientId", "")))],
        ],
        "limits": _limits(facts.details),
        "timers": timers(facts, waiting, now),
        "heartbeats": _heartbeats(facts) or facts.state != "connected",
        "frames": dict(facts.frames),
        "bytes": dict(facts.bytes),
    }


class ConnectionPanel(OfConnection):
    """A connection's state machine with the current state lit, its ids and limits, and its timers.

        ConnectionPanel(conn)
        ConnectionPanel(relay, "client 1")

    The silence bar fills while nothing arrives, and any frame empties it. When it is full, maxIdleInterval
    has passed, and the service should have sent a HEARTBEAT. Without a name, the panel shows the connection
    it was given, or the first one in the transcript.
    """

    _esm = script("connection.js")
    _css = style("connection.css")
    facts = traitlets.Dict().tag(sync=True)
    machine = traitlets.Dict().tag(sync=True)

    def __init__(self, source: HasTranscript | Transcript, connection: str | None = None) -> None:
        self._now: Callable[[], float] | None = getattr(source, "now", None)
        """The time by the source's own clock, such as a replay's; no timers run there."""
        super().__init__(source, connection)
        self.machine = {"states": STATES, "transitions": [list(each) for each in TRANSITIONS]}
        self.on_page(self._on_page)
        self.refresh()

    def refresh(self) -> None:
        """Update the facts, here and on the page."""
        name = self.connection
        with self.reading as known:
            now = self._now() if self._now else time.time() * 1000
            waiting = [entry for entry in known.waiting if entry.connection == name]
            shown = for_page(name, known.facts(name), waiting, now)
        self.facts = {**shown, "frozen": self._now is not None}

    def html(self) -> str:
        """Return the facts as a table."""
        self.refresh()
        known: dict[str, Any] = self.facts
        rows = "".join(f"<tr><th>{escape(n)}</th><td>{escape(v)}</td></tr>" for n, v in self._lines())
        state = f"<b>{escape(known['state'])}</b> {escape(known['reason'])}"
        return f'<div class="ablykit-connection-static"><p>{state}</p><table>{rows}</table></div>'

    def __str__(self) -> str:
        self.refresh()
        known: dict[str, Any] = self.facts
        head = f"{known['state']} {known['reason']}".rstrip()
        return "\n".join([head, *(f"  {name:<20} {value}" for name, value in self._lines())])

    def _lines(self) -> list[tuple[str, str]]:
        known: dict[str, Any] = self.facts
        limits = [(name, value) for name, value, _ in known["limits"]]
        crossed = [
            (said, f"{known['frames'][way]} frames, {known['bytes'][way]:,} bytes")
            for said, way in (("received", "in"), ("sent", "out"))
        ]
        return [(name, value) for name, value in [*known["ids"], *limits, *crossed] if value]

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("want") == "facts":
            self.refresh()


def _limits(details: dict[str, Any]) -> list[list[str]]:
    """Return each limit that was granted: its name, its value with unit, and what it means."""
    known, found = MEMBERS["ConnectionDetails"], list[list[str]]()
    for name, value in details.items():
        if isinstance(value, int) and name in known:
            unit = _SHORT.get(known[name].unit, known[name].unit)
            found.append([visible(name), f"{value:,} {unit}", known[name].sentence])
    return found


def _heartbeats(facts: Facts) -> bool:
    """Return whether the client gets HEARTBEAT frames: by default, or because it asked for them."""
    return facts.params.get("heartbeats") != "false"


def _timer(name: str, age: float, limit: int, says: str) -> dict[str, Any]:
    return {"name": name, "age": max(age, 0.0), "limit": limit, "says": says}
