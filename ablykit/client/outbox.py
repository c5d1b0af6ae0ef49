"""Publishes on their way: each has its promise, and a place in one order (RTN7, RTN19).

A publish is *queued* until there is a connection, then *pending* until its ACK or NACK. After a lost socket,
the pending ones are sent again. A resumed connection knows their msgSerials and answers without publishing
twice. A new connection knows none, so they are numbered afresh from 0, and the ids of their messages let the
service notice a repeat.
"""

from collections import deque
from collections.abc import Callable
from itertools import chain

from ablykit.client.outputs import Promise
from ablykit.protocol import AblyError, ProtocolMessage, PublishResult

Settle = Callable[[Promise, object, AblyError | None], None]


class Outbox:
    """The publishes of a client that have no answer yet. `serial` is the next msgSerial."""

    def __init__(self, settle: Settle, serial: int = 0) -> None:
        self._settle = settle
        self.serial = serial
        self._queued: deque[tuple[ProtocolMessage, Promise]] = deque()
        self._pending: deque[tuple[ProtocolMessage, Promise]] = deque()

    def add(self, frame: ProtocolMessage, promise: Promise) -> None:
        """Queue a publish."""
        self._queued.append((frame, promise))

    def renumber(self) -> None:
        """Count from 0 again, for a new connection: the pending publishes first (RTN19a2)."""
        self.serial = len(self._pending)
        self._pending = deque(
            (frame.replace(msg_serial=serial), promise)
            for serial, (frame, promise) in enumerate(self._pending)
        )

    def pending(self) -> list[ProtocolMessage]:
        """Return the frames to send again, oldest first (RTN19a)."""
        return [frame for frame, _ in self._pending]

    def take(self) -> list[ProtocolMessage]:
        """Return the queued frames to send now, numbered (RTN7b)."""
        taken: list[ProtocolMessage] = []
        while self._queued:
            frame, promise = self._queued.popleft()
            taken.append(frame.replace(msg_serial=self.serial))
            self._pending.append((taken[-1], promise))
            self.serial += 1
        return taken

    def answer(self, frame: ProtocolMessage, error: AblyError | None) -> None:
        """Settle what an ACK (or with `error` a NACK) answers. What is answered already is passed over."""
        first, count = frame.msg_serial or 0, frame.count or 1
        results = frame.res or []
        while self._pending and (serial := self._pending[0][0].msg_serial or 0) < first + count:
            _, promise = self._pending.popleft()
            if serial < first:  # the service skipped it, and will not answer it any more (RTN7a)
                self._settle(promise, None, AblyError(50000, "The service answered a later publish only"))
            elif error:
                self._settle(promise, None, error)
            else:
                at = serial - first
                result = results[at] if at < len(results) else PublishResult(serials=[])
                self._settle(promise, result, None)

    def fail(self, error: AblyError) -> None:
        """Fail everything that has no answer (RTN7e)."""
        failed = list(chain(self._pending, self._queued))
        self._pending.clear()
        self._queued.clear()
        for _, promise in failed:
            self._settle(promise, None, error)
