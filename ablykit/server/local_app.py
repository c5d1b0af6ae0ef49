"""One app of an embedded Ably, as a test sees it: what to connect with, and what went on inside."""

from typing import TYPE_CHECKING, Any

from ablykit.protocol import AblyError, ApiKey, ChannelName
from ablykit.protocol.codec import plain

if TYPE_CHECKING:
    from ablykit.server.access.app import App
    from ablykit.server.common.denials import Denial
    from ablykit.server.local import LocalAbly


class LocalApp:
    """An app of its own on a server that is shared: its channels, keys and connections are no one else's.

    `key` is an API key of it that may do everything.
    """

    def __init__(self, ably: "LocalAbly", app: "App", key: ApiKey) -> None:
        self.ably, self.app, self.key = ably, app, key

    @property
    def url(self) -> str:
        """Where to connect without TLS."""
        return self.ably.url

    @property
    def tls_url(self) -> str:
        """Where to connect with TLS."""
        return self.ably.tls_url

    @property
    def ca_file(self) -> str:
        """The certificate to trust for `tls_url`, as a file in PEM."""
        return self.ably.ca_file

    def new_key(self, capability: object = None, *, revocable_tokens: bool = False) -> ApiKey:
        """Another API key of the app, with this capability (a dict or JSON text)."""
        return self.ably.add_key(self.app, capability, revocable_tokens=revocable_tokens)

    def options(self, sdk: str) -> dict[str, Any]:
        """The client options that an official SDK needs to talk to this app, by the SDK's name.

        They are `ably-js`, `ably-js-1.2` (its older line), `ably-python` (realtime) and `ably-python-rest`.
        Over TLS, a program that is not told otherwise must trust `ca_file`: set `SSL_CERT_FILE`, or for
        node `NODE_EXTRA_CA_CERTS`. Raises `ValueError` for another name.
        """
        host, tls_port = self.ably.address, self.ably.tls_port
        ports = {"port": self.ably.port, "tlsPort": tls_port, "tls": not self.ably.sandbox}
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
                for entry in (found.log.all(self.ably.monotonic()) if found else ())
                for message in entry.messages
            ]

        return self.ably.call(read)

    def nack_next(self, code: int, message: str = "Refused, as the test asked", count: int = 1) -> None:
        """Refuse the next `count` publishes of the app with an error code."""
        error = AblyError(code, message)
        self.ably.call(lambda: self.app.refusals.extend([error] * count))

    def why(self, told: object) -> "Denial":
        """Why something was refused; see `LocalAbly.why`."""
        return self.ably.why(told)

    def disconnect(self, client_id: str | None = None) -> int:
        """Cut the sockets of a clientId, or without one of all the app's, as a dead network does; tells
        how many."""
        return self.ably.cut(self.app, client_id)
