"""The answers of one connection: every publish gets one ACK or NACK, in the order of the msgSerials.

A log may take its time to decide about a publish, and one channel's log may be faster than another's. But a
client expects its ACKs in order (RTN7a). So the session opens an answer, in a queue, before it calls the
rule, and an answer that is ready early waits for those before it:

    answer = answers.open(serial, now)      # before the rule runs
    answer.ack(result)                      # now or later; or answer.nack(error)

Only the first call counts. Most logs decide at once, so the queue is nearly always empty. Three things must
never happen: an answer overtakes another, a publish gets a second answer, or a publish gets none (`overdue`
makes sure that it does).

Answers that were sent are remembered for a while. A client that resumes publishes again whatever it has no
answer to; it then gets the remembered answer, and nothing is published twice (RTN19a2).
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Protocol

from ablykit.protocol import AblyError, Action, ProtocolMessage, PublishResult

REMEMBERED = 1_000
"""How many answers a connection remembers."""

REMEMBERED_SERIALS = 10_000
"""How many message serials the remembered answers may hold together."""

MOST_OPEN = 10_000
"""How many publishes of one connection may wait for an answer at once."""

PATIENCE = 10_000
"""How long a publish waits for the log before it is refused, in ms."""


LATE = (
    "The log did not answer in time: the message may have been published or not. Check the channel's history"
)


class Answer(Protocol):
    """The answer to one publish: call `ack` or `nack` once."""

    def ack(self, result: PublishResult | None = None) -> None:
        """Answer that the log has the publish. `result` goes into the ACK."""
        ...

    def nack(self, error: AblyError) -> None:
        """Answer that the publish was refused, with the reason."""
        ...


class Unheard:
    """The answer to a publish that nobody waits for, such as an event of the service itself."""

    def ack(self, result: PublishResult | None = None) -> None:
        """Do nothing."""

    def nack(self, error: AblyError) -> None:
        """Do nothing."""


UNHEARD = Unheard()


class Open:
    """The answer to one publish, in the queue of its connection."""

    __slots__ = ("_answers", "asked", "frame", "serial")

    def __init__(self, answers: "Answers", serial: int, asked: float) -> None:
        self._answers = answers
        self.serial = serial
        self.asked = asked
        """When it was published, in ms of running time."""
        self.frame: ProtocolMessage | None = None
        """The ACK or NACK; None until it is known."""

    def ack(self, result: PublishResult | None = None) -> None:
        """Answer with an ACK."""
        res = None if result is None else [result]
        self._give(ProtocolMessage(action=Action.ACK, msg_serial=self.serial, count=1, res=res))

    def nack(self, error: AblyError) -> None:
        """Answer with a NACK."""
        self._give(ProtocolMessage(action=Action.NACK, msg_serial=self.serial, count=1, error=error.info))

    def _give(self, frame: ProtocolMessage) -> None:
        if self.frame is None:
            self.frame = frame
            self._answers.flush()


class Answers:
    """The answers of a connection. Calls `send` with each ACK and NACK, in order."""

    def __init__(self, send: Callable[[ProtocolMessage], None]) -> None:
        self._send = send
        self._open: deque[Open] = deque()
        self._given: OrderedDict[int, ProtocolMessage] = OrderedDict()
        self._serials = 0
        self.last_serial = -1
        """The highest msgSerial published so far; -1 for none."""

    def open(self, serial: int, now: float) -> Open:
        """Return a new answer at the end of the queue, for a publish that is about to be made."""
        self.last_serial = serial
        answer = Open(self, serial, now)
        self._open.append(answer)
        return answer

    def given(self, serial: int) -> ProtocolMessage | None:
        """Return the answer that was sent to a publish; None if it is not remembered."""
        return self._given.get(serial)

    @property
    def waiting(self) -> int:
        """The number of publishes that have not been answered yet."""
        return len(self._open)

    @property
    def due(self) -> float | None:
        """When the oldest open publish becomes overdue, in ms of running time; None if none is open."""
        return self._open[0].asked + PATIENCE if self._open else None

    def overdue(self, now: float) -> None:
        """Refuse the publishes that have waited longer than `PATIENCE`, with 50003.

        A log that is so late may still append them. That is why 50003 says that the outcome is unknown.
        """
        late = [answer for answer in self._open if answer.frame is None and answer.asked + PATIENCE <= now]
        for answer in late:
            answer.nack(AblyError(50003, LATE))

    def flush(self) -> None:
        """Send and remember the answers at the front of the queue that are known."""
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
