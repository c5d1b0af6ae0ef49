"""Where a service gets its time and its ids from. With a seed, both are the same on every run."""

import random
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass

_LETTERS = string.ascii_letters + string.digits

ARTICLE_DAY = 1626880805277
"""The first time of a seeded clock, in ms since 1970: the timestamp of the article's first frame."""


class Clock:
    """Timestamps for frames, ms since 1970.

    A seeded clock moves on by one millisecond each time it is read. It is never used to measure how much time
    has *passed*: code that needs this takes the running time as an argument, `now`.
    """

    def __init__(self, seed: int | None) -> None:
        self._next = None if seed is None else ARTICLE_DAY
        self.ahead = 0.0
        """How far the clock has been moved, in ms. `Service.advance` moves the running time with it."""

    @property
    def is_seeded(self) -> bool:
        """Whether its timestamps are the same on every run."""
        return self._next is not None

    @staticmethod
    def real() -> int:
        """Return the machine's time, in ms since 1970, whether or not this clock has been moved."""
        return time.time_ns() // 1_000_000

    def wall(self) -> int:
        """Return the service's time, in ms since 1970. Timestamps from clients are compared with it."""
        return self.real() + int(self.ahead)

    def now(self) -> int:
        """Return the timestamp for the next frame, in ms since 1970."""
        if self._next is None:
            return self.wall()
        self._next += 1
        return self.shown() - 1

    def shown(self) -> int:
        """Return the time that the next frame will carry, in ms since 1970, without moving a seeded clock on.

        A client that asked for the time (`GET /time`) makes its token requests from there.
        """
        return self.wall() if self._next is None else self._next + int(self.ahead)


class Ids:
    """Ids that nobody can guess; or, with a seed, ids that are the same on every run.

    Each kind of id has its own random stream, so that one more connection does not change the ids of keys.
    """

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def new(self, kind: str, length: int) -> str:
        """Return a new id of `length` letters and digits."""
        if self._seed is None:
            return "".join(secrets.choice(_LETTERS) for _ in range(length))
        stream = self._streams.setdefault(kind, random.Random(f"{self._seed}:{kind}"))
        return "".join(stream.choices(_LETTERS, k=length))


@dataclass(frozen=True)
class Sources:
    """The sources of time and ids that all parts of a service share."""

    monotonic: Callable[[], float]
    """The running time, in ms, which deadlines are measured by."""
    clock: Clock
    """The clock that timestamps frames."""
    ids: Ids
