"""Notices: how the programs of a user find the embedded Ablys that this user runs.

A notebook's server is used from terminals too. They should trust its certificate, and need no secret on their
command line. So a server writes a `Notice` with its ports, keys and CA to a file that only its user can read.
Programs in the same process find the notice without the file.

The file has secrets in it. It must never be readable by another user, and never be read if another user could
have written it.
"""

import contextlib
import json
import os
import socket
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ablykit.protocol.credentials import ApiKey

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""The hosts that are this machine. A local CA is trusted for these only."""

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104
"""The hosts to listen on that mean every address of this machine, each with an address to connect to."""


@dataclass(frozen=True)
class Notice:
    """A running server: its two ports, its keys with their secrets, and its CA in PEM."""

    port: int
    tls_port: int
    keys: tuple[str, ...]
    ca_pem: str
    pid: int = field(default_factory=os.getpid)

    def __repr__(self) -> str:
        return f"Notice(port={self.port}, tls_port={self.tls_port})"

    @property
    def api_keys(self) -> dict[str, ApiKey]:
        """The server's keys, by name."""
        return {key.name: key for key in map(ApiKey.parse, self.keys)}


_here: dict[int, Notice] = {}


def announce(notice: Notice) -> None:
    """Let the programs of this user find the server; only this process if no file can be written."""
    for port in (notice.port, notice.tls_port):
        _here[port] = notice
    with contextlib.suppress(OSError):  # without the file, a terminal needs --ca-file and the whole key
        _write(notice)


def withdraw(notice: Notice) -> None:
    """Undo `announce`."""
    for port in (notice.port, notice.tls_port):
        if _here.get(port) is notice:
            del _here[port]
            _path(port).unlink(missing_ok=True)


def find(url: str) -> Notice | None:
    """Return the notice of the server that `url` leads to, if this user runs it on this machine."""
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK or parts.port is None:
        return None
    return _here.get(parts.port) or _read(_path(parts.port))


def here(host: str) -> str:
    """Return the host by which programs on this machine reach a server that listens on `host`."""
    return EVERYWHERE.get(host, host)


def for_others(host: str) -> str | None:
    """Return the host by which other machines reach a server that listens on `host`; None if they can't."""
    if host in LOOPBACK or host.startswith("127."):
        return None
    if host not in EVERYWHERE:
        return host
    somewhere = (socket.AF_INET6, "2001:db8::1") if host == "::" else (socket.AF_INET, "192.0.2.1")
    try:
        with socket.socket(somewhere[0], socket.SOCK_DGRAM) as probe:
            probe.connect((somewhere[1], 9))  # this sends nothing, but chooses the address to send from
            return probe.getsockname()[0]
    except OSError:  # no route leads out of this network
        return socket.gethostname()


def in_url(scheme: str, host: str, port: int) -> str:
    """Return the URL of a server, such as `wss://[::1]:8443`."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _directory() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"ablykit-{user}"


def _path(port: int) -> Path:
    return _directory() / f"{port}.json"


def private_directory() -> Path:
    """Return a directory that only this user can read. Raises `OSError` if there can be none."""
    directory = _directory()
    directory.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(directory):
        raise PermissionError(f"{directory} belongs to another user, or others may read it: remove it")
    return directory


def _write(notice: Notice) -> None:
    directory = private_directory()
    _clear_away(directory)
    text = json.dumps(asdict(notice))
    for port in (notice.port, notice.tls_port):
        path = _path(port)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)


def _read(path: Path) -> Notice | None:
    try:
        if not (_is_private(path.parent) and _is_private(path)):
            return None
        value = json.loads(path.read_text())
        value["keys"] = tuple(value["keys"])
        return Notice(**value)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _clear_away(directory: Path) -> None:
    """Remove the notices of servers that were killed, so that their keys do not lie about."""
    for path in directory.glob("*.json"):
        notice = _read(path)
        if notice is None or not is_alive(notice.pid):
            path.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Return whether a process with this id is running."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def is_own(path: Path) -> bool:
    """Return whether a path belongs to this user and is not a link. Raises `OSError` if it does not exist."""
    if not hasattr(os, "getuid"):
        return True
    found = path.lstat()
    return found.st_uid == os.getuid() and not stat.S_ISLNK(found.st_mode)


def _is_private(path: Path) -> bool:
    """Return whether a path belongs to this user and no one else may read or change it."""
    return is_own(path) and (not hasattr(os, "getuid") or not path.lstat().st_mode & 0o077)
