"""Where a service gets its time and its names from. Seeded, both are the same on every run."""

import random
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass

_LETTERS = string.ascii_letters + string.digits

ARTICLE_DAY = 1626880805277
"""When a seeded clock starts, ms since 1970: the moment the article's first frame was made."""


class Clock:
    """Timestamps for frames, ms since 1970.

    A seeded clock is one millisecond later each time it is asked. How much time has *passed* is
    never taken from here: that is an argument, `now`, of whatever needs it.
    """

    def __init__(self, seed: int | None) -> None:
        self._next = None if seed is None else ARTICLE_DAY
        self.ahead = 0.0
        """How far it has been moved, in ms. The running time is moved with it, by `Service.advance`."""

    @property
    def is_seeded(self) -> bool:
        """Whether its stamps are the same on every run."""
        return self._next is not None

    @staticmethod
    def real() -> int:
        """Return the time on every clock that nobody has moved, ms since 1970."""
        return time.time_ns() // 1_000_000

    def wall(self) -> int:
        """Return the time it is here, ms since 1970: what others' timestamps are compared to."""
        return self.real() + int(self.ahead)

    def now(self) -> int:
        """Return the time to stamp on a frame, ms since 1970."""
        if self._next is None:
            return self.wall()
        self._next += 1
        return self.shown() - 1

    def shown(self) -> int:
        """The time that frames say it is, ms since 1970: who asked for it counts from there."""
        return self.wall() if self._next is None else self._next + int(self.ahead)


class Ids:
    """Names that nobody can guess; or, seeded, names that are the same on every run.

    Each kind of name has a stream of its own, so that one more connection does not change the
    names of keys.
    """

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def new(self, kind: str, length: int) -> str:
        """A fresh name of `length` letters and digits."""
        if self._seed is None:
            return "".join(secrets.choice(_LETTERS) for _ in range(length))
        stream = self._streams.setdefault(kind, random.Random(f"{self._seed}:{kind}"))
        return "".join(stream.choices(_LETTERS, k=length))


@dataclass(frozen=True)
class Sources:
    """The time and the names of a service, for all that is in it."""

    monotonic: Callable[[], float]
    """The running time, in ms: what deadlines are measured by. It is the one clock that can be moved."""
    clock: Clock
    """What is stamped on frames."""
    ids: Ids
