"""`websockets` on its own, by plain calls: a client that knows nothing of this project.

Its asyncio client is used rather than its sync one, which reads and writes one TLS socket from two
threads: before Python 3.13 that can lose the first bytes of a connection.
"""

import asyncio
from typing import ClassVar

from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

__all__ = ["ConnectionClosed", "connect"]


class connect:  # noqa: N801
    """An open WebSocket. It reads only while it is asked to; `opened` has all that were not closed."""

    opened: ClassVar[set["connect"]] = set()

    def __init__(self, url, *, ssl=None):
        self._loop = asyncio.new_event_loop()
        try:
            self._ws = self._run(
                open_websocket(url, ssl=ssl, proxy=None, max_size=None, ping_interval=None, compression=None)
            )
        except BaseException:
            self._loop.close()
            raise
        self.opened.add(self)

    def send(self, message):
        self._run(self._ws.send(message))

    def send_and_close(self, message, *code_and_reason):
        """Send a message and a close frame in one write, as a client does that waits for no answer."""

        async def send():
            async with self._ws.send_context():
                self._ws.protocol.send_text(message.encode())
                self._ws.protocol.send_close(*code_and_reason)
                self._ws.transport.write(b"".join(self._ws.protocol.data_to_send()))

        self._run(send())

    def recv(self, timeout=5):
        return self._run(asyncio.wait_for(self._ws.recv(), timeout))

    def ping(self):
        self._run(self._ws.ping())

    def close(self):
        if not self._loop.is_closed():
            self.opened.discard(self)
            self._run(self._ws.close())
            self._loop.close()

    @property
    def close_code(self):
        return self._ws.close_code

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def _run(self, coroutine):
        return self._loop.run_until_complete(coroutine)
