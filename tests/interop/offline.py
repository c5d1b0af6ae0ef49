"""Runs a command on a machine without a network, where Ably's names lead to an embedded Ably.

    unshare --map-root-user --mount --net python -m tests.interop.offline COMMAND...

`unshare` (util-linux, no root needed) gives it its own loopback and its own hosts file. On the usual ports of
`127.0.0.1` is an embedded Ably, by the name that SDKs have for Ably's sandbox, and on those of `127.0.0.2` a stand-in
for the rest of the internet. Ably's proxy for tests has a stand-in, too. The command finds in its environment how to
trust both servers.
"""

import asyncio
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import trustme

from ablykit.server import LocalAbly
from tests.interop import echo_service, fault_proxy

SANDBOX = "sandbox.realtime.ably-nonprod.net"
FALLBACKS = tuple(f"sandbox.{letter}.fallback.ably-realtime-nonprod.com" for letter in "abcde")
MAIN = "main.realtime.ably.net"
MAIN_FALLBACKS = tuple(f"main.{letter}.fallback.ably-realtime.com" for letter in "abcde")
ABLY = (SANDBOX, *FALLBACKS, MAIN, *MAIN_FALLBACKS)
"""The names that an embedded Ably answers for."""

HOSTS = f"127.0.0.1 localhost {' '.join(ABLY)}\n127.0.0.2 {' '.join(echo_service.NAMES)}\n"
UNROUTABLE = "10.255.255.1"
"""Where the suites expect that nothing ever answers."""

SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 0x1


def use_hosts(place: Path) -> None:
    """Bring up the loopback, `UNROUTABLE` on it too, and let names mean what `HOSTS` says."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))
        address = struct.pack("16sH2x4s16x", b"lo:1", socket.AF_INET, socket.inet_aton(UNROUTABLE))
        fcntl.ioctl(any_socket, SIOCSIFADDR, address)
    hosts = place / "hosts"
    hosts.write_text(HOSTS)
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


def black_hole(port: int) -> socket.socket:
    """Return a socket at `UNROUTABLE` that takes connections and never answers: clients wait until they give up."""
    return socket.create_server((UNROUTABLE, port), backlog=1_000)


def run(command: list[str]) -> int:
    """Run a command with both servers up; return its exit code."""
    ca = trustme.CA()
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalAbly(port=80, tls_port=443, sandbox=True, allow_hosts=ABLY) as ably,
        black_hole(80),
        black_hole(443),
    ):
        trusted = Path(folder) / "trusted.pem"
        trusted.write_text(ably.ca_pem + ca.cert_pem.bytes().decode())
        proxy = fault_proxy.serve("127.0.0.1", fault_proxy.CONTROL_PORT, "127.0.0.1:80")
        for serving in (echo_service.serve("127.0.0.2", ca), proxy):
            threading.Thread(target=asyncio.run, args=(serving,), daemon=True).start()
        trust = {"SSL_CERT_FILE": str(trusted), "NODE_EXTRA_CA_CERTS": str(trusted)}
        return subprocess.run(command, env=os.environ | trust, check=False).returncode


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        use_hosts(Path(place))
        sys.exit(run(sys.argv[1:]))
