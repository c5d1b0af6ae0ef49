"""A certificate authority of one's own: who trusts it, who does not, and what it leaves."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from ablykit.local_ca import LocalCA


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
