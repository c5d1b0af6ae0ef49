"""Made-up histories: what clients might have reported, and the log that goes with it."""

import itertools

from ablykit.judge.history import History
from ablykit.judge.lines import Order, Report
from ablykit.judge.service import Logged


class Story:
    """A history that is told line by line, on a clock that ticks with each."""

    def __init__(self, *clients, channel="c"):
        ticks = itertools.count(1)
        self.history = History(clock=lambda: float(next(ticks)))
        self.log, self.channel, self.ids = [], channel, itertools.count(1)
        for client in clients:
            self.history.hear(client, Report(did="attach", channel=channel))

    def ask(self, client, data, do="publish"):
        id = next(self.ids)
        self.history.tell(client, Order(do, id=id, channel=self.channel, data=data))
        return id

    def report(self, client, id, ok=True, code=None, do="publish"):
        self.history.hear(client, Report(did=do, id=id, ok=ok, code=code))

    def logged(self, client, data):
        self.log.append(Logged(self.channel, data, client))

    def got(self, client, data):
        self.history.hear(client, Report(got=self.channel, data=data))

    def publish(self, client, data, *to, ok=True):
        """A publish as it should be: logged, reported, and got by everybody named."""
        id = self.ask(client, data)
        self.logged(client, data)
        self.report(client, id, ok)
        for each in to:
            self.got(each, data)
