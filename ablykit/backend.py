"""The Ably that the notebooks talk to: an embedded one or, with an API key, the real one."""

import inspect
import os
from typing import Any, Self
from urllib.parse import urlsplit

from ablykit.machine import runtime
from ablykit.protocol.credentials import ApiKey, forget, remember
from ablykit.protocol.errors import AblyError
from ablykit.protocol.url import DEFAULT_ENDPOINT
from ablykit.server import LocalAbly


class RemoteAbly:
    """An Ably somewhere else, with the members of `LocalAbly` that the notebooks use.

    `key` is one of its API keys, as text. `endpoint` is its host, with a port if that is not 443.
    `limited_key` is a second key, which may only subscribe on `public:*`.
    """

    is_local = False
    ahead = 0.0
    """How far its clock has been moved, in seconds: only the clock of an embedded Ably can be."""

    def __init__(self, key: str, endpoint: str = DEFAULT_ENDPOINT, limited_key: str | None = None) -> None:
        self.key = ApiKey.parse(key)
        self._limited_key = ApiKey.parse(limited_key) if limited_key else None
        host = endpoint.partition("://")[2] or endpoint
        self.tls_url = f"wss://{host.rstrip('/')}"
        local = runtime.find(self.tls_url)
        hostname = urlsplit(self.tls_url).hostname or host
        self.url = f"ws://{hostname}:{local.port}" if local else f"ws://{hostname}"
        for known in filter(None, (self.key, self._limited_key)):
            remember(known)

    @property
    def limited_key(self) -> ApiKey:
        """The key that may only subscribe on `public:*`. Raises `AblyError` 40106 if there is none."""
        if self._limited_key is None:
            raise AblyError(
                40106,
                "This cell needs a second API key: make one in your Ably dashboard whose only right is "
                "subscribe on public:*, set ABLY_LIMITED_KEY to it, and restart the kernel",
            )
        return self._limited_key

    def stop(self) -> None:
        """Forget the keys. The service itself keeps running."""
        for known in filter(None, (self.key, self._limited_key)):
            forget(known)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<RemoteAbly: {self.tls_url}, key {self.key}>"


_current: LocalAbly | RemoteAbly | None = None


def start(key: str | None = None, endpoint: str | None = None, **local: Any) -> LocalAbly | RemoteAbly:
    """Return the Ably for this notebook, and print which one it is.

    With `key`, or with `ABLY_API_KEY` set, this is the real Ably, or another one whose host is `endpoint` or
    `ABLY_ENDPOINT`. Without a key, this is a new `LocalAbly`, made with the other arguments; the real Ably
    ignores them. Calling `start` again stops the Ably of the call before.

    Raises `TypeError` for an argument that `LocalAbly` does not have, `AblyError` 40005 for a malformed key,
    and `OSError` if a port is taken.
    """
    global _current
    _refuse_unknown(local)
    if _current is not None:
        _current.stop()
        _current = None
    given, key = key, key or os.environ.get("ABLY_API_KEY")
    if key:
        endpoint = endpoint or os.environ.get("ABLY_ENDPOINT") or DEFAULT_ENDPOINT
        _current = RemoteAbly(key, endpoint, os.environ.get("ABLY_LIMITED_KEY"))
        which = "the real Ably" if endpoint == DEFAULT_ENDPOINT else "another Ably"
        why = "you gave a key" if given else "ABLY_API_KEY is set"
        ignored = f" It ignores {', '.join(local)}." if local else ""
        print(f"This is {which}, because {why}: {_current.tls_url}, key {_current.key}.{ignored}")
    else:
        _current = LocalAbly(**local)
        print(f"This is an embedded Ably: {_current.tls_url}, key {_current.key}.")
    return _current


def _refuse_unknown(local: dict[str, Any]) -> None:
    """Raise `TypeError` for unknown arguments, even with a key, when they would be ignored: they may be
    typos."""
    known = inspect.signature(LocalAbly).parameters
    if unknown := [name for name in local if name not in known]:
        raise TypeError(
            f"start() takes no argument {', '.join(map(repr, unknown))}. It takes key and endpoint, "
            f"and for an embedded Ably: {', '.join(known)}."
        )
