"""What is due when. A later time for the same name replaces the earlier one."""

from collections.abc import Callable, Hashable


class Timers:
    """Named timers. Times are in ms, on whatever clock the caller counts by."""

    def __init__(self) -> None:
        self._set: dict[Hashable, tuple[float, Callable[[float], None]]] = {}

    def at(self, name: Hashable, when: float, do: Callable[[float], None]) -> None:
        """Call `do(now)` once `when` has come."""
        self._set[name] = when, do

    def cancel(self, *names: Hashable) -> None:
        """Forget these timers, if they are set."""
        for name in names:
            self._set.pop(name, None)

    def clear(self) -> None:
        """Forget all timers."""
        self._set.clear()

    @property
    def due(self) -> float | None:
        """When the next timer is due; None if none is set."""
        return min((when for when, _ in self._set.values()), default=None)

    def run(self, now: float) -> None:
        """Do everything that is due, the earliest first."""
        while self._set:
            name, (when, do) = min(self._set.items(), key=lambda timer: timer[1][0])
            if when > now:
                return
            del self._set[name]
            do(now)


def backoff(base: float, attempt: int, jitter: float) -> float:
    """Return how long to wait before a retry, in ms (RTB1).

    `attempt` counts from 1; `jitter` is a random number from 0 to 1.
    """
    return base * min((attempt + 2) / 3, 2.0) * (0.8 + 0.2 * jitter)
