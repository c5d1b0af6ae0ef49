"""Which web pages may talk to a service on this machine.

Any page that a browser has open can send requests to 127.0.0.1. Two headers that a page can neither set nor
leave out say where such a request comes from:

- `Origin` names the page. It must be a page of this machine, or one that was allowed by name.
- `Host` names the service, as the URL that the page used does. The owner of evil.example can let that name
  point to 127.0.0.1 after the page has been loaded (DNS rebinding). The browser then takes this service for
  the page's own server, and a GET has no `Origin` at all. So a name must be one of this machine's. An IP
  address is always accepted: nothing is looked up to reach it, so nobody can redirect it.

Vite and webpack-dev-server guard their servers with the same two rules. A program that is not a browser sends
no `Origin`, and its `Host` is the host it connects to.

    door = Door("127.0.0.1", allow_hosts=["box.lan"], allow_origins=["https://app.example"])
    door.check(["box.lan:8080"], ["https://app.example"])

This module knows no server: whatever answers HTTP or WebSockets asks the same `Door`.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ablykit.protocol.errors import AblyError

FORBIDDEN = 40300
LAST_PORT = 65_535

_AUTHORITY = (
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::(?P<port>[0-9]{1,5})?)?"
)
"""`HOST`, `HOST:PORT` or `[IPV6]:PORT` in lower case. The name may end with a dot, and the port may be
empty."""

_HOST = re.compile(_AUTHORITY)
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_AUTHORITY}")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: str | None


class Door:
    """Decides which requests a service answers.

    `host` is where the service listens. `allow_hosts` are other names that clients may use for it, such as
    `box.lan`; `.lan` allows every name with that ending. `allow_origins` are pages that may use it besides
    those of this machine, such as `https://app.example`. Raises `ValueError` for an entry that is not a host
    or an origin.
    """

    def __init__(
        self, host: str = "127.0.0.1", allow_hosts: Iterable[str] = (), allow_origins: Iterable[str] = ()
    ) -> None:
        self._names = {host.lower()}
        self._endings: tuple[str, ...] = ()
        for given in allow_hosts:
            name = _host(given.removeprefix("."))
            if name is None or ":" in given:
                raise ValueError(
                    f"A host to allow must be a name without a port, such as box.lan, not {given!r}"
                )
            self._names.add(name)
            if given.startswith("."):
                self._endings += (f".{name}",)
        self._origins: set[_Origin] = set()
        for given in allow_origins:
            origin = _origin(given)
            if origin is None:
                raise ValueError(
                    f"An origin to allow must be SCHEME://HOST or SCHEME://HOST:PORT, not {given!r}"
                )
            self._origins.add(origin)

    def check(self, hosts: Sequence[str], origins: Sequence[str]) -> None:
        """Check a request's `Host` and `Origin` headers. Raises the errors of `check_origins` and
        `check_hosts`."""
        self.check_origins(origins)
        self.check_hosts(hosts)

    def check_origins(self, origins: Sequence[str]) -> None:
        """Raise `AblyError` 40300 if one of a request's `Origin` headers names a page that is not allowed.

        `null` is never allowed. Files and sandboxed frames send it, and any page can put itself into such a
        frame.
        """
        for given in origins:
            if not self.allows_origin(given):
                raise AblyError(
                    FORBIDDEN,
                    f"Web pages of the origin {given[:100]!r} may not use this service. If the page is yours,"
                    f" {_advice('origin', given[:100] if _origin(given) else None)}",
                )

    def check_hosts(self, hosts: Sequence[str]) -> None:
        """Raise `AblyError` 40300 unless the request's one `Host` header names this service."""
        if len(hosts) != 1:  # RFC 9112 §3.2: without one, or with several, a request is not valid
            raise AblyError(FORBIDDEN, f"A request needs exactly one Host header; this one has {len(hosts)}")
        if not self.allows_host(hosts[0]):
            raise AblyError(
                FORBIDDEN,
                f"This service does not know the host name {hosts[0][:100]!r}: a web page may have pointed it"
                f" at this machine. If the name is yours, {_advice('host', _host(hosts[0][:100]))}",
            )

    def allows_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may use the service."""
        found = _origin(origin)
        if found is None:
            return False
        return found in self._origins or (found.scheme in _DEFAULT_PORTS and _is_loopback(found.host))

    def allows_host(self, authority: str) -> bool:
        """Return whether a `Host` header names this service."""
        name = _host(authority)
        if name is None:
            return False
        known = name in self._names or name.endswith(self._endings)
        return known or _is_loopback(name) or _address(name) is not None


def _advice(kind: str, value: str | None) -> str:
    """Return how to allow a host or an origin: with its name in the advice, if it is a valid one."""
    written = f"{value!r}" if value else "…"
    option = f"--allow-{kind} {value}" if value else f"--allow-{kind}"
    return f"start the service with {option}, or in Python with allow_{kind}s=[{written}]"


def _host(authority: str) -> str | None:
    """Return the host in an authority, in lower case and without brackets, port and final dot."""
    found = _HOST.fullmatch(authority.lower())
    return found and _host_in(found)


def _origin(text: str) -> _Origin | None:
    """Return an origin in its normal form; None for `null`, and for text that is not an origin."""
    found = _ORIGIN.fullmatch(text.lower())
    host = found and _host_in(found)
    if not found or not host:
        return None
    return _Origin(found["scheme"], host, found["port"] or _DEFAULT_PORTS.get(found["scheme"]))


def _host_in(found: re.Match[str]) -> str | None:
    if int(found["port"] or 0) > LAST_PORT:
        return None
    literal = found["v6"]
    if literal is None:
        return found["name"]
    return literal if ":" in literal and _address(literal) else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine, whatever the network's name servers say (RFC 6761 §6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return address is not None and (address if mapped is None else mapped).is_loopback
