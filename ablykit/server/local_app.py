"""One app of an embedded Ably, as a test uses it: how to connect, what was published, and how to provoke
errors."""

from typing import Any

from ablykit.protocol import AblyError, ApiKey, ChannelName, ProtocolMessage
from ablykit.protocol.codec import plain
from ablykit.server.access.app import App
from ablykit.server.common.denials import Denial
from ablykit.server.running import Running


class LocalApp:
    """One app on a server that several apps may share. Its channels, keys and connections are its own.

    `key` is one of its API keys, which allows everything.
    """

    def __init__(self, running: Running, app: App, key: ApiKey) -> None:
        self._running, self.app, self.key = running, app, key

    @property
    def url(self) -> str:
        """The URL without TLS, `ws://HOST:PORT`."""
        return self._running.url

    @property
    def tls_url(self) -> str:
        """The URL with TLS, `wss://HOST:PORT`."""
        return self._running.tls_url

    @property
    def ca_file(self) -> str:
        """The path of a PEM file with the certificate to trust for `tls_url`. It is removed when the server
        stops."""
        return self._running.ca.file

    def new_key(self, capability: object = None, *, revocable_tokens: bool = False) -> ApiKey:
        """Make another API key of the app, with this capability (a dict or JSON text), and return it."""
        return self._running.add_key(self.app, capability, revocable_tokens=revocable_tokens)

    def options(self, sdk: str) -> dict[str, Any]:
        """Return the client options that an official SDK needs to connect to this app.

        `sdk` is `ably-js`, `ably-js-1.2` (the older line), `ably-python` (realtime) or `ably-python-rest`.
        For TLS, the program must trust `ca_file`: set `SSL_CERT_FILE` or, for node, `NODE_EXTRA_CA_CERTS`.
        Raises `ValueError` for any other SDK.
        """
        running = self._running
        host, tls_port = running.address, running.tls_port
        ports = {"port": running.port, "tlsPort": tls_port, "tls": not running.service.sandbox}
        known: dict[str, dict[str, Any]] = {
            "ably-js": {"endpoint": host, **ports},
            "ably-js-1.2": {"realtimeHost": host, "restHost": host, **ports},
            "ably-python": {"realtime_host": f"{host}:{tls_port}"},  # it ignores its option for the port
            "ably-python-rest": {"rest_host": host, "tls_port": tls_port},
        }
        if sdk not in known:
            raise ValueError(f"There are no options for {sdk!r}. The SDKs are {', '.join(known)}")
        return {"key": self.key.reveal(), **known[sdk]}

    def published(self, channel: str) -> list[dict[str, Any]]:
        """Return the messages in a channel's log, oldest first, as dicts with the names of the wire."""
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
        """Return the members that are present on a channel, as dicts with the names of the wire."""
        name = ChannelName.parse(channel)

        def read() -> list[dict[str, Any]]:
            found = self.app.find(name)
            return [plain(member) for member in found.members.values()] if found else []

        return self._running.call(read)

    def send(self, frame: ProtocolMessage, client_id: str | None = None) -> int:
        """Send a frame that the service would not send by itself, to test how a client handles it.

        It goes to the connections of a clientId, or to all of the app's. Return how many there were.

            local_ably.send(ProtocolMessage(action=Action.DETACHED, channel="orders"))
        """
        return self._running.send(frame, self.app, client_id)

    def nack_next(
        self, code: int, message: str = "The test asked the service to refuse this", count: int = 1
    ) -> None:
        """Refuse the next `count` publishes in the app with this error code."""
        error = AblyError(code, message)
        self._running.call(lambda: self.app.refusals.extend([error] * count))

    def forgive(self) -> int:
        """Refuse no more of what `nack_next` said, and return how many refusals were left."""

        def forgive() -> int:
            left = len(self.app.refusals)
            self.app.refusals.clear()
            return left

        return self._running.call(forgive)

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward, and do everything that is due until then.

        Tokens expire, members of dropped connections leave, and old messages are dropped, all without
        waiting. A client that would have heard nothing meanwhile gets one HEARTBEAT. From then on timestamps
        and `GET /time` are ahead of the real time, for all apps of the server. The clocks of clients do not
        move.

        Raises `ValueError` for a negative or infinite number.
        """
        self._running.advance(seconds)

    @property
    def ahead(self) -> float:
        """How far the server's clock has been moved, in seconds."""
        return self._running.service.clock.ahead / 1000

    def why(self, refusal: object) -> Denial:
        """Return why something was refused: the key, the resource, the operation, and the rule that decided.

        `refusal` is a frame with an error, an HTTP response's body, or the error itself. Raises `LookupError`
        if it is not a denial by this server.

            print(ably.why(nack))
        """
        return self._running.call(lambda: self._running.service.denials.find(refusal))

    def disconnect(self, client_id: str | None = None, *, forget: bool = False) -> int:
        """Cut the sockets of a clientId, or all of the app's, as a dead network does. Return how many there
        were.

        With `forget`, the service forgets their connections as well: whoever resumes one is refused with
        80018 and gets a new connection.
        """
        return self._running.cut(self.app, client_id, forget=forget)
