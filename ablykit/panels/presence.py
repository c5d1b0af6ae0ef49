"""The presence panel: the members, since when, with what data, and on which connection."""

import json
import time
from html import escape
from typing import Any

import traitlets

from ablykit.panels.panel import HasTranscript, OfConnection, script, style
from ablykit.protocol.anatomy import clock
from ablykit.protocol.explanation import in_hex, visible
from ablykit.record.members import Member
from ablykit.record.transcript import Transcript

LONGEST = 200
"""How many characters of a member's data are shown."""


class Presence(OfConnection):
    """The members of a connection's channels as that connection learns of them, and those who left last.

        Presence(conn)
        Presence(relay, "client 1", channel="chat:lobby")

    Click a member to select the last frame about it in every linked panel.
    """

    _esm = script("presence.js")
    _css = style("presence.css")
    members = traitlets.List(traitlets.Dict()).tag(sync=True)
    left = traitlets.List(traitlets.Dict()).tag(sync=True)
    now = traitlets.Float().tag(sync=True)
    """The kernel's time at its last update, in ms since 1970; the page counts on from there."""
    title = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, source: HasTranscript | Transcript, connection: str | None = None, *, channel: str | None = None
    ) -> None:
        self._channel = channel
        super().__init__(source, connection)
        self.title = f"Present on {visible(channel)}" if channel else "Present"
        self.on_page(self._on_page)
        self.refresh()

    def refresh(self) -> None:
        """Update who is present."""
        with self.reading as known:
            members = known.members(self.connection)
            self._members, left = self._here(members.all), self._here(members.left)
        shown = [_shown(member) for member in self._members]
        if shown != self.members:
            with self.hold_sync():
                self.now, self.members = time.time() * 1000, shown
        self.left = [_shown(member) for member in left]

    def html(self) -> str:
        """Return the members as a table."""
        self.refresh()
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in self._cells()
        )
        head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
        return f"<div><b>{escape(self._heading)}</b><table><tr>{head}</tr>{rows}</table></div>"

    def __str__(self) -> str:
        self.refresh()
        rows = ["  " + "  ".join(cells).rstrip() for cells in self._cells()]
        return "\n".join([self._heading, *rows])

    @property
    def _heading(self) -> str:
        count = len(self._members)
        return f"{self._channel or 'all channels'}: {count} {'member' if count == 1 else 'members'}"

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (visible(m.client_id), visible(m.channel), _data(m), visible(m.connection_id), clock(m.since))
            for m in self._members
        ]

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("want") == "now":
            self.now = time.time() * 1000

    def _here(self, members: list[Member]) -> list[Member]:
        return [member for member in members if self._channel in (None, member.channel)]


_COLUMNS = ("clientId", "channel", "data", "connectionId", "since")


def _data(member: Member) -> str:
    if member.data is None:
        return ""
    text = (
        member.data
        if isinstance(member.data, str)
        else json.dumps(member.data, default=in_hex, ensure_ascii=False)
    )
    return visible(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def _shown(member: Member) -> dict[str, Any]:
    return {
        "number": member.number,
        "clientId": visible(member.client_id),
        "channel": visible(member.channel),
        "connectionId": visible(member.connection_id),
        "data": _data(member),
        "since": clock(member.since)[11:19],
        "at": member.since,
    }
