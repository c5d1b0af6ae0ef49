"""A certificate authority for this machine, so that wss:// works from the first minute."""

import contextlib
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, cast

import trustme

from ablykit.machine import runtime

_PREFIX = "ablykit-ca-"


class LocalCA:
    """A new certificate authority. Only programs that are given its certificate trust it."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self._file: Path | None = None

    @property
    def pem(self) -> str:
        """The certificate to trust, in PEM."""
        return self._ca.cert_pem.bytes().decode()

    @property
    def file(self) -> str:
        """The path of a file with `pem`, for programs that need a path. `close` removes the file."""
        if self._file is None:
            _clear_away()
            with tempfile.NamedTemporaryFile(
                prefix=f"{_PREFIX}{os.getpid()}-", suffix=".pem", delete=False
            ) as file:
                file.write(self._ca.cert_pem.bytes())
            self._file = Path(file.name)
        return str(self._file)

    def server_context(self, *hosts: str) -> ssl.SSLContext:
        """Return the TLS context for a server that listens on `hosts`.

        Its certificate is valid for these hosts and for localhost. For `0.0.0.0` and `::`, it is valid for
        the address that other machines use.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        names = {*runtime.LOOPBACK, *(runtime.for_others(host) or host for host in hosts)}
        certificate = cast(Any, self._ca.issue_cert(*sorted(names)))
        certificate.configure_cert(context)
        return context

    def close(self) -> None:
        """Remove the certificate's file, if there is one."""
        if self._file:
            self._file.unlink(missing_ok=True)


def _clear_away() -> None:
    """Remove the files of this user's processes that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*.pem"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdecimal() and runtime.is_own(path) and not runtime.is_alive(int(pid)):
                path.unlink()
