"""Annotations of messages, such as reactions, and their summaries (RSAN, RTAN, TM8)."""

from collections.abc import Callable, Iterable
from typing import Any

from ablykit.protocol import (
    AblyError,
    Action,
    Annotation,
    AnnotationAction,
    ChannelName,
    Message,
    MessageAction,
)
from ablykit.protocol.encoding import check_data
from ablykit.protocol.frames import MessageAnnotations
from ablykit.server.log import Entry
from ablykit.server.publishing import Publisher
from ablykit.server.revising import versions

NEEDS_SOMEBODY = frozenset({"flag.v1", "distinct.v1", "unique.v1"})
"""Ways to sum up that count by clientId."""


def annotate(
    publisher: Publisher, name: ChannelName, annotations: list[Annotation], frame_id: str, now: float
) -> list[str | None]:
    """Give annotations to the log, and tell the new summary of each message; tells their serials.

    Raises `AblyError`: 40000, 40003, 40012, 40160, 40400, 93002.
    """
    publisher.identity.check("annotation-publish", name)
    if not publisher.identity.app.namespace_of(name).mutable_messages:
        raise AblyError(93002, "Messages of this channel can't be annotated")
    channel = publisher.service.channel(publisher.identity.app, name)
    kept = channel.log.all(now)
    whole = [_checked(publisher, annotation, kept) for annotation in annotations]
    draft = publisher.frame(Action.ANNOTATION, name, frame_id, annotations=whole)
    entry = channel.log.append(draft, now)
    kept = channel.log.all(now)
    for serial in dict.fromkeys(annotation.message_serial or "" for annotation in whole):
        summed = Message(
            serial=serial,
            action=int(MessageAction.SUMMARY),
            annotations=MessageAnnotations(summary=summary(of_message(kept, serial))),
            version=versions(kept, serial)[-1].version,
        )
        told_frame = draft.replace(
            action=Action.MESSAGE,
            id=f"{frame_id}:summary",
            connection_id=None,
            annotations=None,
            messages=[summed],
        )
        channel.log.append(told_frame, now)
    return [annotation.serial for annotation in entry.frame.annotations or ()]


def _checked(publisher: Publisher, annotation: Annotation, kept: list[Entry]) -> Annotation:
    if annotation.action not in (None, AnnotationAction.CREATE, AnnotationAction.DELETE):
        raise AblyError(
            40000, f"An annotation is put on (0) or taken off (1); {annotation.action} is neither"
        )
    if not annotation.type or not annotation.message_serial:
        raise AblyError(40003, "An annotation has a type, and names its message by messageSerial")
    if not versions(kept, annotation.message_serial):
        raise AblyError(40400, f"No message {annotation.message_serial[:60]!r} is kept on this channel")
    client_id = publisher.name_for(annotation.client_id)
    if client_id is None and _way(annotation) in NEEDS_SOMEBODY:
        raise AblyError(40000, f"{annotation.type[:60]!r} counts clientIds: connect with one")
    check_data(annotation.data)
    return annotation.replace(action=annotation.action or 0, client_id=client_id)


def of_message(entries: Iterable[Entry], serial: str) -> list[Annotation]:
    """The annotations of a message, oldest first."""
    return [
        annotation.replace(timestamp=annotation.timestamp or entry.frame.timestamp)
        for entry in entries
        for annotation in entry.frame.annotations or ()
        if annotation.message_serial == serial
    ]


def summary(annotations: Iterable[Annotation]) -> dict[str, Any]:
    """What annotations come to, by type: each type says after its colon how it is summed up."""
    by_type: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        by_type.setdefault(annotation.type or "", []).append(annotation)
    return {
        kind: SUMS[_way(listed[0])](listed) for kind, listed in by_type.items() if _way(listed[0]) in SUMS
    }


def _way(annotation: Annotation) -> str:
    return (annotation.type or "").rpartition(":")[2]


def _total(listed: list[Annotation]) -> dict[str, Any]:
    return {"total": max(sum(-1 if annotation.action else 1 for annotation in listed), 0)}


def _clients(ids: Iterable[str]) -> dict[str, Any]:
    known = list(ids)
    return {"total": len(known), "clientIds": known}


def _flag(listed: list[Annotation]) -> dict[str, Any]:
    known: dict[str, None] = {}
    for annotation in listed:
        known.pop(annotation.client_id or "", None) if annotation.action else known.update(
            {annotation.client_id or "": None}
        )
    return _clients(known)


def _named(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """For each name the clients that gave it."""
    found: dict[str, list[str]] = {}
    for name, client in pairs:
        found.setdefault(name, []).append(client)
    return {name: _clients(clients) for name, clients in found.items()}


def _distinct(listed: list[Annotation]) -> dict[str, Any]:
    known: dict[tuple[str, str], None] = {}
    for annotation in listed:
        key = (annotation.name or "", annotation.client_id or "")
        known.pop(key, None) if annotation.action else known.update({key: None})
    return _named(known)


def _unique(listed: list[Annotation]) -> dict[str, Any]:
    known: dict[str, str] = {}
    for annotation in listed:
        client, name = annotation.client_id or "", annotation.name or ""
        before = known.pop(client, None)
        if not annotation.action:
            known[client] = name
        elif before not in (None, name):
            known[client] = before or ""
    return _named((name, client) for client, name in known.items())


def _multiple(listed: list[Annotation]) -> dict[str, Any]:
    counts: dict[str, dict[str | None, int]] = {}
    for annotation in listed:
        of_name = counts.setdefault(annotation.name or "", {})
        if annotation.action:
            of_name.pop(annotation.client_id, None)
        else:
            of_name[annotation.client_id] = of_name.get(annotation.client_id, 0) + (annotation.count or 1)
    return {
        name: {
            "total": sum(known.values()),
            "clientIds": {client: count for client, count in known.items() if client is not None},
            "totalUnidentified": known.get(None, 0),
        }
        for name, known in counts.items()
        if known
    }


SUMS: dict[str, Callable[[list[Annotation]], dict[str, Any]]] = {
    "total.v1": _total,
    "flag.v1": _flag,
    "distinct.v1": _distinct,
    "unique.v1": _unique,
    "multiple.v1": _multiple,
}
"""For each way to sum up, how it is done (TM7)."""
