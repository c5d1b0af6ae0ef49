"""The statistics of an app: counted by the minute, reported by minute, hour, day or month (TS).

A count has a name with dots, such as `messages.inbound.realtime.messages.count`, and is part of sums, such as
`messages.all.all.count`. Every sum is counted along, so a report only has to add up minutes.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from ablykit.protocol import AblyError

UNITS = {"minute": "%Y-%m-%d:%H:%M", "hour": "%Y-%m-%d:%H", "day": "%Y-%m-%d", "month": "%Y-%m"}
"""The form of an interval's name, for each unit (TS12a)."""

MINUTE = 60_000
"""One minute in ms."""

HIGHEST = 2**53 - 1
"""The highest count: the largest integer that JavaScript reads exactly."""

DEEPEST, LONGEST_NAME = 10, 200
"""The most parts and the most characters that the name of a count may have."""

LAST = 253_402_300_799_000
"""The last second of the year 9999, in ms since 1970: `datetime` knows no later one."""

SCHEMA = "https://schemas.ably.com/json/app-stats-0.0.5.json"


class Stats:
    """The counts of one app. `wall` returns the time in ms since 1970."""

    def __init__(self, wall: Callable[[], int]) -> None:
        self._wall = wall
        self._minutes: dict[int, Counter[str]] = {}
        """The counts of each minute since 1970. Formatting the names of intervals is left to the report."""

    def count(self, name: str, by: int = 1) -> None:
        """Count something that happened now, such as `connections.tls.opened`, and the sums it is part of."""
        counts = self._now()
        for counted in _counted_as(name):
            counts[counted] += by

    def peak(self, name: str, value: int) -> None:
        """Raise a peak, such as `channels.peak`, to the current value if that is higher."""
        counts = self._now()
        counts[name] = max(counts[name], value)

    def message(self, direction: str, transport: str, kind: str, count: int, size: int) -> None:
        """Count messages or presence messages and their bytes, and the sums they are part of."""
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
        """Add made-up counts, as SDKs' tests post them to a sandbox. Raises `AblyError` 40003."""
        interval = fixture.get("intervalId")
        named = interval if isinstance(interval, str) else ""
        try:
            moment = datetime.strptime(named, UNITS["minute"]).replace(tzinfo=UTC)
        except ValueError:
            raise AblyError(
                40003, f"intervalId must be a minute such as 2026-01-31:23:59, not {named[:40]!r}"
            ) from None
        given = _flat({k: v for k, v in fixture.items() if k != "intervalId"})
        counts = self._in(int(moment.timestamp() * 1000) // MINUTE)
        for path, value in given:
            for name in _counted_as(path.removeprefix("entries.")):
                counts[name] = min(counts[name] + value, HIGHEST)

    def intervals(self, unit: str, start: int, end: int) -> list[dict[str, Any]]:
        """Return the counts of each interval from `start` to `end` (ms since 1970), oldest first.

        The intervals that contain `start` and `end` are included whole. Raises `AblyError` 40003 for an
        unknown unit.
        """
        if unit not in UNITS:
            raise AblyError(40003, f"unit must be one of {', '.join(UNITS)}, not {unit[:40]!r}")
        first, last = _interval(unit, start), _interval(unit, end)
        found: dict[str, Counter[str]] = {}
        for minute, counts in sorted(self._minutes.items()):
            interval = _interval(unit, minute * MINUTE)
            if first <= interval <= last:  # the names of intervals sort by time
                _add(found.setdefault(interval, Counter()), counts)
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


def nested(interval: dict[str, Any]) -> dict[str, Any]:
    """Return an interval as before protocol v3: nested objects, with the older names of the counts."""
    whole = {name: value for name, value in interval.items() if name not in ("entries", "schema")}
    for name, count in interval["entries"].items():
        *path, last = _name_before_v3(name).split(".")
        part = whole
        for step in path:
            within: Any = part.setdefault(step, {})
            # A made-up name may continue the name of a count. A number holds no members, so it is left out.
            part = cast("dict[str, Any]", within) if isinstance(within, dict) else {}
        part.setdefault(last, count)
    return whole


def _name_before_v3(name: str) -> str:
    for now, before in BEFORE_V3:
        if name.startswith(now):
            return before + name.removeprefix(now)
    return name


@lru_cache
def _names(direction: str, transport: str, kind: str) -> tuple[tuple[str, str], ...]:
    """Return the names that messages of one kind are counted under: a pair for their number and bytes
    each."""
    of = f"messages.{direction}.{transport}.{kind}"
    return tuple(zip(_counted_as(f"{of}.count"), _counted_as(f"{of}.data"), strict=True))


MESSAGES = ("inbound", "outbound", "persisted")
"""The counts that older fixtures give without the `messages.` that they begin with now (TS5)."""

RENAMED = {
    "apiRequests": "apiRequests.other",
    "tokenRequests": "apiRequests.tokenRequests",
}
"""The current names of counts that older fixtures name differently (TS9)."""

BEFORE_V3 = (
    ("messages.", ""),
    ("apiRequests.other.", "apiRequests."),
    ("apiRequests.tokenRequests.", "tokenRequests."),
)
"""The beginning of each name, now and before protocol v3 (TS4 to TS9)."""


@lru_cache
def _counted_as(name: str) -> tuple[str, ...]:
    """Return the names that a count is counted under: its own and those of its sums (TS4).

    Messages are summed over kinds, transports and directions; connections over plain and TLS; requests over
    all kinds.
    """
    parts = name.split(".")
    if parts[0] in MESSAGES:
        parts = ["messages", *parts]
    elif parts[0] in RENAMED and len(parts) == 2:
        parts = [*RENAMED[parts[0]].split("."), *parts[1:]]
    match parts:
        case ["messages", "persisted", kind, what]:
            return tuple(f"messages.persisted.{k}.{what}" for k in ("all", kind))
        case ["messages", ("inbound" | "outbound") as direction, transport, kind, what]:
            ways = (f"{direction}.{transport}", f"{direction}.all", "all")
            return tuple(f"messages.{way}.{k}.{what}" for way in ways for k in ("all", kind))
        case ["connections", ("plain" | "tls") as security, what]:
            return (f"connections.{security}.{what}", f"connections.all.{what}")
        case ["apiRequests", ("other" | "tokenRequests") as kind, what]:
            return (f"apiRequests.{kind}.{what}", f"apiRequests.all.{what}")
        case _:
            return (".".join(parts),)


def _add(counts: Counter[str], more: Counter[str]) -> None:
    """Add `more` counts to `counts`. The peak of two intervals is the higher one; all else is summed."""
    for name, value in more.items():
        counts[name] = max(counts[name], value) if name.endswith(".peak") else counts[name] + value


def moment(text: str) -> int | None:
    """Return when the interval of this name begins, in ms since 1970 (RSC6b1); None if it is not such a
    name."""
    for form in UNITS.values():
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            continue
    return None


def _interval(unit: str, ms: int) -> str:
    """Return the name of the interval that contains a time (ms since 1970)."""
    return datetime.fromtimestamp(min(max(ms, 0), LAST) / 1000, UTC).strftime(UNITS[unit])


def _flat(value: dict[Any, Any], before: str = "") -> list[tuple[str, int]]:
    """Return the numbers in a nested object, each with its path joined by dots.

    Raises `AblyError` 40003 for names, depths or numbers that a report could not show.
    """
    found: list[tuple[str, int]] = []
    for name, item in value.items():
        path = f"{before}.{name}" if before else name
        if not isinstance(name, str) or len(path) > LONGEST_NAME or path.count(".") >= DEEPEST:
            raise AblyError(
                40003,
                "The name of a count must be text such as inbound.realtime.messages.count, with at most "
                f"{LONGEST_NAME} characters and {DEEPEST} parts",
            )
        if isinstance(item, dict):
            found += _flat(cast("dict[Any, Any]", item), path)
        elif isinstance(item, int) and not isinstance(item, bool):
            if not 0 <= item <= HIGHEST:
                raise AblyError(40003, f"{path[:80]} must be a count from 0 to {HIGHEST}")
            found.append((path, item))
    return found
