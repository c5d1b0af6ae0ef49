"""The states of a session, and the events that lead from one state to the next.

A session starts OPEN: it is made only once its client, its connection and its limits are known. So there are
just three states, and the only question is whether a session is still open. `Session` looks up every event in
the table below, and `docs/architecture.md` draws it. If a state and event are not in the table, the caller
made a mistake, and gets a `KeyError`.

The states of a *client* (connecting, connected, suspended and so on, RTN4) are a different matter: see
`protocol.states`.
"""

from enum import StrEnum


class State(StrEnum):
    """The state of a session."""

    OPEN = "open"
    """Frames flow both ways."""
    ENDING = "ending"
    """The last frame is written and the WebSocket is closing: nothing more is received or sent."""
    GONE = "gone"
    """The socket is gone."""


class Event(StrEnum):
    """An event that ends a session."""

    CLOSED = "CLOSE was received"
    DISCONNECTED = "DISCONNECTED was sent"
    REFUSED = "a fatal ERROR was sent"
    DROPPED = "the socket was lost"


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
"""The state that each event leads to. Pairs that can't happen are missing: a socket is lost only once."""
