"""The states of a connection and what leads from one to another (RTN4), as data."""

from typing import NamedTuple

from ablykit.protocol.actions import Action

STATES: dict[str, str] = {
    "initialized": "Made, but not asked to connect yet.",
    "connecting": "The WebSocket is being opened, or CONNECTED has not come yet.",
    "connected": "CONNECTED came: frames flow both ways.",
    "disconnected": "The transport is gone; the service keeps the connection, to be resumed.",
    "suspended": "Gone for longer than connectionStateTtl: what was kept is lost.",
    "closing": "CLOSE was sent, CLOSED has not come yet.",
    "closed": "Ended on purpose.",
    "failed": "Refused for good: trying again would not help.",
}
"""Each state and what it means (RTN4a)."""


class Transition(NamedTuple):
    """From one state to another, and what brings it about."""

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
"""What leads where; SDKs do the retries, a raw connection does not."""

BY_FRAME = {
    Action.CONNECTED: "connected",
    Action.DISCONNECTED: "disconnected",
    Action.CLOSED: "closed",
}
"""What a frame of the service makes of the state (RTN4)."""
