"""Measures what the README says: `python tests/bench/measure.py`. Every number stands beside a peer's
in the same run; none of them is a test, since a busy machine would fail it.
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time

import uvloop
from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosed

from ablykit.server import LocalAbly

SUBSCRIBERS = 100
PUBLISHES = 1_000
MARK = b'"tick"'


def main() -> None:
    bare, ours = import_times()
    print(
        f"import ablykit         {(ours - bare) * 1000:6.1f} ms more than bare Python ({bare * 1000:.1f} ms)"
    )
    print(f"LocalAbly() is ready   {start_time() * 1000:6.1f} ms after its import, in a fresh process")
    ably, peer = fan_out_ably(), fan_out_broadcast()
    print(
        f"fan-out to {SUBSCRIBERS}         {ably:6.0f} deliveries/s; websockets.broadcast {peer:.0f}: ",
        end="",
    )
    print(f"{ably / peer:.2f} times as many")


def import_times() -> tuple[float, float]:
    """Seconds of a bare Python start, and of one that imports ablykit: medians of 15 each."""
    return timed("pass"), timed("import ablykit")


def timed(code: str) -> float:
    def once() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    return statistics.median(once() for _ in range(15))


def start_time() -> float:
    code = (
        "import time; from ablykit.server import LocalAbly\n"
        "start = time.perf_counter()\n"
        "with LocalAbly(): print(time.perf_counter() - start)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(9)]
    return statistics.median(float(run.stdout) for run in runs)


class Counter(asyncio.Protocol):
    """A subscriber that does as little as can be: it counts a mark in what comes."""

    def __init__(self, path: str, hello: bytes, answer: bytes = b"\r\n\r\n") -> None:
        self.path, self.hello, self.answer = path, hello, answer
        self.count, self.rest, self.greeted = 0, b"", False
        self.ready, self.done = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        if not self.greeted and b"\r\n\r\n" in data:
            self.transport.write(self.hello)
            self.greeted = True
        if not self.ready.is_set() and self.answer in data:
            self.ready.set()
        self.count += data.count(MARK)
        self.rest = data[-len(MARK) + 1 :]
        if self.count >= PUBLISHES:
            self.done.set()


def masked(text: str) -> bytes:
    from websockets.frames import Frame, Opcode

    return Frame(Opcode.TEXT, text.encode()).serialize(mask=True)


async def deliveries(port: int, publish, *subscriber: str | bytes) -> float:
    """Deliveries a second: from the first publish until every subscriber has counted them all."""
    loop = asyncio.get_running_loop()
    counters = []
    for _ in range(SUBSCRIBERS):
        _, counter = await loop.create_connection(lambda: Counter(*subscriber), "127.0.0.1", port)
        counters.append(counter)
    await asyncio.gather(*(counter.ready.wait() for counter in counters))
    start = time.perf_counter()
    await publish(loop)
    await asyncio.gather(*(counter.done.wait() for counter in counters))
    took = time.perf_counter() - start
    for counter in counters:
        counter.transport.abort()
    return SUBSCRIBERS * PUBLISHES / took


def fan_out_ably() -> float:
    message = {"action": 15, "channel": "c", "messages": [{"name": "tick", "data": "x" * 60}]}

    with LocalAbly(sandbox=True) as ably:
        path = f"/?key={ably.key.reveal()}&heartbeats=false&echo=false"

        async def publish(loop) -> None:
            _, publisher = await loop.create_connection(lambda: Counter(path, b""), "127.0.0.1", ably.port)
            await publisher.ready.wait()
            frames = (masked(json.dumps({**message, "msgSerial": n})) for n in range(PUBLISHES))
            publisher.transport.write(b"".join(frames))

        attach = masked('{"action":10,"channel":"c"}')
        return uvloop.run(deliveries(ably.port, publish, path, attach, b'"action":11'))


def fan_out_broadcast() -> float:
    """The same with a server that is nothing but `websockets.broadcast`, on a uvloop thread too."""
    payload = json.dumps({"action": 15, "channel": "c", "messages": [{"name": "tick", "data": "x" * 60}]})
    started, ports, stop = threading.Event(), [], []

    async def server() -> None:
        members = set()

        async def handler(ws) -> None:
            members.add(ws)
            with contextlib.suppress(ConnectionClosed):
                async for _ in ws:
                    broadcast(members - {ws}, payload)

        async with serve(handler, "127.0.0.1", 0, compression=None) as running:
            ports.append(running.sockets[0].getsockname()[1])
            stop.extend((asyncio.get_running_loop(), asyncio.Event()))
            started.set()
            await stop[1].wait()

    thread = threading.Thread(target=lambda: uvloop.run(server()))
    thread.start()
    started.wait()

    async def publish(loop) -> None:
        _, publisher = await loop.create_connection(lambda: Counter("/", b""), "127.0.0.1", ports[0])
        await publisher.ready.wait()
        publisher.transport.write(b"".join(masked("go") for _ in range(PUBLISHES)))

    try:
        return uvloop.run(deliveries(ports[0], publish, "/", b""))
    finally:
        stop[0].call_soon_threadsafe(stop[1].set)
        thread.join()


if __name__ == "__main__":
    main()
