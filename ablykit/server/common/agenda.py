"""The agenda: everything that a service will do later, by the time it is due.

Forgetting a connection, expiring a token, publishing the statistics of a minute: each is an action with a key
and a time. There is no timer per action. Whoever drives the service calls `run` with the current time and
sleeps until `next_due`, so a test can move the clock instead of waiting.

    agenda.at(("expires", connection), now + 120_000, forget_it)
    agenda.run(now)

Times are in ms of the service's running time. An action replaces an earlier one with the same key, and
`cancel` removes it; both take the same time however full the agenda is. If an action fails, its error is
logged and the others still run: nothing that one client leaves behind may stop the service.
"""

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from itertools import count

from ablykit.protocol.redaction import quiet_logger

LOGGER = quiet_logger("ablykit.server")

Action = Callable[[float], None]
"""A function to call when it is due, with the running time in ms."""


class Agenda:
    """Actions, ordered by the time they are due.

    A replaced or cancelled action stays in the heap, where removing it would be slow. `_actions` knows the
    number of the newest action of each key, so an outdated one is recognised, and skipped, when it comes up.
    """

    def __init__(self) -> None:
        self._actions: dict[Hashable, tuple[int, Action]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._numbers = count()
        self.wake: Callable[[], None] = lambda: None
        """Called when an action becomes due earlier than `next_due` was before."""

    def at(self, key: Hashable, due: float, action: Action) -> None:
        """Schedule an action for the running time `due`. It replaces an action with the same key."""
        number = next(self._numbers)
        sooner = due < (self.next_due or due + 1)
        self._actions[key] = (number, action)
        heappush(self._heap, (due, number, key))
        if len(self._heap) > 2 * len(self._actions) + 1_000:  # most of the heap is outdated
            self._heap = [each for each in self._heap if self._is_open(each)]
            heapify(self._heap)
        if sooner:
            self.wake()

    def cancel(self, key: Hashable) -> None:
        """Remove the action with this key, if there is one."""
        self._actions.pop(key, None)

    @property
    def next_due(self) -> float | None:
        """The running time at which the next action is due, in ms; None if there is no action."""
        while self._heap and not self._is_open(self._heap[0]):
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Run all actions that are due, in order, including those that they schedule for now or earlier."""
        while (due := self.next_due) is not None and due <= now:
            _, _, key = heappop(self._heap)
            _, action = self._actions.pop(key)
            try:
                action(now)
            except Exception:
                LOGGER.exception("A scheduled action failed")

    def _is_open(self, entered: tuple[float, int, Hashable]) -> bool:
        _, number, key = entered
        action = self._actions.get(key)
        return action is not None and action[0] == number
