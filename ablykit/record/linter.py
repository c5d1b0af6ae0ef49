"""Read a transcript and name each rule of the protocol that either side broke.

A rule is a function that checks one entry against the facts of its connection, and says what is wrong or
None. Its name is the rule's name, and its docstring is the rule in words.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ablykit.record.facts import Facts, Frame
from ablykit.record.transcript import Entry

Side = Literal["client", "service"]
Check = Callable[[Facts, Entry, Frame], str | None]


@dataclass(frozen=True)
class Rule:
    """A rule: its name, its spec clause, the side that has to keep it, its text, and its check."""

    name: str
    clause: str
    side: Side
    says: str
    check: Check
    actions: frozenset[int]
    on: Literal["frame", "open", "end"]
    from_start: bool
    """Whether only a connection that was followed from its start can be checked."""

    def concerns(self, kind: str, direction: str, action: int | None) -> bool:
        """Return whether the rule has anything to say on entries like this."""
        if self.on != kind and not (self.on == "end" and kind == "close"):
            return False
        if self.on == "end":
            return True
        side = "out" if self.side == "client" else "in"
        return direction == side and (not self.actions or action in self.actions)


@dataclass(frozen=True)
class Finding:
    """A broken rule: where, and how."""

    rule: Rule
    entry: Entry
    text: str

    @property
    def words(self) -> str:
        """Return the rule, and how it was broken here."""
        return f"{self.rule.says} Here: {self.text}."

    def __str__(self) -> str:
        rule = self.rule
        return f"{self.entry.number:>4} {rule.side}: {rule.name} ({rule.clause}): {self.words}"


RULES: dict[str, Rule] = {}
"""Every rule by its name."""


@lru_cache(maxsize=1024)
def _concerned(kind: str, direction: str, action: int | None, begun: bool) -> tuple[Rule, ...]:
    """Return the rules that have anything to say on entries like this; a long transcript asks often."""
    rules = (known for known in RULES.values() if begun or not known.from_start)
    return tuple(known for known in rules if known.concerns(kind, direction, action))


def rule(
    clause: str,
    side: Side,
    actions: Collection[int] = (),
    *,
    on: Literal["frame", "open", "end"] = "frame",
    from_start: bool = False,
) -> Callable[[Check], Check]:
    """Register a function as a rule; without `actions` it checks every frame of its side.

    A rule that objects to what is *not* known, such as an ATTACH that was never seen, is right only where the
    whole connection was seen, and says so by `from_start`.
    """

    def register(check: Check) -> Check:
        name = check.__name__.replace("_", "-")
        assert name not in RULES, name
        RULES[name] = Rule(name, clause, side, check.__doc__ or "", check, frozenset(actions), on, from_start)
        return check

    return register


class Linter:
    """Lint entries as they come, of one connection or several.

    `whole` says that no entry is missing before the first one: then every connection is seen from its start.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self._facts: dict[str, Facts] = {}
        self._whole = whole

    def take(self, entry: Entry) -> list[Finding]:
        """Return the rules that this entry breaks, and remember the entry for those that follow."""
        found = self.peek(entry)
        self.facts(entry.connection).take(entry)
        return found

    def peek(self, entry: Entry) -> list[Finding]:
        """Return the rules that this entry would break if it were the next one. Nothing is remembered."""
        facts, frame = self.facts(entry.connection), entry.frame or {}
        action = frame.get("action")
        rules = _concerned(
            entry.kind, entry.direction, action if isinstance(action, int) else None, facts.begun
        )
        return [Finding(known, entry, text) for known in rules if (text := known.check(facts, entry, frame))]

    def facts(self, connection: str) -> Facts:
        """Return what is known of a connection so far."""
        facts = self._facts.get(connection)
        if facts is None:
            facts = self._facts[connection] = Facts(begun=self._whole)
        return facts

    def missed(self) -> None:
        """Note that entries are missing after the last one; any connection may have changed."""
        self._whole = False
        for facts in self._facts.values():
            facts.missed()

    def forget(self, before: int) -> list[str]:
        """Drop the connections that ended and have no entry from number `before` on; return their names."""
        gone = [name for name, facts in self._facts.items() if facts.over and facts.last < before]
        for name in gone:
            del self._facts[name]
        return gone
