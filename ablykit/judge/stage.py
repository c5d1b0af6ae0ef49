"""What a run and a scene have in common: clients that are told things, and whoever waits for what they do.

A `Stage` is the `Listener` of its clients' drivers. What they say goes into its history, and wakes whoever
waits in `until` to look again. Its methods belong to one event loop.
"""

import asyncio
from collections.abc import Callable

from ablykit.judge.client import Client
from ablykit.judge.history import History
from ablykit.judge.lines import Order, Report

PAUSE = 0.02
"""How long to wait before looking again, in seconds: what happens comes in bursts."""


class Stage:
    """Some clients and their history. Subclasses say which token a client gets."""

    def __init__(self) -> None:
        self.history = History()
        self.clients: dict[str, Client] = {}
        """The clients that take part, by name."""
        self.news = asyncio.Event()
        """Set whenever something has happened that `until` may wait for."""

    def token_for(self, client: str) -> str:
        """Return a token for a client that has asked for one."""
        raise NotImplementedError

    # -- what drivers tell

    def hear(self, client: str, report: Report) -> None:
        """Take a client's report."""
        self.history.hear(client, report)
        if report.need_token:
            self.tell(client, Order("token", token=self.token_for(client)))
        self.news.set()

    def trouble(self, client: str, kind: str, text: str) -> None:
        """Take what is wrong with a client."""
        self.history.trouble(client, kind, text)
        self.news.set()

    # -- what clients are told

    def tell(self, client: str, order: Order) -> None:
        """Give a client an order."""
        self.history.tell(client, order)
        self.clients[client].tell(order)

    async def until(self, condition: Callable[[], bool], patience: float) -> bool:
        """Wait until something is so, at most `patience` seconds, and return whether it is."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while not condition():
            if (left := deadline - loop.time()) <= 0:
                return False
            self.news.clear()
            try:
                async with asyncio.timeout(left):
                    await self.news.wait()
                    await asyncio.sleep(min(PAUSE, left))
            except TimeoutError:
                return condition()
        return True

    async def close(self, patience: float) -> None:
        """Let all clients close, and leave nothing of them behind."""
        for name in self.clients:
            self.tell(name, Order("close"))
        await asyncio.gather(*(client.finish(patience) for client in self.clients.values()))
