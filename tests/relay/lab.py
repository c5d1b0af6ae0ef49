"""A relay with a client on it, and what tests of faults ask of them."""

import threading
import time

from ablykit import wire

SECOND = "id == '2'"
"""Fits the second HEARTBEAT."""


class Lab:
    """A relay, and how to connect to it."""

    def __init__(self, relay, query):
        self.relay, self.query = relay, query
        self.binary = "msgpack" in query

    def connect(self, **more):
        conn = wire.connect(
            "&".join([f"{self.relay.url}?{self.query}", *(f"{n}={v}" for n, v in more.items())])
        )
        conn.recv("CONNECTED")
        return conn

    @property
    def faults(self):
        return [entry for entry in self.relay.transcript if entry.kind == "fault"]


def beat(conn, *ids):
    conn.send(*({"action": 0, "id": id} for id in ids))


def beats(conn, count):
    return [conn.recv("HEARTBEAT").get("id") for _ in range(count)]


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
