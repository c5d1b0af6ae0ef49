"""What drivers tell, noted down, for tests that drive a client without a run."""

import asyncio

from ablykit.judge.client import Place

PLACE = Place("ws://127.0.0.1:1", "http://127.0.0.1:1", "ada", "/ca.pem", "app.key:secret")


class Heard:
    def __init__(self):
        self.reports, self.troubles, self.news = [], [], asyncio.Event()

    def hear(self, client, report):
        self.reports.append(report)
        self.news.set()

    def trouble(self, client, kind, text):
        self.troubles.append((kind, text))
        self.news.set()

    @property
    def kinds(self):
        return [kind for kind, _ in self.troubles]

    async def until(self, condition, patience=10):
        async with asyncio.timeout(patience):
            while not condition():
                self.news.clear()
                await self.news.wait()
