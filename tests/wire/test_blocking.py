"""A raw connection by plain calls: each does what its awaited twin does, on a thread of its own."""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from ablykit import wire
from ablykit.wire import Closed, WireError
from tests.server.raw import read_until
from tests.wire.urls import url


def threads():
    """How many threads run the loop of plain calls: others' threads, such as a panel's timer, come and go."""
    return sum(thread.name == "ablykit-wire" for thread in threading.enumerate())


def test_the_thread_is_there_only_while_a_connection_is(ably):
    assert threads() == 0
    one, two = wire.connect(url(ably)), wire.connect(url(ably))
    assert threads() == 1
    one.close()
    one.close()
    assert two.recv()["action"] == 4
    two.close()
    assert threads() == 0


def test_it_works_inside_a_running_loop(ably):
    """As in a notebook: plain calls in a cell, whose loop is running."""

    async def cell():
        with wire.connect(url(ably)) as conn:
            return conn.recv()["action"]

    assert asyncio.run(cell()) == 4


def test_each_call_does_what_its_awaited_twin_does(ably):
    with wire.connect(url(ably), name="me") as conn:
        assert conn.recv("CONNECTED")["action"] == 4
        assert repr(conn) == f"<Connection open: {conn.url}>"
        assert conn.name == conn.transcript[0].connection == "me"
        conn.send({"action": 0, "id": "1"}, {"action": 10})
        assert [frame["action"] for frame in conn.frames(1)] == [9]
        conn.send({"action": 7})
        assert conn.recv()["action"] == 8
        assert conn.closed is None or conn.closed.code == 1000
        assert conn.wait_closed() == conn.closed == Closed(1000, "closed")
        assert repr(conn).startswith("<Connection closed: wss://")


def test_a_cut_is_what_a_dead_network_leaves(ably):
    conn = wire.connect(url(ably))
    conn.recv("CONNECTED")
    conn.cut()
    assert conn.closed == Closed(1006, "")
    assert str(conn.transcript[-1].raw) == "1006"
    conn.cut()
    assert threads() == 0


def test_what_fails_leaves_no_thread(ably):
    with pytest.raises(WireError):
        wire.connect("wss://127.0.0.1:1")
    with wire.connect(url(ably)) as conn, pytest.raises(ValueError, match="no action"):
        conn.recv("NONSENSE")
    assert threads() == 0


def test_what_is_asked_of_a_closed_connection_leaves_no_thread(ably):
    with wire.connect(url(ably)) as conn:
        conn.recv("CONNECTED")
    assert conn.wait_closed().code == 1000
    assert conn.frames(seconds=0) == []
    assert threads() == 0


def test_one_that_fails_does_not_end_another_that_is_being_opened():
    """They share a thread, which neither has to itself."""
    with socket.create_server(("127.0.0.1", 0)) as slow:
        ended = []

        def open_slowly():
            with pytest.raises(WireError) as caught:
                wire.connect(f"ws://127.0.0.1:{slow.getsockname()[1]}")
            ended.append(str(caught.value))

        opening = threading.Thread(target=open_slowly)
        opening.start()
        accepted, _ = slow.accept()
        with accepted:
            read_until(accepted, b"\r\n\r\n")
            with pytest.raises(WireError):
                wire.connect("ws://127.0.0.1:1")
            accepted.sendall(b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n")
            opening.join(5)
    assert "418" in ended[0]
    assert threads() == 0


def test_one_that_is_still_open_at_the_interpreters_exit_ends_without_a_warning(ably):
    script = f"from ablykit import wire; conn = wire.connect({url(ably)!r}); print(conn.recv()['action'])"
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == ("4\n", "")
