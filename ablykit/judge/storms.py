"""What happens to the wire while a workload runs.

A storm is blown once in each run, beside the workload's steps. It says whether it reached the point it was
made for, and when its faults were over; from then on clients have to recover what they missed.

`calm` does nothing. It is what every client has to pass first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ablykit.judge.service import Service


@dataclass(frozen=True)
class Aftermath:
    """What a storm came to. `healed` is when its faults were over, in ms since 1970; None without faults."""

    reached: bool = True
    healed: float | None = None
    why: str = ""
    """What it did not reach."""


@dataclass(frozen=True)
class Storm:
    """A named schedule of faults. `blow` runs it and returns once all is healed; `time` is how many seconds
    the workload takes."""

    name: str
    says: str
    blow: Callable[[Service, float], Awaitable[Aftermath]]


async def _calm(service: Service, time: float) -> Aftermath:
    return Aftermath()


CALM = Storm("calm", "Nothing goes wrong on the wire.", _calm)

STORMS: dict[str, Storm] = {CALM.name: CALM}
"""Every storm by its name."""
