"""The life of a session: its states, and the events that lead from one to the next.

A session is complete when it is made: it begins OPEN, with its client, its connection and its limits known.
So there are only three states, and all that a session asks is whether it is still open. `Session` looks every
event up in the table below, and `docs/architecture.md` draws it. A pair that is not in the table is a mistake
of the caller (`KeyError`), not a state of its own.

The states that a *client* goes through (connecting, connected, suspended and so on, RTN4) are another matter;
they are in `protocol.states`.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a session is in its life."""

    OPEN = "open"
    """Frames flow both ways."""
    ENDING = "ending"
    """The last frame is written, and the WebSocket is being closed: nothing more is heard or sent."""
    GONE = "gone"
    """The socket is gone."""


class Event(StrEnum):
    """What ends a session."""

    CLOSED = "CLOSE came"
    DISCONNECTED = "DISCONNECTED was sent"
    REFUSED = "a fatal ERROR was sent"
    DROPPED = "the socket went"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.CLOSED): State.ENDING,
    (State.OPEN, Event.DISCONNECTED): State.ENDING,
    (State.OPEN, Event.REFUSED): State.ENDING,
    (State.OPEN, Event.DROPPED): State.GONE,
    (State.ENDING, Event.CLOSED): State.ENDING,
    (State.ENDING, Event.DISCONNECTED): State.ENDING,
    (State.ENDING, Event.REFUSED): State.ENDING,
    (State.ENDING, Event.DROPPED): State.GONE,
}
"""Which state each event leads to. What is not here does not happen: a socket goes once."""
