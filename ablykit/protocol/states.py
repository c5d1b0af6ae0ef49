"""The states of a client's connection, and the transitions between them (RTN4), as data."""

from typing import NamedTuple

from ablykit.protocol.actions import Action

STATES: dict[str, str] = {
    "initialized": "The client exists, but has not tried to connect yet.",
    "connecting": "The WebSocket is being opened, or CONNECTED has not arrived yet.",
    "connected": "CONNECTED has arrived: frames flow both ways.",
    "disconnected": "The socket is gone, but the service keeps the connection for the client to resume.",
    "suspended": "The socket has been gone for longer than connectionStateTtl, so the connection is lost.",
    "closing": "CLOSE was sent, and CLOSED has not arrived yet.",
    "closed": "The client closed the connection.",
    "failed": "The service refused the connection, and trying again would not help.",
}
"""Each state and what it means (RTN4a)."""


class Transition(NamedTuple):
    """A transition from one state to another, and what causes it."""

    start: str
    end: str
    why: str


TRANSITIONS = (
    Transition("initialized", "connecting", "open"),
    Transition("connecting", "connected", "CONNECTED"),
    Transition("connecting", "failed", "ERROR"),
    Transition("connecting", "disconnected", "no answer"),
    Transition("connected", "disconnected", "DISCONNECTED, or cut"),
    Transition("connected", "closing", "CLOSE"),
    Transition("connected", "failed", "ERROR"),
    Transition("disconnected", "connecting", "retry"),
    Transition("disconnected", "suspended", "connectionStateTtl"),
    Transition("suspended", "connecting", "retry"),
    Transition("closing", "closed", "CLOSED"),
)
"""Every transition. SDKs make the retries; a raw connection does not."""

BY_FRAME = {
    Action.CONNECTED: "connected",
    Action.DISCONNECTED: "disconnected",
    Action.CLOSED: "closed",
}
"""The state that a frame from the service leads to (RTN4)."""
