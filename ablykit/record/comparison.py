"""Compare two recordings: what differs once ids, keys and times are masked."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, cast

from ablykit.protocol import Action
from ablykit.record.pairing import Pairing
from ablykit.record.transcript import ARROWS, Entry

MASKED = frozenset(
    {"id", "connectionId", "connectionKey", "channelSerial", "serial", "serverId", "timestamp", "resume"}
    | {"nonce", "mac", "accessToken", "serials", "messageSerial"}
)
"""Members that differ from run to run and mean nothing."""

ENDED = frozenset({"1000", "1001", "1005", "1006"})
"""Close codes that report no error. Which of them arrives depends on which side closes first, and on
whether the network was cut."""


_PARAMS = re.compile(r"(?<=[?&])(key|resume|recover|accessToken|access_token)=[^&]*")
"""URL parameters that differ from run to run."""


@dataclass(frozen=True)
class Difference:
    """A stretch where two recordings differ: the lines of the first, and those of the second."""

    first: tuple[Entry, ...]
    second: tuple[Entry, ...]

    def __str__(self) -> str:
        lines = [f"- {shape(entry)}" for entry in self.first] + [f"+ {shape(entry)}" for entry in self.second]
        return "\n".join(lines)


def compare(first: Iterable[Entry], second: Iterable[Entry]) -> list[Difference]:
    """Return where two recordings differ, in order; an empty list when they say the same.

    Connections are matched in the order they were opened, and what each side said is compared for
    itself: which of two frames on their way past each other was noted first means nothing. Nor do
    pings, pongs and HEARTBEATs that nobody asked for: they depend on the time.
    """
    one, two = _lanes(first), _lanes(second)
    found = [
        d for lane in dict.fromkeys([*one, *two]) for d in _differences(one.get(lane, []), two.get(lane, []))
    ]
    return sorted(found, key=lambda d: (d.first or d.second)[0].number)


def _lanes(entries: Iterable[Entry]) -> dict[tuple[int, str], list[Entry]]:
    """Return what each side of each connection said, with connections numbered in the order they opened."""
    places: dict[str, int] = {}
    lanes: dict[tuple[int, str], list[Entry]] = {}
    pairing = Pairing()
    for entry in entries:
        answers = pairing.take(entry)
        place = places.setdefault(entry.connection, len(places))
        if _only_tells_time(entry) and not answers:
            continue
        lanes.setdefault((place, entry.direction), []).append(entry)
    return lanes


def _only_tells_time(entry: Entry) -> bool:
    if entry.kind != "frame":
        return entry.kind in ("ping", "pong")
    return entry.direction == "in" and (entry.frame or {}).get("action") == Action.HEARTBEAT


def _differences(one: list[Entry], two: list[Entry]) -> list[Difference]:
    matcher = SequenceMatcher(None, [shape(e) for e in one], [shape(e) for e in two], autojunk=False)
    return [
        Difference(tuple(one[a:b]), tuple(two[c:d]))
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]


def shape(entry: Entry) -> str:
    """Return an entry as one line, with everything masked that differs from run to run."""
    if entry.kind == "close" and entry.text.partition(" ")[0] in ENDED:
        return f"{ARROWS[entry.direction]} WebSocket close"
    if entry.kind != "frame":
        said = _PARAMS.sub(r"\1=…", re.sub(r"(://)[^/]*", r"\1HOST", entry.text))
        return f"{ARROWS[entry.direction]} {entry.action} {said}"
    frame = entry.frame
    said = (
        json.dumps(_masked(frame), sort_keys=True, default=repr, ensure_ascii=False)
        if frame
        else repr(entry.raw)
    )
    return f"{ARROWS[entry.direction]} {entry.action} {said}"


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _mask(item) if name in MASKED else _masked(item)
            for name, item in cast("dict[str, Any]", value).items()
        }
    if isinstance(value, list):
        return [_masked(item) for item in cast("list[Any]", value)]
    return value


def _mask(value: Any) -> Any:
    """Return what masks a value. A list keeps its length and its nulls, which mean something."""
    if isinstance(value, list):
        return [None if item is None else "…" for item in cast("list[Any]", value)]
    return "…"
