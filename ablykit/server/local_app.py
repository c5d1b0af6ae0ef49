"""One app of an embedded Ably, as a test sees it: what to connect with, and what went on inside."""

from typing import Any

from ablykit.protocol import AblyError, ApiKey, ChannelName, ProtocolMessage
from ablykit.protocol.codec import plain
from ablykit.server.access.app import App
from ablykit.server.common.denials import Denial
from ablykit.server.running import Running


class LocalApp:
    """An app of its own on a server that is shared: its channels, keys and connections are no one else's.

    `key` is an API key of it that may do everything.
    """

    def __init__(self, running: Running, app: App, key: ApiKey) -> None:
        self._running, self.app, self.key = running, app, key

    @property
    def url(self) -> str:
        """Where to connect without TLS: `ws://HOST:PORT`."""
        return self._running.url

    @property
    def tls_url(self) -> str:
        """Where to connect with TLS: `wss://HOST:PORT`."""
        return self._running.tls_url

    @property
    def ca_file(self) -> str:
        """The certificate to trust for `tls_url`, as a file in PEM; it goes when the server stops."""
        return self._running.ca.file

    def new_key(self, capability: object = None, *, revocable_tokens: bool = False) -> ApiKey:
        """Return another API key of the app, with this capability (a dict or JSON text)."""
        return self._running.add_key(self.app, capability, revocable_tokens=revocable_tokens)

    def options(self, sdk: str) -> dict[str, Any]:
        """The client options that an official SDK needs to talk to this app, by the SDK's name.

        They are `ably-js`, `ably-js-1.2` (its older line), `ably-python` (realtime) and `ably-python-rest`.
        Over TLS, a program that is not told otherwise must trust `ca_file`: set `SSL_CERT_FILE`, or for
        node `NODE_EXTRA_CA_CERTS`. Raises `ValueError` for another name.
        """
        running = self._running
        host, tls_port = running.address, running.tls_port
        ports = {"port": running.port, "tlsPort": tls_port, "tls": not running.service.sandbox}
        known: dict[str, dict[str, Any]] = {
            "ably-js": {"endpoint": host, **ports},
            "ably-js-1.2": {"realtimeHost": host, "restHost": host, **ports},
            "ably-python": {"realtime_host": f"{host}:{tls_port}"},  # it passes over its port
            "ably-python-rest": {"rest_host": host, "tls_port": tls_port},
        }
        if sdk not in known:
            raise ValueError(f"Options are known for {', '.join(known)}, not for {sdk!r}")
        return {"key": self.key.reveal(), **known[sdk]}

    def published(self, channel: str) -> list[dict[str, Any]]:
        """The messages that were published on a channel and are kept, oldest first, as JSON has them."""
        name = ChannelName.parse(channel)

        def read() -> list[dict[str, Any]]:
            found = self.app.find(name)
            return [
                plain(message)
                for entry in (found.log.all(self._running.service.monotonic()) if found else ())
                for message in entry.messages
            ]

        return self._running.call(read)

    def members(self, channel: str) -> list[dict[str, Any]]:
        """Return who is present on a channel, as JSON has it."""
        name = ChannelName.parse(channel)

        def read() -> list[dict[str, Any]]:
            found = self.app.find(name)
            return [plain(member) for member in found.members.values()] if found else []

        return self._running.call(read)

    def send(self, frame: ProtocolMessage, client_id: str | None = None) -> int:
        """Send a frame that the service would not send by itself now, to see what a client makes of it.

        It goes to the connections of a clientId, or without one to all of the app's. Return how many there
        were.

            local_ably.send(ProtocolMessage(action=Action.DETACHED, channel="orders"))
        """
        return self._running.send(frame, self.app, client_id)

    def nack_next(self, code: int, message: str = "Refused, as the test asked", count: int = 1) -> None:
        """Refuse the next `count` publishes of the app with an error code."""
        error = AblyError(code, message)
        self._running.call(lambda: self.app.refusals.extend([error] * count))

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward, and do all that is due until then.

        Tokens expire, members whose connections dropped leave, and messages have been kept long enough,
        without waiting. Timestamps and `GET /time` are ahead from then on, for all apps of the server. The
        clocks of clients are not moved, and heartbeats still come after silence of real time.

        Raises `ValueError` for a time that is not ahead.
        """
        self._running.advance(seconds)

    @property
    def ahead(self) -> float:
        """How far the server's clock has been moved, in seconds."""
        return self._running.service.clock.ahead / 1000

    def why(self, told: object) -> Denial:
        """Return why something was refused: key, resource, operation, and the rule that decided.

        `told` is what told it: a frame with an error, an HTTP answer, an error itself. Raises `LookupError`
        for what is no denial of this server's.

            print(ably.why(nack))
        """
        return self._running.call(lambda: self._running.service.denials.find(told))

    def disconnect(self, client_id: str | None = None) -> int:
        """Cut the sockets of a clientId, or without one all of the app's, as a dead network does. Return how
        many there were."""
        return self._running.cut(self.app, client_id)
