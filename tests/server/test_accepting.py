"""HTTP on its way in: a request is waited for, and not for ever."""

import socket

import pytest

from tests.server.raw import read_until


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HT", b"POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_request_that_never_ends_is_not_waited_for_for_ever(local, monkeypatch, begun):
    import h11

    from ablykit.server import accepting

    for state in (h11.IDLE, h11.SEND_BODY):
        monkeypatch.setitem(accepting.TIMEOUTS, state, 0.05)
    raw = socket.create_connection(("127.0.0.1", local(sandbox=True).port), timeout=5)
    raw.sendall(begun)
    assert b"".join(iter(lambda: raw.recv(4096), b"")).startswith(
        b"HTTP/1.1 408" if b"POST" not in begun else b""
    )
    raw.close()


def test_between_requests_a_connection_may_wait(local, monkeypatch):
    import h11

    from ablykit.server import accepting

    ably = local(sandbox=True)
    raw = socket.create_connection(("127.0.0.1", ably.port), timeout=5)
    monkeypatch.setitem(accepting.TIMEOUTS, h11.IDLE, 0.05)
    for _ in range(2):
        raw.sendall(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read_until(raw, b"]")
        raw.settimeout(0.2)
        with pytest.raises(TimeoutError):
            raw.recv(1)
        raw.settimeout(5)
    raw.close()
