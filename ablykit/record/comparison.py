"""Two recordings side by side: what differs, once ids, keys and times are masked."""

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
"""Members that differ from run to run without meaning anything."""

ENDED = frozenset({"1000", "1001", "1005", "1006"})
"""Close codes that complain of nothing: which of them comes depends on who goes first, and on whether the
network was cut."""


_PARAMS = re.compile(r"(?<=[?&])(key|resume|recover|accessToken|access_token)=[^&]*")
"""Parameters of a URL that differ likewise."""


@dataclass(frozen=True)
class Difference:
    """A stretch where two recordings differ: what stands in the first, what in the second."""

    first: tuple[Entry, ...]
    second: tuple[Entry, ...]

    def __str__(self) -> str:
        lines = [f"- {shape(entry)}" for entry in self.first] + [f"+ {shape(entry)}" for entry in self.second]
        return "\n".join(lines)


def compare(first: Iterable[Entry], second: Iterable[Entry]) -> list[Difference]:
    """Where two recordings differ, in order; an empty list when they say the same.

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
    """What each side of each connection said, connections by their place."""
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
    """An entry in one line, with what differs from run to run masked."""
    if entry.kind == "close" and entry.text.partition(" ")[0] in ENDED:
        return f"{ARROWS[entry.direction]} WebSocket close"
    if entry.kind != "frame":
        said = _PARAMS.sub(r"\1=…", re.sub(r"(://)[^/]*", r"\1HOST", entry.text))
        return f"{ARROWS[entry.direction]} WebSocket {entry.kind} {said}"
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
    """What stands for a masked value: of a list, how many it has still counts, and which of them is null."""
    if isinstance(value, list):
        return [None if item is None else "…" for item in cast("list[Any]", value)]
    return "…"
