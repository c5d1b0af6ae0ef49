"""LocalAbly: the embedded Ably as notebooks, tests and terminals start it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Self, TypeVar

from ablykit.protocol import ApiKey
from ablykit.record.transcript import Transcript
from ablykit.server.access.app import App, namespaces
from ablykit.server.local_app import LocalApp
from ablykit.server.running import Running
from ablykit.server.service import Service

T = TypeVar("T")

LIMITED = {"public:*": ["subscribe"]}
"""The capability of `limited_key`: it may subscribe to channels in the namespace `public`, and nothing
else."""


class LocalAbly(LocalApp):
    """An embedded Ably: a real server, on this machine, without an account.

        with LocalAbly() as ably:
            ably.tls_url, ably.key      # wss://127.0.0.1:PORT and an API key

    It runs on its own thread, and is ready when the constructor returns. One port answers `ws://` and
    `http://`, the other `wss://` and `https://`. Leaving the block, or `stop()`, ends it.

    - `host`, `port` and `tls_port` are where it listens; port 0 means any free port.
    - `keys` are API keys, as text `APPID.KEYID:SECRET`. Without any, the server makes one.
    - `seed` makes ids, keys, serials and timestamps the same on every run.
    - `heartbeat_interval` is in ms, at least 10.
    - `limits` changes single limits of `ablykit.server.access.app.Limits`.
    - `sandbox` accepts keys without TLS, and lets anyone make apps.
    - `enforce_rates` refuses publishes above the rate limits.
    - `mutable` names the namespaces whose messages can be updated, deleted and annotated. A channel's
    namespace is the
      part of its name before the first colon.
    - `persisted` names the namespaces whose messages are kept for a day instead of two minutes.
    - `allow_hosts` and `allow_origins` are other names of this machine and other web pages that may use the
    server (see
      `ablykit.machine.browsers.Door`). By default only this machine's programs and pages may.

    Raises `OSError` if a port is taken, `AblyError` 40005 for a malformed key, `ValueError` for an invalid
    host or origin.
    """

    is_local = True

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        keys: Iterable[str] = (),
        seed: int | None = None,
        heartbeat_interval: int = 15_000,
        limits: Mapping[str, int] | None = None,
        sandbox: bool = False,
        enforce_rates: bool = False,
        mutable: Iterable[str] = (),
        persisted: Iterable[str] = (),
        allow_hosts: Iterable[str] = (),
        allow_origins: Iterable[str] = (),
    ) -> None:
        if heartbeat_interval < 10:
            raise ValueError(f"heartbeat_interval must be at least 10 (ms), not {heartbeat_interval}")
        self._limits, self._namespaces = limits, namespaces(mutable=mutable, persisted=persisted)
        service = Service(
            lambda: time.monotonic() * 1000,
            seed=seed,
            heartbeat_interval=heartbeat_interval,
            sandbox=sandbox,
            enforce_rates=enforce_rates,
        )
        app, key = self._make_app(service, keys)
        self.limited_key = service.add_key(app, LIMITED).api_key
        running = Running(
            service,
            max_frame_size=app.limits.max_frame_size,
            host=host,
            port=port,
            tls_port=tls_port,
            allow_hosts=allow_hosts,
            allow_origins=allow_origins,
        )
        self.host, self.port, self.tls_port = running.host, running.port, running.tls_port
        super().__init__(running, app, key)

    def _make_app(self, service: Service, keys: Iterable[str]) -> tuple[App, ApiKey]:
        """Make the apps of the given keys, or one app with a new key. Return the first app and the first
        key."""
        given = [ApiKey.parse(text) for text in keys]
        apps = [
            service.add_app(id, limits=self._limits, namespaces=self._namespaces)
            for id in dict.fromkeys(key.app_id for key in given) or [None]
        ]
        for key in given:
            service.add_key(service.apps[key.app_id], key=key)
        return apps[0], given[0] if given else service.add_key(apps[0]).api_key

    @property
    def address(self) -> str:
        """The host to connect to from this machine."""
        return self._running.address

    @property
    def ca_pem(self) -> str:
        """The certificate to trust for `tls_url`, in PEM."""
        return self._running.ca.pem

    @property
    def sandbox(self) -> bool:
        """Whether it accepts keys without TLS, and lets anyone make apps."""
        return self._running.service.sandbox

    def new_app(
        self,
        *,
        limits: Mapping[str, int] | None = None,
        mutable: Iterable[str] | None = None,
        persisted: Iterable[str] | None = None,
    ) -> LocalApp:
        """Make another app on the same server, with a key, and return it. Apps share nothing.

        `limits` and the namespaces that are `mutable` or `persisted` are by default those of the server's
        first app.
        """
        named = self._namespaces
        if mutable is not None or persisted is not None:
            named = namespaces(mutable=mutable or (), persisted=persisted or ())
        changed = {**(self._limits or {}), **(limits or {})}
        app = self.call(lambda: self._running.service.add_app(limits=changed, namespaces=named))
        return LocalApp(self._running, app, self._running.add_key(app))

    @property
    def transcript(self) -> Transcript:
        """A transcript of everything that crosses the wire, as the clients see it.

        Recording starts when this is first used, for example by a panel:

            FrameInspector(ably)
        """
        service = self._running.service
        if service.transcript is None:
            service.transcript = Transcript()
        return service.transcript

    def disconnect_all(self) -> None:
        """Cut every socket as a dead network does, without a close frame."""
        self._running.cut()

    def call(self, what: Callable[[], T]) -> T:
        """Call a function on the server's thread and return its result. Raises `RuntimeError` if it has
        stopped."""
        return self._running.call(what)

    def stop(self) -> None:
        """Stop the server: send DISCONNECTED 80003 to all clients, close the sockets, and end the thread."""
        self._running.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self._running.thread.is_running else "stopped"
        return f"<LocalAbly {state}: {self.tls_url}, key {self.key}>"
