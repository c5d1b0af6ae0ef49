"""The answers of one connection: every publish is answered once, in the order of the msgSerials.

A log may take its time before it gives a publish its place, and may be quicker for one channel than for
another. A client counts on its ACKs coming in order (RTN7a), so a publish takes its place in a queue before a
rule sees it, and an answer that is ready early waits for those before it:

    answer = answers.open(serial, now)      # before the rule is asked
    answer.ack(result)                      # now or later; or answer.nack(error)

The first thing said counts. Most logs answer at once, so the queue is empty nearly always. What must never
happen: an answer that overtakes another, a second answer to one publish, a publish that is never answered
(`overdue` sees to that).

Answers that were sent are remembered for a while, so that a client that resumes and publishes again what it
had no answer to gets that answer, and nothing is published twice (RTN19a2).
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Protocol

from ablykit.protocol import AblyError, Action, ProtocolMessage, PublishResult

REMEMBERED = 1_000
"""How many answers a connection remembers."""

REMEMBERED_SERIALS = 10_000
"""How many serials of messages the remembered answers may hold together."""

MOST_OPEN = 10_000
"""How many publishes of one connection may wait for their place in a log."""

PATIENCE = 10_000
"""How long a publish waits for its place before it is refused, in ms."""


LATE = "The log did not answer in time: it may have this publish or not"


class Answer(Protocol):
    """Takes what a publish came to: `ack` or `nack`, once."""

    def ack(self, result: PublishResult | None = None) -> None:
        """Say that the log has it; `result` is what the ACK says of it, if anything."""
        ...

    def nack(self, error: AblyError) -> None:
        """Say that it was refused, and why."""
        ...


class Unheard:
    """The answer to what nobody waits for, such as an event of the service itself."""

    def ack(self, result: PublishResult | None = None) -> None:
        """Do nothing."""

    def nack(self, error: AblyError) -> None:
        """Do nothing."""


UNHEARD = Unheard()


class Open:
    """The answer to one publish, with its place in the queue."""

    __slots__ = ("_answers", "asked", "frame", "serial")

    def __init__(self, answers: "Answers", serial: int, asked: float) -> None:
        self._answers = answers
        self.serial = serial
        self.asked = asked
        """When it was published, ms of running time."""
        self.frame: ProtocolMessage | None = None
        """The ACK or NACK; None while there is none."""

    def ack(self, result: PublishResult | None = None) -> None:
        """Say that the log has it."""
        res = None if result is None else [result]
        self._give(ProtocolMessage(action=Action.ACK, msg_serial=self.serial, count=1, res=res))

    def nack(self, error: AblyError) -> None:
        """Say that it was refused, and why."""
        self._give(ProtocolMessage(action=Action.NACK, msg_serial=self.serial, count=1, error=error.info))

    def _give(self, frame: ProtocolMessage) -> None:
        if self.frame is None:
            self.frame = frame
            self._answers.flush()


class Answers:
    """The answers of a connection. `send` is called with each, in order."""

    def __init__(self, send: Callable[[ProtocolMessage], None]) -> None:
        self._send = send
        self._open: deque[Open] = deque()
        self._given: OrderedDict[int, ProtocolMessage] = OrderedDict()
        self._serials = 0
        self.last_serial = -1
        """The highest msgSerial that was published."""

    def open(self, serial: int, now: float) -> Open:
        """Return the answer to a publish that is about to be made."""
        self.last_serial = serial
        answer = Open(self, serial, now)
        self._open.append(answer)
        return answer

    def given(self, serial: int) -> ProtocolMessage | None:
        """Return the answer that a publish was given, if it is still remembered."""
        return self._given.get(serial)

    @property
    def waiting(self) -> int:
        """How many publishes have no answer yet, or one that waits for others."""
        return len(self._open)

    @property
    def due(self) -> float | None:
        """When the publish that has waited longest will have waited too long, ms; None if none waits."""
        return self._open[0].asked + PATIENCE if self._open else None

    def overdue(self, now: float) -> None:
        """Refuse the publishes that have waited too long, with 50003.

        Whether a log that was so late has them after all is not known, which is what 50003 says.
        """
        late = [answer for answer in self._open if answer.frame is None and answer.asked + PATIENCE <= now]
        for answer in late:
            answer.nack(AblyError(50003, LATE))

    def flush(self) -> None:
        """Send the answers that no longer wait for another, and remember them."""
        waiting = self._open
        while waiting and (frame := waiting[0].frame) is not None:
            self._remember(waiting.popleft().serial, frame)
            self._send(frame)

    def _remember(self, serial: int, frame: ProtocolMessage) -> None:
        self._given[serial] = frame
        self._serials += _serials_in(frame)
        while len(self._given) > REMEMBERED or self._serials > REMEMBERED_SERIALS:
            _, oldest = self._given.popitem(last=False)
            self._serials -= _serials_in(oldest)


def _serials_in(answer: ProtocolMessage) -> int:
    return sum(len(result.serials or ()) for result in answer.res or ())
