"""The service under the clients: an embedded Ably, and a relay in front of it that writes every frame down.

Clients connect to the relay. What became of their messages is read from the server's own side, so that
neither the relay nor any client can be wrong about it.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from ablykit.judge.client import Place
from ablykit.protocol import ProtocolMessage
from ablykit.protocol.tokens import jwt
from ablykit.record import Transcript
from ablykit.relay import Relay
from ablykit.server import LocalAbly, LocalApp

DAY = 86_400_000
"""In ms: how long messages are kept, so that a long run finds its first message in the end."""


@dataclass(frozen=True)
class Logged:
    """A message that the service has: its place in the list of these is its place in the channel's log."""

    channel: str
    data: str
    publisher: str
    """The clientId that published it; empty for nobody in particular."""
    connection: str = ""
    """The connectionId that it came by."""


class Service:
    """An embedded Ably and a relay, ready when the constructor returns.

    With `tls`, clients are sent to `wss://`. `heartbeat_interval` is in ms.
    """

    def __init__(self, *, seed: int = 1, tls: bool = False, heartbeat_interval: int = 15_000) -> None:
        self.seed = seed
        """Decides all that is drawn by lot: ids, and when storms strike."""
        self._ending = contextlib.ExitStack()
        self.ably = LocalAbly(
            seed=seed,
            sandbox=True,
            heartbeat_interval=heartbeat_interval,
            limits={"retention": DAY, "memory": 1024 * 1024 * 1024},
        )
        self._ending.callback(self.ably.stop)
        self.transcript = Transcript(max_entries=1_000_000)
        self._tls = tls
        # The recording has the URL that the relay goes on to: it has to be of the kind that clients use.
        self.relay = Relay(self.ably.tls_url if tls else self.ably.url, transcript=self.transcript)
        self._ending.callback(self.relay.stop)

    def new_app(self, **options: Any) -> LocalApp:
        """Return an app of its own on the same service, for clients that must not meet others."""
        return self.ably.new_app(**options)

    def place(self, client_id: str, app: LocalApp | None = None, *, with_key: bool = True) -> Place:
        """Return where a client connects, and as whom."""
        key = (app or self.ably).key.reveal()
        url = self.relay.tls_url if self._tls else self.relay.url
        return Place(url, f"http{url[2:]}", client_id, self.relay.ca_file, key if with_key else None)

    def token(self, client_id: str, seconds: int, app: LocalApp | None = None) -> str:
        """Return a token for a client that is good for so many seconds."""
        return jwt((app or self.ably).key, ttl=seconds * 1000, client_id=client_id)

    def log(self, channels: Iterable[str], app: LocalApp | None = None) -> list[Logged]:
        """Return what the service has of these channels, each channel's messages oldest first."""
        return [
            Logged(
                channel,
                str(message.get("data")),
                str(message.get("clientId", "")),
                str(message.get("connectionId", "")),
            )
            for channel in channels
            for message in (app or self.ably).published(channel)
        ]

    def members(self, channel: str, app: LocalApp | None = None) -> list[str]:
        """Return the clientIds that are present, as the service has it."""
        return sorted({str(member.get("clientId")) for member in (app or self.ably).members(channel)})

    def send(self, frame: ProtocolMessage, client_id: str, app: LocalApp) -> int:
        """Send a frame to a client, as the service might by itself. Return to how many connections."""
        return app.send(frame, client_id)

    def close(self) -> None:
        """End both."""
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
