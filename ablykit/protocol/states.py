"""The states of a client's connection and channels, and the transitions between them (RTN4, RTL2)."""

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
"""The transitions that frames show. SDKs make the retries; a raw connection does not."""

CLIENT_TRANSITIONS = (
    *TRANSITIONS,
    Transition("connecting", "suspended", "connectionStateTtl"),
    Transition("connecting", "closing", "CLOSE"),
    Transition("initialized", "closed", "CLOSE"),
    Transition("disconnected", "closed", "CLOSE"),
    Transition("suspended", "closed", "CLOSE"),
)
"""Every transition of an SDK, those between two sockets included, which no frame shows (RTN12, RTN14e)."""

BY_FRAME = {
    Action.CONNECTED: "connected",
    Action.DISCONNECTED: "disconnected",
    Action.CLOSED: "closed",
}
"""The state that a frame from the service leads to (RTN4)."""

CHANNEL_STATES: dict[str, str] = {
    "initialized": "The channel exists, but has not been attached yet.",
    "attaching": "ATTACH was sent, or waits for a connection; ATTACHED has not arrived yet.",
    "attached": "ATTACHED has arrived: messages flow.",
    "detaching": "DETACH was sent, and DETACHED has not arrived yet.",
    "detached": "The client detached the channel, or closed its connection.",
    "suspended": "Attaching had no success, or the connection is suspended. The client will try again.",
    "failed": "The service refused the channel, and trying again would not help.",
}
"""Each state of a channel and what it means (RTL2)."""

CHANNEL_TRANSITIONS = (
    Transition("initialized", "attaching", "attach"),
    Transition("detached", "attaching", "attach"),
    Transition("failed", "attaching", "attach"),
    Transition("suspended", "attaching", "attach"),
    Transition("suspended", "attaching", "retry"),
    Transition("suspended", "attaching", "connected"),
    Transition("suspended", "attaching", "DETACHED"),
    Transition("suspended", "attached", "ATTACHED"),
    Transition("attaching", "attached", "ATTACHED"),
    Transition("attaching", "attaching", "connected"),
    Transition("attaching", "suspended", "DETACHED"),
    Transition("attaching", "suspended", "no answer"),
    Transition("attached", "attached", "ATTACHED"),
    Transition("attached", "attaching", "DETACHED"),
    Transition("attached", "attaching", "connected"),
    Transition("attached", "detaching", "detach"),
    Transition("suspended", "detached", "detach"),
    Transition("detaching", "detaching", "ATTACHED"),
    Transition("detaching", "detaching", "connected"),
    Transition("detaching", "detached", "DETACHED"),
    Transition("detaching", "attached", "no answer"),
    *(Transition(start, "failed", "ERROR") for start in ("attaching", "attached", "detaching", "suspended")),
    *(Transition(start, "suspended", "connection suspended") for start in ("attaching", "attached")),
    Transition("detaching", "detached", "connection suspended"),
    *(
        Transition(start, "detached", "connection closed")
        for start in ("attaching", "attached", "detaching", "suspended")
    ),
    *(Transition(start, "failed", "connection failed") for start in ("attaching", "attached", "suspended")),
    Transition("detaching", "detached", "connection failed"),
)
"""Every transition of a channel, and what causes it (RTL3 to RTL5, RTL13). `attached` to `attached` is an
update."""
