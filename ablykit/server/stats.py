"""What really happened in an app, counted by the minute; told by minute, hour, day or month (TS)."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from ablykit.protocol import AblyError

UNITS = {"minute": "%Y-%m-%d:%H:%M", "hour": "%Y-%m-%d:%H", "day": "%Y-%m-%d", "month": "%Y-%m"}
"""For each unit how an interval of it is named (TS12a)."""

MINUTE = 60_000
"""In ms."""

SCHEMA = "https://schemas.ably.com/json/app-stats-0.0.5.json"


class Stats:
    """Counts of one app. `wall` tells the time in ms since 1970."""

    def __init__(self, wall: Callable[[], int]) -> None:
        self._wall = wall
        self._minutes: dict[int, Counter[str]] = {}
        """By minute since 1970; a name is made of it only when it is told."""

    def count(self, name: str, by: int = 1) -> None:
        """Count something that happened now, such as `connections.all.opened`."""
        self._now()[name] += by

    def message(self, direction: str, transport: str, kind: str, count: int, size: int) -> None:
        """Count messages (or presence) and their bytes, for the transport and in all."""
        counts = self._now()
        for counted, sized in _names(direction, transport, kind):
            counts[counted] += count
            counts[sized] += size

    def _now(self) -> Counter[str]:
        return self._in(self._wall() // MINUTE)

    def _in(self, minute: int) -> Counter[str]:
        counts = self._minutes.get(minute)
        if counts is None:
            counts = self._minutes[minute] = Counter()
        return counts

    def add(self, fixture: dict[str, Any]) -> None:
        """Put in counts that are said to have happened, for tests. Raises `AblyError` 40003."""
        interval: Any = fixture.get("intervalId")
        try:
            moment = datetime.strptime(str(interval), UNITS["minute"]).replace(tzinfo=UTC)
        except ValueError:
            raise AblyError(
                40003, f"intervalId is a minute such as 2026-01-31:23:59, not {interval!r:.40}"
            ) from None
        counts = self._in(int(moment.timestamp() * 1000) // MINUTE)
        for name, value in _flat({k: v for k, v in fixture.items() if k != "intervalId"}):
            name = name.removeprefix("entries.")
            whole = f"messages.{name}" if name.startswith(("inbound.", "outbound.")) else name
            counts[whole] += value

    def told(self, unit: str, start: int, end: int) -> list[dict[str, Any]]:
        """The counts of each interval between two times (ms since 1970), oldest first.

        Raises `AblyError` 40003 for another unit.
        """
        if unit not in UNITS:
            raise AblyError(40003, f"unit is {', '.join(UNITS)}, not {unit[:40]!r}")
        found: dict[str, Counter[str]] = {}
        for minute, counts in sorted(self._minutes.items()):
            if start // MINUTE <= minute <= end // MINUTE:
                found.setdefault(_interval(unit, minute * MINUTE), Counter()).update(counts)
        now = _interval(unit, self._wall())
        return [
            {
                "intervalId": interval,
                "unit": unit,
                "schema": SCHEMA,
                "entries": dict(sorted(counts.items())),
                **({"inProgress": _interval("minute", self._wall())} if interval == now else {}),
            }
            for interval, counts in found.items()
        ]


@lru_cache
def _names(direction: str, transport: str, kind: str) -> tuple[tuple[str, str], ...]:
    """What one kind of message counts as: the names of its counts and its sizes."""
    return tuple(
        (f"messages.{direction}.{by}.{what}.count", f"messages.{direction}.{by}.{what}.data")
        for by in (transport, "all")
        for what in (kind, "all")
    )


def _interval(unit: str, ms: int) -> str:
    """The name of the interval that a time lies in."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(UNITS[unit])


def _flat(value: Any, before: str = "") -> list[tuple[str, int]]:
    """The numbers within an object, each by its path with dots between."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return [found for name, item in members for found in _flat(item, f"{before}.{name}".lstrip("."))]
    return [(before, value)] if isinstance(value, int) and not isinstance(value, bool) else []
