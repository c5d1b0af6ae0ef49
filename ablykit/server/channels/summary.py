"""The summary of a message's annotations, type by type (TM7).

The part of a type after its colon names the method that counts it: `reaction:distinct.v1` is counted by
`distinct.v1`. `Summary` counts each annotation once, when it is published, and never goes through them again.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ablykit.protocol import Annotation

MOST_KEYS = 1_000
"""How many different types and names a message's summary may have.

The whole summary is sent after every annotation, so it must stay small (assumed; Ably clips long lists
instead).
"""


class Method(NamedTuple):
    """One method of counting annotations."""

    start: Callable[[], Any]
    """Return the count of no annotations."""
    add: Callable[[Any, Annotation], None]
    """Change a count by one annotation, created or deleted."""
    report: Callable[[Any], dict[str, Any]]
    """Return a count as a SUMMARY carries it."""


class Summary:
    """The summary of one message's annotations, kept up to date."""

    def __init__(self) -> None:
        self._counted: dict[str, Any] = {}
        self._keys: set[tuple[str, str | None]] = set()

    def has_room_for(self, annotation: Annotation) -> bool:
        """Return whether an annotation fits: its type and name are known, or there is room for new ones."""
        return len(self._keys) < MOST_KEYS or (annotation.type or "", annotation.name) in self._keys

    def add(self, annotation: Annotation) -> None:
        """Count an annotation that was created or deleted. A type without a known method is not counted."""
        kind = annotation.type or ""
        method = METHODS.get(method_of(kind))
        if method is None:
            return
        self._keys.add((kind, annotation.name))
        if kind not in self._counted:
            self._counted[kind] = method.start()
        method.add(self._counted[kind], annotation)

    def totals(self) -> dict[str, Any]:
        """Return the summary as a SUMMARY carries it: the count of each type."""
        return {kind: METHODS[method_of(kind)].report(counted) for kind, counted in self._counted.items()}


def method_of(kind: str) -> str:
    """Return the counting method that a type names after its last colon."""
    return kind.rpartition(":")[2]


def _count(total: list[int], annotation: Annotation) -> None:
    total[0] += -1 if annotation.action else 1


def _flag(known: dict[str, None], annotation: Annotation) -> None:
    client = annotation.client_id or ""
    known.pop(client, None) if annotation.action else known.setdefault(client)


def _distinct(names: dict[str, dict[str, None]], annotation: Annotation) -> None:
    name = annotation.name or ""
    _flag(names.setdefault(name, {}), annotation)
    if not names[name]:
        del names[name]


def _unique(chosen: dict[str, str], annotation: Annotation) -> None:
    """Count a client under its newest name only. Deleting a name that it does not have changes nothing."""
    client, name = annotation.client_id or "", annotation.name or ""
    if not annotation.action:
        chosen.pop(client, None)  # so that setting it moves the client to the end: the newest comes last
        chosen[client] = name
    elif chosen.get(client) == name:
        del chosen[client]


def _multiple(counts: dict[str, dict[str | None, int]], annotation: Annotation) -> None:
    name, client = annotation.name or "", annotation.client_id
    known = counts.setdefault(name, {})
    if annotation.action:
        known.pop(client, None)
    else:
        known[client] = known.get(client, 0) + (annotation.count or 1)
    if not known:
        del counts[name]


def _clients(ids: Iterable[str]) -> dict[str, Any]:
    known = list(ids)
    return {"total": len(known), "clientIds": known}


def _total_report(total: list[int]) -> dict[str, Any]:
    return {"total": max(total[0], 0)}


def _distinct_report(names: dict[str, dict[str, None]]) -> dict[str, Any]:
    return {name: _clients(known) for name, known in names.items()}


def _unique_report(chosen: dict[str, str]) -> dict[str, Any]:
    names: dict[str, list[str]] = {}
    for client, name in chosen.items():
        names.setdefault(name, []).append(client)
    return {name: _clients(clients) for name, clients in names.items()}


def _multiple_report(counts: dict[str, dict[str | None, int]]) -> dict[str, Any]:
    return {
        name: {
            "total": sum(known.values()),
            "clientIds": {client: count for client, count in known.items() if client is not None},
            "totalUnidentified": known.get(None, 0),
        }
        for name, known in counts.items()
    }


METHODS: dict[str, Method] = {
    "total.v1": Method(lambda: [0], _count, _total_report),
    "flag.v1": Method(dict, _flag, _clients),
    "distinct.v1": Method(dict, _distinct, _distinct_report),
    "unique.v1": Method(dict, _unique, _unique_report),
    "multiple.v1": Method(dict, _multiple, _multiple_report),
}
"""The counting methods, by name (TM7)."""
