"""A raw connection: send a frame, receive a frame. What websocat was in the article.

conn = wire.connect(f"{ably.tls_url}?key={ably.key}")   # plain calls, for a notebook's cells
conn.send({"action": 10, "channel": "my_channel"})
conn.recv()

async with await wire.connect_async(url) as conn:        # the same, awaited
    await conn.send({"action": 10, "channel": "my_channel"})
    await conn.recv()
"""

from ablykit.wire.blocking import Connection, connect
from ablykit.wire.connection import AsyncConnection, Closed, connect_async
from ablykit.wire.frame import Frame, WireError, WireTimeout

__all__ = [
    "AsyncConnection",
    "Closed",
    "Connection",
    "Frame",
    "WireError",
    "WireTimeout",
    "connect",
    "connect_async",
]
