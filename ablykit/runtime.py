"""What a running embedded Ably leaves for other programs of the same user to find.

A notebook's server is used from terminals too. So that those trust its certificate and need no
secret on their command line, it writes its URLs, keys and CA where only its user can read them.
Programs in the same process find it without any file.
"""

import contextlib
import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ablykit.protocol.credentials import ApiKey

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Hosts that are this machine: only there is a local CA ever trusted."""


@dataclass(frozen=True)
class Notice:
    """A running server: its two ports, its keys (secrets included) and its CA in PEM."""

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
    """Let programs of this user find the server. Where no file can be written, only this process."""
    for port in (notice.port, notice.tls_port):
        _here[port] = notice
    with contextlib.suppress(OSError):  # then another terminal needs --ca-file and the whole key
        _write(notice)


def withdraw(notice: Notice) -> None:
    """Undo `announce`."""
    for port in (notice.port, notice.tls_port):
        if _here.get(port) is notice:
            del _here[port]
            _path(port).unlink(missing_ok=True)


def find(url: str) -> Notice | None:
    """The running server that `url` leads to, if it is one of this user's on this machine."""
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK or parts.port is None:
        return None
    return _here.get(parts.port) or _read(_path(parts.port))


def _directory() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"ablykit-{user}"


def _path(port: int) -> Path:
    return _directory() / f"{port}.json"


def _write(notice: Notice) -> None:
    directory = _directory()
    directory.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(directory):
        raise PermissionError(f"{directory} belongs to somebody else")
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
    """Remove what servers left that were killed, so that their keys do not lie about."""
    for path in directory.glob("*.json"):
        notice = _read(path)
        if notice is None or not _is_alive(notice.pid):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_private(path: Path) -> bool:
    """Whether a path is this user's own and nobody else may change or read it."""
    if not hasattr(os, "getuid"):
        return True
    found = path.lstat()
    return found.st_uid == os.getuid() and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o077
