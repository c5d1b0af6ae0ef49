"""Measures how the embedded Ably behaves under load: `python -m tests.bench.service`.

The server is a process of its own; each figure stands beside the same one without the load. None of them is
a test, since a busy machine would fail it.
"""

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

from websockets.asyncio.client import ClientConnection, connect

SECONDS = 4.0
"""How long each load lasts."""

CHUNK = 50
"""How many frames of a load are sent before its answers are looked for."""

ATTACHES = 500
CONNECTS = 2_000


def main() -> None:
    with server() as url:
        asyncio.run(measure(url))


async def measure(url: str) -> None:
    print(f"another client's heartbeat      p50 {'':5} p99 {'':5} max (ms)")
    print(f"  while nothing else is sent  {figures(await heartbeats(url, None))}")
    for name in LOADS:
        print(f"  while one sends {name:<12}{figures(await heartbeats(url, name))}")
    took = await occupancy(url)
    print(f"{ATTACHES} attaches with occupancy=metrics take {took:.2f} s")
    first, last = await connects(url)
    print(
        f"{CONNECTS} clients connect and drop: p99 {first:.1f} ms for the first tenth, {last:.1f} ms for the last"
    )


@contextlib.contextmanager
def server() -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "ablykit",
        "serve",
        "--json",
        "--sandbox",
        "--limit",
        "max_channels=100000",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        told = json.loads(process.stdout.readline())
        yield f"{told['url']}/?key={told['key']}&v=5&heartbeats=false"
    finally:
        process.terminate()
        process.wait(10)


def open_client(url: str, query: str = "") -> connect:
    return connect(f"{url}{query}", compression=None, max_size=None, ping_interval=None)


LOADS = {
    "publishes": lambda n: [
        {"action": 15, "channel": "load", "msgSerial": n, "messages": [{"name": "x", "data": "x" * 60}]}
    ],
    "60 KB": lambda n: [
        {"action": 15, "channel": "load", "msgSerial": n, "messages": [{"data": "x" * 60_000}]}
    ],
    "attaches": lambda n: [
        {"action": 10, "channel": f"c{n % 100}"},
        {"action": 12, "channel": f"c{n % 100}"},
    ],
    "heartbeats": lambda n: [{"action": 0, "id": str(n)}],
    "presence": lambda n: [
        {
            "action": 14,
            "channel": "load",
            "msgSerial": n,
            "presence": [{"action": 2, "clientId": f"m{n % 50}"}],
        }
    ],
}


async def heartbeats(url: str, load: str | None) -> list[float]:
    """How long each heartbeat of one client took, in ms, while another process sends as fast as it is read."""
    async with sending(url, load), open_client(url) as quiet:
        await quiet.recv()
        took: list[float] = []
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            start = time.perf_counter()
            await quiet.send('{"action":0}')
            await quiet.recv()
            took.append((time.perf_counter() - start) * 1000)
            await asyncio.sleep(0.005)
    return took


@contextlib.asynccontextmanager
async def sending(url: str, load: str | None) -> AsyncIterator[None]:
    """Run a load in a process of its own."""
    if load is None:
        yield
        return
    started = multiprocessing.Event()
    process = multiprocessing.Process(target=send, args=(url, load, started), daemon=True)
    process.start()
    await asyncio.to_thread(started.wait, 10)
    try:
        yield
    finally:
        process.kill()
        process.join()


def send(url: str, load: str, started) -> None:
    asyncio.run(flat_out(url, LOADS[load], started))


async def flat_out(url: str, frames, started) -> None:
    async with open_client(url, "&echo=false") as ws:
        await ws.recv()
        await ws.send('{"action":10,"channel":"load"}')
        drained = asyncio.create_task(drain(ws))
        started.set()
        for number in itertools.count():
            for frame in frames(number):
                await ws.send(json.dumps(frame))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        await drained


async def drain(ws: ClientConnection) -> None:
    async for _ in ws:
        pass


async def occupancy(url: str) -> float:
    """How many seconds it takes that many clients to attach to one channel and watch its occupancy."""
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_client(url)) for _ in range(ATTACHES)]
        start = time.perf_counter()
        await asyncio.gather(*map(attach, clients))
        return time.perf_counter() - start


async def attach(ws: ClientConnection) -> None:
    await ws.send('{"action":10,"channel":"watched","params":{"occupancy":"metrics"}}')
    async for raw in ws:
        if json.loads(raw)["action"] == 11:
            return


async def connects(url: str) -> tuple[float, float]:
    """The p99 in ms of connecting, for the first tenth of many clients that drop at once, and the last."""
    took = [each async for each in connecting(url)]
    tenth = CONNECTS // 10
    return p99(took[:tenth]), p99(took[-tenth:])


async def connecting(url: str) -> AsyncIterator[float]:
    for _ in range(CONNECTS):
        start = time.perf_counter()
        async with open_client(url) as ws:
            await ws.recv()
            yield (time.perf_counter() - start) * 1000
            ws.transport.abort()


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def figures(values: list[float]) -> str:
    return f"{statistics.median(values):9.1f} {p99(values):9.1f} {max(values):9.1f}"


if __name__ == "__main__":
    main()
