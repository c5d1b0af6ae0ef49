"""Over real sockets that are cut again and again, nothing is lost, doubled or out of order."""

import asyncio
import contextlib
import itertools
import json
import random

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ablykit.protocol import Flag
from ablykit.server import LocalAbly

CUT_AFTER = 40
"""How many frames a socket lives for, about."""


class Client:
    """A client that resumes after each cut: what every SDK must do, and no more."""

    def __init__(self, ably, rng, query=""):
        self.url = f"{ably.url}/?key={ably.key.reveal()}&v=5&heartbeats=false{query}"
        self.rng, self.key, self.serial, self.cuts = rng, None, None, 0

    async def run(self, until):
        while not until():
            url = f"{self.url}&resume={self.key}" if self.key else self.url
            async with connect(url, compression=None, ping_interval=None) as ws:
                connected = json.loads(await ws.recv())
                assert "error" not in connected, "each connection goes on"
                self.key = connected["connectionDetails"]["connectionKey"]
                with contextlib.suppress(ConnectionClosed):
                    await self.talk(ws, until)
                ws.transport.abort()

    async def talk(self, ws, until):
        lives = self.rng.randint(1, 2 * CUT_AFTER)
        await self.begin(ws)
        for frames in itertools.count():
            if until():
                return
            if frames >= lives:
                self.cuts += 1
                return
            await self.step(ws)


class Publisher(Client):
    """Publishes in bursts, and sends again what was not acknowledged (RTN19a)."""

    def __init__(self, ably, rng, count):
        super().__init__(ably, rng, "&echo=false")
        self.count, self.next, self.pending = count, 0, {}

    @property
    def done(self):
        return self.next == self.count and not self.pending

    async def begin(self, ws):
        for frame in list(self.pending.values()):
            await ws.send(frame)

    async def step(self, ws):
        while self.next < self.count and len(self.pending) < 5:
            frame = {
                "action": 15,
                "channel": "c",
                "msgSerial": self.next,
                "messages": [{"data": str(self.next)}],
            }
            self.pending[self.next] = json.dumps(frame)
            self.next += 1
            await ws.send(self.pending[self.next - 1])
        answer = json.loads(await ws.recv())
        assert answer["action"] == 1
        for serial in range(answer["msgSerial"], answer["msgSerial"] + answer["count"]):
            self.pending.pop(serial, None)


class Subscriber(Client):
    """Attaches with the last channelSerial it has seen (RTL15b)."""

    def __init__(self, ably, rng, query=""):
        super().__init__(ably, rng, query)
        self.heard, self.attached = [], asyncio.Event()

    async def begin(self, ws):
        resuming = {"channelSerial": self.serial} if self.serial else {}
        await ws.send(json.dumps({"action": 10, "channel": "c", **resuming}))
        attached = json.loads(await ws.recv())
        assert attached["action"] == 11
        assert not resuming or attached["flags"] & Flag.RESUMED, "continuity is kept"
        self.serial = attached["channelSerial"] if not resuming else self.serial
        self.attached.set()

    async def step(self, ws):
        frame = json.loads(await ws.recv())
        self.serial = frame["channelSerial"]
        self.heard += [message["data"] for message in frame["messages"]]


async def storm(seed, count):
    rng = random.Random(seed)
    with LocalAbly(sandbox=True) as ably:
        publisher, subscribers = Publisher(ably, rng, count), [Subscriber(ably, rng) for _ in range(2)]
        everything = [str(n) for n in range(count)]

        def heard(subscriber):
            return lambda: len(subscriber.heard) >= count

        async def publish():
            await asyncio.gather(*(each.attached.wait() for each in subscribers))
            await publisher.run(lambda: publisher.done)

        async with asyncio.timeout(60):
            await asyncio.gather(publish(), *(each.run(heard(each)) for each in subscribers))
        assert [message["data"] for message in ably.published("c")] == everything
    for subscriber in subscribers:
        assert subscriber.heard == everything
    assert all(each.cuts > count / (4 * CUT_AFTER) for each in (publisher, *subscribers))


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_lost_doubled_or_out_of_order_where_sockets_are_cut(seed):
    asyncio.run(storm(seed, 1_000))
