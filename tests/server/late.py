"""A log that takes its time, as one on another machine would."""

from collections import deque

from ablykit.server.channels.log import Log


class Late(Log):
    """A log that gives publishes their places only when it is told to, in the order they came."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.waiting = deque()

    def append(self, frame, now, then=lambda entry: None, failed=lambda error: None, *, keep=True):
        self.waiting.append((frame, now, then, failed, keep))

    def answer(self, count=None):
        """Give the first publishes that wait their places, or all."""
        for _ in range(len(self.waiting) if count is None else count):
            frame, now, then, failed, keep = self.waiting.popleft()
            super().append(frame, now, then, failed, keep=keep)

    def refuse(self, error):
        """Give the first publish that waits no place."""
        self.waiting.popleft()[3](error)
