"""What really happened in an app, counted by the minute; told by minute, hour, day or month (TS)."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from ablykit.protocol import AblyError

UNITS = {"minute": "%Y-%m-%d:%H:%M", "hour": "%Y-%m-%d:%H", "day": "%Y-%m-%d", "month": "%Y-%m"}
"""For each unit how an interval of it is named (TS12a)."""

SCHEMA = "https://schemas.ably.com/json/app-stats-0.0.5.json"


class Stats:
    """Counts of one app. `wall` tells the time in ms since 1970."""

    def __init__(self, wall: Callable[[], int]) -> None:
        self._wall = wall
        self._minutes: dict[str, Counter[str]] = {}

    def count(self, name: str, by: float = 1) -> None:
        """Count something that happened now, such as `messages.inbound.rest.messages.count`."""
        minute = _interval("minute", self._wall())
        self._minutes.setdefault(minute, Counter())[name] += by  # type: ignore[reportArgumentType]

    def message(self, direction: str, transport: str, kind: str, count: int, size: int) -> None:
        """Count messages (or presence) and their bytes, for the transport and in all."""
        for by in (transport, "all"):
            self.count(f"messages.{direction}.{by}.{kind}.count", count)
            self.count(f"messages.{direction}.{by}.{kind}.data", size)
            self.count(f"messages.{direction}.{by}.all.count", count)
            self.count(f"messages.{direction}.{by}.all.data", size)

    def add(self, fixture: dict[str, Any]) -> None:
        """Put in counts that are said to have happened, for tests. Raises `AblyError` 40003."""
        interval: Any = fixture.get("intervalId")
        try:
            datetime.strptime(str(interval), UNITS["minute"]).replace(tzinfo=UTC)
        except ValueError:
            raise AblyError(
                40003, f"intervalId is a minute such as 2026-01-31:23:59, not {interval!r:.40}"
            ) from None
        counts = self._minutes.setdefault(str(interval), Counter())
        for name, value in _flat({k: v for k, v in fixture.items() if k != "intervalId"}):
            name = name.removeprefix("entries.")
            whole = f"messages.{name}" if name.startswith(("inbound.", "outbound.")) else name
            counts[whole] += value  # type: ignore[reportArgumentType]

    def told(self, unit: str, start: int, end: int) -> list[dict[str, Any]]:
        """The counts of each interval between two times (ms since 1970), oldest first.

        Raises `AblyError` 40003 for another unit.
        """
        if unit not in UNITS:
            raise AblyError(40003, f"unit is {', '.join(UNITS)}, not {unit[:40]!r}")
        first, last = _interval("minute", start), _interval("minute", end)
        found: dict[str, Counter[str]] = {}
        for minute, counts in sorted(self._minutes.items()):
            if first <= minute <= last:
                found.setdefault(minute[: len(_interval(unit, 0))], Counter()).update(counts)
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


def _interval(unit: str, ms: float) -> str:
    """The name of the interval that a time lies in."""
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.max.replace(tzinfo=UTC)
    return moment.strftime(UNITS[unit])


def _flat(value: Any, before: str = "") -> list[tuple[str, float]]:
    """The numbers within an object, each by its path with dots between."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return [found for name, item in members for found in _flat(item, f"{before}.{name}".lstrip("."))]
    return [(before, value)] if isinstance(value, int | float) and not isinstance(value, bool) else []
