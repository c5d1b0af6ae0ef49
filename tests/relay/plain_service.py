"""A service that is not this project's: `websockets` alone, and just enough of the protocol to be spoken to.

It sends CONNECTED, and answers each HEARTBEAT with one of the same id, in the format that it came in.
"""

import contextlib
import json

import msgspec
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from ablykit.machine.loop import LoopThread

CONNECTED = {"action": 4, "connectionId": "id", "connectionDetails": {"connectionKey": "key"}}


async def _answer(websocket):
    binary = "format=msgpack" in websocket.request.path
    encode = msgspec.msgpack.encode if binary else lambda frame: json.dumps(frame)
    with contextlib.suppress(ConnectionClosed):
        await websocket.send(encode(CONNECTED))
        async for raw in websocket:
            frame = (msgspec.msgpack if binary else msgspec.json).decode(raw)
            if frame["action"] == 0:
                await websocket.send(encode(frame))


@contextlib.contextmanager
def plain_service():
    """Yield the URL of such a service."""
    ports = []

    @contextlib.asynccontextmanager
    async def serving():
        async with serve(_answer, "127.0.0.1", 0, compression=None) as server:
            ports.append(next(iter(server.sockets)).getsockname()[1])
            yield

    with LoopThread("plain-service", serving):
        yield f"ws://127.0.0.1:{ports[0]}"
