"""What a session shows, as lines: its frames and its notes, in the order in which they came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ablykit.console.session import Note, Session
from ablykit.record.transcript import ARROWS, Entry

KINDS = {
    "error": {"ERROR", "NACK", "DISCONNECTED", "not a frame", "note"},
    "good": {"ACK", "CONNECTED", "ATTACHED"},
    "message": {"MESSAGE", "PRESENCE", "SYNC", "ANNOTATION", "OBJECT"},
    "quiet": {"HEARTBEAT", "WebSocket open", "WebSocket close", "WebSocket ping", "WebSocket pong"},
}
"""What a badge is colored by. Its name always stands in it."""


@dataclass(frozen=True)
class Line:
    """One line: a frame, or a note, which has no arrow."""

    number: int
    """The number of its entry; of a note, that of the entry before it."""
    time: str
    """When, as HH:MM:SS.mmm, by the clock on the wall."""
    arrow: str
    badge: str
    kind: str
    channel: str
    text: str


def line_of(item: Entry | Note) -> Line:
    """Return an entry or a note as a line."""
    if isinstance(item, Note):
        return Line(item.after - 1, _time(item.at), " ", "note", "error", "", item.text)
    kind = next((kind for kind, actions in KINDS.items() if item.action in actions), "plain")
    return Line(
        item.number, _time(item.at), ARROWS[item.direction], item.action, kind, item.channel, item.summary
    )


class Lines:
    """The lines of a session, a few at a time. `heartbeats` says whether heartbeats are among them."""

    def __init__(self, session: Session, *, heartbeats: bool = False) -> None:
        self._session, self._heartbeats = session, heartbeats
        self._entries, self._notes = 0, 0

    def new(self) -> Iterator[Line]:
        """Yield what was added since this was called last, each note after the frames before it."""
        notes = self._session.notes[self._notes :]
        self._notes += len(notes)
        entries = self._session.transcript.since(self._entries)
        for entry in entries:
            while notes and notes[0].after <= entry.number:
                yield line_of(notes.pop(0))
            self._entries = entry.number + 1
            if self._heartbeats or not (entry.action == "HEARTBEAT" or entry.is_ping):
                yield line_of(entry)
        yield from map(line_of, notes)


def _time(ms: float) -> str:
    return f"{datetime.fromtimestamp(ms / 1000):%H:%M:%S.%f}"[:12]
