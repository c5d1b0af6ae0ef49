"""HTTP on its way in: a request is waited for, and not for ever."""

import asyncio
import http.client
import json
import socket

import pytest

from ablykit.server import running as running_module
from tests.conftest import trusting
from tests.server.over_http import b64
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


class Leaping(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward: what is due by then happens at once."""

    ahead = 0.0

    def time(self):
        return super().time() + self.ahead

    @staticmethod
    def leap(ably, seconds):
        def leap():
            ably._running.thread.loop.ahead += seconds

        ably.call(leap)
        for _ in range(2):  # rounds of the loop: what became due has been done
            ably.call(lambda: None)


@pytest.mark.parametrize("secure", [False, True])
def test_a_connection_that_was_idle_for_most_of_an_hour_takes_the_next_publish(local, monkeypatch, secure):
    monkeypatch.setattr(running_module, "fast_loop", Leaping)
    ably = local(sandbox=True)
    basic = {"Authorization": f"Basic {b64(ably.key.reveal())}"}
    if secure:
        client = http.client.HTTPSConnection("127.0.0.1", ably.tls_port, timeout=5, context=trusting(ably))
    else:
        client = http.client.HTTPConnection("127.0.0.1", ably.port, timeout=5)
    client.connect()
    client.auto_open, opened = 0, client.sock

    def ask(method, body=None):
        client.request(method, "/channels/c/messages", body, basic)
        return json.loads(client.getresponse().read())

    for idle, data in ((0, "first"), (6, "after uvicorn's default"), (3_500, "much later")):
        Leaping.leap(ably, idle)
        assert len(ask("POST", json.dumps({"data": data}))["serials"]) == 1
    assert [message["data"] for message in ask("GET")][::-1] == [
        "first",
        "after uvicorn's default",
        "much later",
    ]
    assert client.sock is opened
    Leaping.leap(ably, running_module.KEEP_ALIVE + 1)
    assert opened.recv(1) == b"", "for ever it is not kept"
    client.close()
