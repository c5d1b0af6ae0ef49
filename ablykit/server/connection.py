"""What outlives a socket: a connection, so that another socket can resume it."""

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
    """What a connection needs of whatever has its socket."""

    @property
    def identity(self) -> Identity:
        """Who holds it."""
        ...

    def reply(self, frame: ProtocolMessage) -> None:
        """Send a frame to its client."""
        ...

    def disconnect(self, error: AblyError) -> None:
        """Drop its socket; the client may come back and resume."""
        ...


@dataclass
class Connection:
    """What outlives a socket, so that another one can resume it."""

    id: str
    keys: list[str]
    """The connectionKeys it can be resumed by; the last is the one its client was told."""
    app: App
    client_id: str | None
    session: Holder | None = None
    expires: float | None = None
    """When it is forgotten, ms of running time; None while a socket is open."""
    present: set[tuple[Channel, str]] = field(default_factory=set[tuple[Channel, str]])
    """The members it entered, or is entering: on which channel, by which clientId."""
    answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self.answers = Answers(self._send)

    @property
    def key(self) -> str:
        """Its connectionKey."""
        return self.keys[-1]

    def _send(self, frame: ProtocolMessage) -> None:
        """Send a frame to its client, by whichever socket it has now, if any."""
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
    """Return CONNECTED: what a connection is, and what it may do (RTN21). `max_idle_interval` is in ms."""
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
    """The connectionKey in a recovery key (RTN16g), which is JSON; in 2021 it began with the key."""
    if recover is None:
        return None
    try:
        value = read(recover, Format.JSON)
    except NotAFrame:
        value = None
    key: Any = cast("dict[str, Any]", value).get("connectionKey") if isinstance(value, dict) else None
    return key if isinstance(key, str) else recover.partition(":")[0]
