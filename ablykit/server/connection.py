"""A connection: the part of a client's state that outlives its socket.

A socket breaks; the client opens another and resumes (RTN15). Whatever the second socket needs from the first
is kept here: the keys that resume it, the members it entered, and the answers it may not have received.
Everything else, such as attachments, belongs to the `Session` and ends with its socket; the client attaches
again.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from ablykit.protocol import (
    AblyError,
    Action,
    ConnectionDetails,
    ErrorInfo,
    Format,
    NotAFrame,
    ProtocolMessage,
)
from ablykit.protocol.codec import read
from ablykit.server.access.app import App, Limits
from ablykit.server.access.identity import Identity
from ablykit.server.answers import Answers
from ablykit.server.channels.channel import Channel


class Holder(Protocol):
    """What a connection needs from the session that has its socket."""

    @property
    def identity(self) -> Identity:
        """The identity of the client."""
        ...

    def reply(self, frame: ProtocolMessage) -> None:
        """Send a frame to the client."""
        ...

    def disconnect(self, error: AblyError) -> None:
        """End the socket. The client may come back and resume."""
        ...


@dataclass
class Connection:
    """A connection, with or without a socket at the moment."""

    id: str
    keys: list[str]
    """The connectionKeys that resume it. The client got the last one in its newest CONNECTED."""
    app: App
    client_id: str | None
    session: Holder | None = None
    expires: float | None = None
    """When it can no longer be resumed, in ms of running time; None while it has a socket."""
    present: set[tuple[Channel, str]] = field(default_factory=set[tuple[Channel, str]])
    """The members it has entered or is entering: the channel and clientId of each."""
    answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self.answers = Answers(self._send)

    @property
    def key(self) -> str:
        """The newest connectionKey."""
        return self.keys[-1]

    def _send(self, frame: ProtocolMessage) -> None:
        """Send a frame to the client over the current socket, if there is one."""
        if self.session:
            self.session.reply(frame)


def connected(
    connection: Connection,
    identity: Identity,
    limits: Limits,
    *,
    modern: bool,
    instance: str,
    max_idle_interval: int,
    error: ErrorInfo | None,
) -> ProtocolMessage:
    """Return the CONNECTED frame, with the connection's id, key and limits (RTN21).

    `modern` is for protocol v2 and later (see `ConnectionParams.modern`); `max_idle_interval` is in ms.
    """
    details = ConnectionDetails(
        client_id=connection.client_id or identity.client_id,
        connection_key=connection.key,
        max_message_size=limits.max_message_size,
        max_inbound_rate=limits.max_inbound_rate,
        max_outbound_rate=limits.max_outbound_rate,
        max_frame_size=limits.max_frame_size,
        server_id=f"frontend.{instance}.local",
        connection_state_ttl=limits.connection_state_ttl,
        max_idle_interval=max_idle_interval,
        site_code="local" if modern else None,
        objects_gc_grace_period=86_400_000 if modern else None,
    )
    return ProtocolMessage(
        action=Action.CONNECTED, connection_id=connection.id, connection_details=details, error=error
    )


def recovery_key(recover: str | None) -> str | None:
    """Return the connectionKey in a recovery key (RTN16g): JSON in v2 and later, `KEY:…` in 2021."""
    if recover is None:
        return None
    try:
        value = read(recover, Format.JSON)
    except NotAFrame:
        value = None
    key: Any = cast("dict[str, Any]", value).get("connectionKey") if isinstance(value, dict) else None
    return key if isinstance(key, str) else recover.partition(":")[0]
