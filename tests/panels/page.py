"""A page that shows a panel."""

import threading

CONNECTED = (
    '{"action":4,"connectionId":"abc","connectionDetails":{"clientId":"*","maxMessageSize":16384,'
    '"maxIdleInterval":15000,"connectionKey":"k"}}'
)


class Page:
    """A page that shows a panel: what it asks, and what it is sent."""

    def __init__(self, panel, monkeypatch):
        self.sent, self.panel, self._news = [], panel, threading.Condition()
        monkeypatch.setattr(panel, "to_page", self._take)

    def asks(self, **content):
        self.panel._on_page(self.panel, content, [])

    def waits_for(self, *rows):
        with self._news:
            assert self._news.wait_for(lambda: self.rows == list(rows), timeout=5), self.rows

    @property
    def rows(self):
        return [row["number"] for message in self.sent for row in message.get("rows", ())]

    def _take(self, message):
        with self._news:
            self.sent.append(message)
            self._news.notify_all()
