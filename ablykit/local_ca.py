"""A certificate authority for this machine, so that wss:// works from the first minute."""

import ssl
import tempfile
from pathlib import Path
from typing import Any, cast

import trustme


class LocalCA:
    """A CA of one's own, made anew each time; nobody trusts it who was not told to."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self._file: Path | None = None

    @property
    def pem(self) -> str:
        """The certificate to trust, in PEM."""
        return self._ca.cert_pem.bytes().decode()

    @property
    def file(self) -> str:
        """`pem` as a file, for programs that want a path; `close` removes it."""
        if self._file is None:
            with tempfile.NamedTemporaryFile(prefix="ablykit-ca-", suffix=".pem", delete=False) as file:
                file.write(self._ca.cert_pem.bytes())
            self._file = Path(file.name)
        return str(self._file)

    def server_context(self, *hosts: str) -> ssl.SSLContext:
        """TLS for a server that is called localhost, by its addresses, or by one of `hosts`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        names = {"localhost", "127.0.0.1", "::1", *hosts}
        certificate = cast(Any, self._ca.issue_cert(*sorted(names)))
        certificate.configure_cert(context)
        return context

    def close(self) -> None:
        """Remove the file, if there is one."""
        if self._file:
            self._file.unlink(missing_ok=True)
