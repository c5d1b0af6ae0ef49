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

HIGHEST = 2**53 - 1
"""The highest count: every client can read it."""

DEEPEST, LONGEST_NAME = 10, 200
"""How many parts and how many characters the name of a count may have."""

LAST = 253_402_300_799_000
"""The last second that has a date, ms since 1970."""

SCHEMA = "https://schemas.ably.com/json/app-stats-0.0.5.json"


class Stats:
    """Counts of one app. `wall` tells the time in ms since 1970."""

    def __init__(self, wall: Callable[[], int]) -> None:
        self._wall = wall
        self._minutes: dict[int, Counter[str]] = {}
        """By minute since 1970; a name is made of it only when it is told."""

    def count(self, name: str, by: int = 1) -> None:
        """Count something that happened now, such as `connections.tls.opened`, and what it is part of."""
        counts = self._now()
        for counted in _counted_as(name):
            counts[counted] += by

    def peak(self, name: str, value: int) -> None:
        """Note how many there are now of something, such as `channels.peak`."""
        counts = self._now()
        counts[name] = max(counts[name], value)

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
        interval = fixture.get("intervalId")
        named = interval if isinstance(interval, str) else ""
        try:
            moment = datetime.strptime(named, UNITS["minute"]).replace(tzinfo=UTC)
        except ValueError:
            raise AblyError(
                40003, f"intervalId is a minute such as 2026-01-31:23:59, not {named[:40]!r}"
            ) from None
        given = _flat({k: v for k, v in fixture.items() if k != "intervalId"})
        counts = self._in(int(moment.timestamp() * 1000) // MINUTE)
        for path, value in given:
            for name in _counted_as(path.removeprefix("entries.")):
                counts[name] = min(counts[name] + value, HIGHEST)

    def intervals(self, unit: str, start: int, end: int) -> list[dict[str, Any]]:
        """The counts of each interval that begins or lies between two times (ms since 1970), oldest first.

        Raises `AblyError` 40003 for another unit.
        """
        if unit not in UNITS:
            raise AblyError(40003, f"unit is {', '.join(UNITS)}, not {unit[:40]!r}")
        first, last = _interval(unit, start), _interval(unit, end)
        found: dict[str, Counter[str]] = {}
        for minute, counts in sorted(self._minutes.items()):
            interval = _interval(unit, minute * MINUTE)
            if first <= interval <= last:  # their names sort as they follow each other
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


def in_parts(told: dict[str, Any]) -> dict[str, Any]:
    """The counts of an interval as they were told before version 3 of the protocol: an object in an object
    for each part of their names, by the names of then."""
    whole = {name: value for name, value in told.items() if name not in ("entries", "schema")}
    for name, count in told["entries"].items():
        *path, last = _as_it_was(name).split(".")
        part = whole
        for step in path:
            within: Any = part.setdefault(step, {})
            # a count has no parts: they are left out
            part = cast("dict[str, Any]", within) if isinstance(within, dict) else {}
        part.setdefault(last, count)
    return whole


def _as_it_was(name: str) -> str:
    for now, before in BEFORE:
        if name.startswith(now):
            return before + name.removeprefix(now)
    return name


@lru_cache
def _names(direction: str, transport: str, kind: str) -> tuple[tuple[str, str], ...]:
    """What one kind of message counts as: the names of its counts and its sizes."""
    of = f"messages.{direction}.{transport}.{kind}"
    return tuple(zip(_counted_as(f"{of}.count"), _counted_as(f"{of}.data"), strict=True))


MESSAGES = ("inbound", "outbound", "persisted")
"""What of the statistics is about messages, where a fixture does not say so (TS5)."""

RENAMED = {
    "apiRequests": "apiRequests.other",
    "tokenRequests": "apiRequests.tokenRequests",
}
"""What older fixtures call otherwise (TS9)."""

BEFORE = (
    ("messages.", ""),
    ("apiRequests.other.", "apiRequests."),
    ("apiRequests.tokenRequests.", "tokenRequests."),
)
"""How names began before version 3 of the protocol (TS4 to TS9)."""


@lru_cache
def _counted_as(name: str) -> tuple[str, ...]:
    """The names that a count goes by: its own, and those of the sums that it is part of (TS4).

    Messages are summed up over their kinds, transports and directions; connections over plain and TLS;
    requests over all there are.
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
    """Add counts to others: a peak is the highest of them, all else is their sum."""
    for name, value in more.items():
        counts[name] = max(counts[name], value) if name.endswith(".peak") else counts[name] + value


def moment(text: str) -> int | None:
    """The time that the name of an interval begins at, ms since 1970 (RSC6b1); None for no such name."""
    for form in UNITS.values():
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            continue
    return None


def _interval(unit: str, ms: int) -> str:
    """The name of the interval that a time lies in."""
    return datetime.fromtimestamp(min(max(ms, 0), LAST) / 1000, UTC).strftime(UNITS[unit])


def _flat(value: dict[Any, Any], before: str = "") -> list[tuple[str, int]]:
    """The numbers within an object, each by its path with dots between. Raises `AblyError` 40003 for counts
    that could not be told again: names, depths and numbers that no statistics have."""
    found: list[tuple[str, int]] = []
    for name, item in value.items():
        path = f"{before}.{name}" if before else name
        if not isinstance(name, str) or len(path) > LONGEST_NAME or path.count(".") >= DEEPEST:
            raise AblyError(40003, "Counts are named by text, as in inbound.realtime.messages.count")
        if isinstance(item, dict):
            found += _flat(cast("dict[Any, Any]", item), path)
        elif isinstance(item, int) and not isinstance(item, bool):
            if not 0 <= item <= HIGHEST:
                raise AblyError(40003, f"{path[:80]} is a count from 0 to {HIGHEST}")
            found.append((path, item))
    return found
