"""What is due when: everything a service does by itself, in the order of its time.

    agenda.at(("expires", connection), now + 120_000, forget_it)
    agenda.run(now)

Times are ms of the service's running time. Whatever is entered under a key replaces what was entered under
it before, and `cancel` takes it back; both cost the same however much there is. An action that fails is
reported and the others go on: no client may end the service by what it left behind.
"""

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from itertools import count

from ablykit.protocol.redaction import quiet_logger

LOGGER = quiet_logger("ablykit.server")

Action = Callable[[float], None]
"""What to do; its argument is the running time, in ms."""


class Agenda:
    """Actions by the time they are due."""

    def __init__(self) -> None:
        self._actions: dict[Hashable, tuple[int, Action]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._numbers = count()
        self.wake: Callable[[], None] = lambda: None
        """Called when something has become due sooner than `next_due` said."""

    def at(self, key: Hashable, due: float, action: Action) -> None:
        """Do something at a time; in place of what was entered under the same key."""
        number = next(self._numbers)
        sooner = due < (self.next_due or due + 1)
        self._actions[key] = (number, action)
        heappush(self._heap, (due, number, key))
        if len(self._heap) > 2 * len(self._actions) + 1_000:  # most were replaced or taken back
            self._heap = [each for each in self._heap if self._is_open(each)]
            heapify(self._heap)
        if sooner:
            self.wake()

    def cancel(self, key: Hashable) -> None:
        """Take back what was entered under a key, if anything was."""
        self._actions.pop(key, None)

    @property
    def next_due(self) -> float | None:
        """When the next action is due; None where there is none."""
        while self._heap and not self._is_open(self._heap[0]):
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do all that is due, in order; also what these actions enter for a time that has come."""
        while (due := self.next_due) is not None and due <= now:
            _, _, key = heappop(self._heap)
            _, action = self._actions.pop(key)
            try:
                action(now)
            except Exception:
                LOGGER.exception("Something that was due failed")

    def _is_open(self, entered: tuple[float, int, Hashable]) -> bool:
        _, number, key = entered
        action = self._actions.get(key)
        return action is not None and action[0] == number
