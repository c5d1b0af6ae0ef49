"""A certificate authority of one's own: who trusts it, who does not, and what it leaves."""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from ablykit.machine import runtime
from ablykit.machine.local_ca import LocalCA


def handshake(server, client, name):
    """A TLS connection between two contexts; raises what the client's side raises."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        theirs.settimeout(5)

        def serve():
            try:
                with server.wrap_socket(ours, server_side=True) as wrapped:
                    wrapped.recv(1)
            except OSError:
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with client.wrap_socket(theirs, server_hostname=name) as wrapped:
                wrapped.send(b"x")
        finally:
            theirs.close()
            thread.join()


def test_on_every_address_its_servers_are_trusted_by_the_one_that_others_use(monkeypatch):
    monkeypatch.setattr(runtime, "for_others", {"0.0.0.0": "192.168.7.7"}.get)
    ca = LocalCA()
    handshake(ca.server_context("0.0.0.0"), ssl.create_default_context(cadata=ca.pem), "192.168.7.7")


LEAVES_ITS_FILE = """
import os, signal
from ablykit.machine.local_ca import LocalCA
print(LocalCA().file, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_killed_processes_left_is_cleared_away_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = subprocess.run(
        [sys.executable, "-c", LEAVES_ITS_FILE],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    left = Path(killed.stdout.strip())
    assert left.parent == tmp_path
    assert left.exists()
    others = [
        tmp_path / name
        for name in (f"ablykit-ca-{os.getpid()}-x.pem", "ablykit-ca-mine.pem", "ablykit-ca-x-y.pem")
    ]
    for other in others:
        other.touch()
    link = tmp_path / left.name.replace(".pem", "2.pem")
    link.symlink_to(others[0])
    ca = LocalCA()
    assert Path(ca.file).exists()
    assert not left.exists()
    assert all(other.exists() for other in [*others, link]), "only what is surely a dead process's own goes"
    ca.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "ably.test"])
def test_who_is_given_its_certificate_trusts_its_servers(name):
    ca = LocalCA()
    handshake(ca.server_context("ably.test"), ssl.create_default_context(cadata=ca.pem), name)


def test_nobody_else_does_and_nobody_trusts_it_for_other_names():
    ca, other = LocalCA(), LocalCA()
    for pem, name in ((other.pem, "localhost"), (ca.pem, "example.com")):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(ca.server_context(), ssl.create_default_context(cadata=pem), name)


def test_its_certificate_is_a_file_while_it_is_wanted():
    ca = LocalCA()
    ca.close()
    path = Path(ca.file)
    assert path.read_text() == ca.pem
    assert ca.file == str(path)
    ca.close()
    assert not path.exists()
    ca.close()
