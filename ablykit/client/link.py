"""What a channel knows of its connection, how long both wait, and how a client connects."""

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from ablykit.client.outputs import Output, Promise
from ablykit.client.timers import Timers
from ablykit.protocol import (
    AblyError,
    ConnectionDetails,
    ErrorInfo,
    Format,
    NotAFrame,
    ProtocolMessage,
    connection_url,
)
from ablykit.protocol.codec import read

VERSION = 5
"""The protocol version that the client speaks."""

TOKEN_ERRORS = range(40140, 40150)
"""The codes that ask for a new token (RSA4b)."""


@dataclass(frozen=True)
class Times:
    """How long a client waits, in ms (TO3l)."""

    realtime_request: float = 10_000
    disconnected_retry: float = 15_000
    suspended_retry: float = 30_000
    channel_retry: float = 15_000
    connection_state_ttl: float = 120_000


@dataclass(frozen=True)
class Options:
    """How to connect. `renewable` means that `NeedToken` will be answered with a token."""

    url: str
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    renewable: bool = False
    client_id: str | None = None
    echo: bool = True
    format: Format = Format.MSGPACK
    recover: str | None = field(default=None, repr=False)
    times: Times = Times()

    def url_for(self, token: str | None, *, resume: str | None, recover: str | None) -> str:
        """Return the URL of the next socket (RTN2). It has secrets in it."""
        asked = {
            "v": VERSION,
            "format": self.format.value,
            "heartbeats": True,
            "echo": self.echo,
            "key": self.key,
            "accessToken": token,
            "clientId": self.client_id,
            "resume": resume,
            "recover": recover,
        }
        return connection_url(self.url, **{name: value for name, value in asked.items() if value is not None})


def recovered(key: str | None) -> tuple[int, dict[str, str]]:
    """Return the msgSerial to go on with and the channelSerials in a recovery key (RTN16f, RTN16j).

    Raises `AblyError` 40000 for what is no recovery key.
    """
    if key is None:
        return 0, {}
    try:
        value = cast("dict[str, Any]", read(key, Format.JSON))
        return int(value["msgSerial"]), {**value["channelSerials"]}
    except (NotAFrame, KeyError, TypeError, ValueError):
        raise AblyError(40000, "This is no recovery key: take the `recovery_key` of a connection") from None


class Link(Protocol):
    """What a channel needs from its connection."""

    state: str
    connection_id: str | None
    details: ConnectionDetails
    timers: Timers

    @property
    def format(self) -> Format:
        """The format of the connection's frames."""
        ...

    @property
    def times(self) -> Times:
        """How long to wait for what."""
        ...

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""
        ...

    def emit(self, output: Output) -> None:
        """Add an output."""
        ...

    def send(self, frame: ProtocolMessage) -> bool:
        """Send a frame if the connection is connected."""
        ...

    def publish(self, frame: ProtocolMessage, promise: Promise) -> Promise:
        """Send a frame that gets an ACK, now or once there is a connection."""
        ...

    def settle(self, promise: Promise, value: object = None, error: AblyError | None = None) -> None:
        """Settle a promise and say so."""
        ...


def as_error(info: ErrorInfo | None) -> AblyError:
    """Return the error in a frame or an HTTP answer as an exception."""
    if info is None:
        return AblyError(50000, "The service gave no reason")
    text = (info.message or "The service gave no reason").partition(". (See ")[0]
    return AblyError(info.code or 50000, text, info.status_code)
