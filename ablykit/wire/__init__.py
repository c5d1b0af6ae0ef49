"""A raw connection: send a frame, receive a frame, as the article does with websocat.

conn = wire.connect(f"{ably.tls_url}?key={ably.key}")   # blocking calls, for a notebook's cells
conn.send({"action": 10, "channel": "my_channel"})
conn.recv()

async with await wire.connect_async(url) as conn:        # the same with asyncio
    await conn.send({"action": 10, "channel": "my_channel"})
    await conn.recv()

`fetch` sends one HTTP request, since some of what a client needs comes over HTTP.

A connection does nothing by itself: it answers no frame, retries nothing and hides no error. Whatever crosses
the wire is in its transcript.
"""

from ablykit.wire.blocking import Connection, connect
from ablykit.wire.connection import AsyncConnection, Closed, connect_async
from ablykit.wire.frame import Frame, WireError, WireTimeout
from ablykit.wire.http import Answer, fetch

__all__ = [
    "Answer",
    "AsyncConnection",
    "Closed",
    "Connection",
    "Frame",
    "WireError",
    "WireTimeout",
    "connect",
    "connect_async",
    "fetch",
]
