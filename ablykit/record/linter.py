"""Reads a transcript and names each rule of the protocol that either side broke.

A rule is a function that looks at what is known of the connection and at one frame, and says what
is wrong or None. Its docstring is the rule in words.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from ablykit.record.transcript import Entry
from ablykit.record.watch import Watch

Side = Literal["client", "service"]
Look = Callable[[Watch, Entry, dict[str, Any]], str | None]


@dataclass(frozen=True)
class Rule:
    """A rule: its name, its spec clause, whose it is, what it says in words, and how it looks."""

    name: str
    clause: str
    side: Side
    says: str
    look: Look
    actions: frozenset[int]
    on: Literal["frame", "open", "end"]

    def concerns(self, kind: str, direction: str, action: int | None) -> bool:
        """Whether the rule has anything to say on entries like this."""
        if self.on != kind and not (self.on == "end" and kind == "close"):
            return False
        if self.on == "end":
            return True
        side = "out" if self.side == "client" else "in"
        return direction == side and (not self.actions or action in self.actions)


@dataclass(frozen=True)
class Finding:
    """A rule broken: where, and how."""

    rule: Rule
    entry: Entry
    text: str

    @property
    def words(self) -> str:
        """The rule, and how it was broken here."""
        return f"{self.rule.says} Here: {self.text}."

    def __str__(self) -> str:
        rule = self.rule
        return f"{self.entry.number:>4} {rule.side}: {rule.name} ({rule.clause}): {self.words}"


RULES: dict[str, Rule] = {}
"""Every rule by its name."""


@lru_cache(maxsize=512)
def _concerned(kind: str, direction: str, action: int | None) -> tuple[Rule, ...]:
    """The rules that have anything to say on entries like this; a long transcript asks often."""
    return tuple(known for known in RULES.values() if known.concerns(kind, direction, action))


def rule(
    name: str,
    clause: str,
    side: Side,
    actions: Collection[int] = (),
    *,
    on: Literal["frame", "open", "end"] = "frame",
) -> Callable[[Look], Look]:
    """Register a function as a rule; without `actions` it looks at every frame of its side."""

    def register(look: Look) -> Look:
        assert name not in RULES, name
        RULES[name] = Rule(name, clause, side, look.__doc__ or "", look, frozenset(actions), on)
        return look

    return register


class Linter:
    """Lints entries as they come, of one connection or several."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}

    def take(self, entry: Entry) -> list[Finding]:
        """The rules that this entry breaks; what follows is judged as coming after it."""
        found = self.peek(entry)
        self.watch(entry.connection).take(entry)
        return found

    def peek(self, entry: Entry) -> list[Finding]:
        """The rules that this entry would break now, if it came or were sent."""
        watch, frame = self.watch(entry.connection), entry.frame or {}
        action = frame.get("action")
        rules = _concerned(entry.kind, entry.direction, action if isinstance(action, int) else None)
        return [Finding(known, entry, text) for known in rules if (text := known.look(watch, entry, frame))]

    def watch(self, connection: str) -> Watch:
        """What is known of a connection so far."""
        watch = self._watches.get(connection)
        if watch is None:
            watch = self._watches[connection] = Watch()
        return watch


def lint(entries: Iterable[Entry]) -> list[Finding]:
    """Every rule broken in a transcript, in the order of its entries."""
    linter = Linter()
    return [finding for entry in entries for finding in linter.take(entry)]
