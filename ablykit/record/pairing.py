"""Which frame answers which, and how long it took."""

from dataclasses import dataclass
from typing import Any

from ablykit.protocol import Action
from ablykit.record.transcript import Entry

PUBLISHES = frozenset({Action.MESSAGE, Action.PRESENCE, Action.ANNOTATION, Action.OBJECT})
"""The actions that count msgSerial together and get an ACK or NACK (RTN7b)."""

ANSWERS = {
    Action.ATTACH: Action.ATTACHED,
    Action.DETACH: Action.DETACHED,
    Action.CLOSE: Action.CLOSED,
    Action.AUTH: Action.CONNECTED,
}
"""The other actions that get an answer, and which; an ERROR may come instead."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer, if one came. `ms` is the time between them."""

    ask: Entry
    answer: Entry | None = None

    @property
    def ms(self) -> float | None:
        """The milliseconds from the question to the answer; None without an answer."""
        return None if self.answer is None else self.answer.at - self.ask.at


class Pairing:
    """Pair entries as they come, of one connection or several.

    `take` each entry in order: it tells the pairs that the entry completes. `open` has what is
    unanswered now.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[Any, ...], list[Entry]] = {}

    def take(self, entry: Entry) -> list[Pair]:
        """Return the pairs that this entry completes; an empty list for most entries."""
        frame = entry.frame or {}
        if entry.direction == "out":
            if (key := _asked(entry, frame)) is not None:
                self._waiting.setdefault((entry.connection, *key), []).append(entry)
            return []
        return [Pair(ask, entry) for key in _answered(entry, frame) for ask in self._first(entry, key)]

    @property
    def open(self) -> list[Entry]:
        """The questions without an answer, oldest first."""
        return sorted((e for waiting in self._waiting.values() for e in waiting), key=lambda e: e.number)

    def forget(self, before: int) -> None:
        """Stop waiting for answers to entries with a number below `before`."""
        for key, waiting in list(self._waiting.items()):
            if waiting[0].number < before:
                kept = [entry for entry in waiting if entry.number >= before]
                self._waiting.update({key: kept}) if kept else self._waiting.pop(key)

    def _first(self, entry: Entry, key: tuple[Any, ...]) -> list[Entry]:
        whole = (entry.connection, *key)
        waiting = self._waiting.get(whole)
        if not waiting:
            return []
        first = waiting.pop(0)
        if not waiting:
            del self._waiting[whole]
        return [first]


def covered(frame: dict[str, Any]) -> range:
    """Return the msgSerials that an ACK or NACK covers."""
    first, count = frame.get("msgSerial"), frame.get("count", 1)
    if not isinstance(first, int) or not isinstance(count, int):
        return range(0)
    return range(first, first + min(count, 10_000))


def _asked(entry: Entry, frame: dict[str, Any]) -> tuple[Any, ...] | None:
    """Return the key by which an answer to this will be recognised; None if nothing answers it."""
    if entry.kind == "open":
        return ("open",)
    action = _number(frame.get("action"))
    if action is None:
        return None
    if action in PUBLISHES:
        serial = frame.get("msgSerial")
        return ("serial", serial) if isinstance(serial, int) else None
    if action == Action.HEARTBEAT:
        return ("ping", _text(frame.get("id")))
    if action in (Action.ATTACH, Action.DETACH):
        return (int(action), _text(frame.get("channel")))
    return (int(action),) if action in (Action.CLOSE, Action.AUTH) else None


def _answered(entry: Entry, frame: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the keys of the questions that this may answer."""
    action, channel = _number(frame.get("action")), _text(frame.get("channel"))
    if action in (Action.ACK, Action.NACK):
        return [("serial", serial) for serial in covered(frame)]
    if action == Action.HEARTBEAT:
        return [("ping", _text(frame.get("id")))]
    if action == Action.ERROR:
        asked = [(int(ask), channel) for ask in (Action.ATTACH, Action.DETACH)]
        return asked if channel else [("open",), (int(Action.AUTH),), *asked]
    if action == Action.CONNECTED:
        return [("open",), (int(Action.AUTH),)]
    if action in (Action.ATTACHED, Action.DETACHED):
        return [(int(ask), channel) for ask, answer in ANSWERS.items() if answer == action]
    return [(int(Action.CLOSE),)] if action == Action.CLOSED else []


def _number(action: Any) -> int | None:
    """Return the action of a frame; None if someone typed something that is no action."""
    return action if isinstance(action, int) else None


def _text(name: Any) -> str | None:
    """Return a name that a frame carries. If someone typed another kind of value, return its repr."""
    return name if name is None or isinstance(name, str) else repr(name)
