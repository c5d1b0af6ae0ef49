"""A raw connection by plain calls: each does what its awaited twin does, on a thread of its own."""

import asyncio
import threading

import pytest

from ablykit import wire
from ablykit.wire import Closed, WireError
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


def test_what_fails_leaves_no_thread(ably):
    with pytest.raises(WireError):
        wire.connect("wss://127.0.0.1:1")
    with wire.connect(url(ably)) as conn, pytest.raises(ValueError, match="no action"):
        conn.recv("NONSENSE")
    assert threads() == 0
