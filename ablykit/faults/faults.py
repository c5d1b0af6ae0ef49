"""The fault rules of a relay: which of them applies to what passes, decided without any I/O.

A relay describes what passes as a `Passing` and asks for the rule that applies. The first rule that fits
decides, as in a firewall; a rule that has done its work (`nth`, `times`) lets the next ones have their turn.

    faults = Faults([Rule("drop", action="ACK", nth=2)], seed=1)
    faults.choose(Passing(On.FRAME, "client 1", direction="in", frame={"action": 1, "msgSerial": 0}))  # None

Chance is drawn anew for each rule, connection and direction, from the seed and from nothing else: how
connections take turns does not change which frames get lost. All methods can be called from any thread.
"""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, cast

from ablykit.faults.rule import AnyRule, On, Rule
from ablykit.protocol.expression import Expression


@dataclass(frozen=True)
class Passing:
    """Something that passes: a frame, an opening connection or an HTTP request."""

    on: On
    connection: str
    direction: Literal["in", "out"] = "out"
    frame: Mapping[str, Any] | None = None
    """The frame as an object; None for what is not a frame."""
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    client: str = ""
    """The clientId in the connection's URL."""


class Active:
    """A rule at work: what it looks for, and how often it has fitted and been applied."""

    def __init__(self, rule: Rule, number: int) -> None:
        self.rule, self.number = rule, number
        self.fitted = self.applied = 0
        self._target, self._action = rule.target, rule.action_number
        self._where = None if rule.where is None else Expression(rule.where)
        about_frames = rule.action, rule.channel, rule.msg_serial, rule.code, rule.where
        self._needs_a_frame = any(condition is not None for condition in about_frames)
        self._chances: dict[tuple[str, str], random.Random] = {}

    @property
    def is_done(self) -> bool:
        """Whether it will not be applied any more."""
        rule = self.rule
        if rule.times is not None and self.applied >= rule.times:
            return True
        return rule.nth is not None and self.fitted >= rule.nth

    def applies(self, passing: Passing, seed: int) -> bool:
        """Return whether it applies to what passes, and count."""
        rule = self.rule
        if self.is_done or not self._fits(passing):
            return False
        self.fitted += 1
        if rule.nth is not None and self.fitted != rule.nth:
            return False
        if rule.probability is not None and self.chance(passing, seed).random() >= rule.probability:
            return False
        self.applied += 1
        return True

    def _fits(self, passing: Passing) -> bool:
        """Return whether what passes is what the rule is about, leaving out how often and by what chance."""
        rule, query = self.rule, self.rule.query or {}
        return (
            self._target is passing.on
            and (rule.direction is None or rule.direction == passing.direction)
            and (rule.client is None or fnmatchcase(passing.client, rule.client))
            and (rule.path is None or fnmatchcase(passing.path, rule.path))
            and all(n in passing.query and fnmatchcase(passing.query[n], query[n]) for n in query)
            and (not self._needs_a_frame or self._frame_fits(passing.frame))
        )

    def _frame_fits(self, frame: Mapping[str, Any] | None) -> bool:
        if frame is None:
            return False
        rule, error = self.rule, frame.get("error")
        code = cast("Mapping[str, Any]", error).get("code") if isinstance(error, Mapping) else None
        return (
            (rule.action is None or frame.get("action") == self._action)
            and (rule.channel is None or fnmatchcase(str(frame.get("channel", "")), rule.channel))
            and (rule.msg_serial is None or frame.get("msgSerial") == rule.msg_serial)
            and (rule.code is None or code == rule.code)
            and (self._where is None or self._where.finds(frame))
        )

    def chance(self, passing: Passing, seed: int) -> random.Random:
        """Return what decides for this rule on one connection in one direction."""
        key = passing.connection, passing.direction
        if key not in self._chances:
            # Not for secrets: a schedule has to be the same every time.
            self._chances[key] = random.Random(f"{seed}/{self.number}/{key}")  # noqa: S311
        return self._chances[key]


@dataclass(frozen=True)
class Fault:
    """A rule that applies, and how long to wait in ms, for those that wait."""

    rule: Rule
    wait: float = 0.0


class Faults:
    """An ordered list of rules, and the seed of their chances."""

    def __init__(self, rules: Iterable[AnyRule] = (), *, seed: int = 0) -> None:
        self.seed = seed
        self._lock = threading.Lock()
        self._numbers = 0
        self._active: tuple[Active, ...] = ()
        for rule in rules:
            self.add(rule)

    def __bool__(self) -> bool:
        """Return whether any rule may still apply."""
        return any(not active.is_done for active in self._active)

    @property
    def rules(self) -> list[Rule]:
        """The rules, in the order in which they are tried."""
        return [active.rule for active in self._active]

    def add(self, rule: AnyRule, *, first: bool = False) -> int:
        """Add a rule, after the others or before them, and return its number. Raises `ValueError`."""
        checked = Rule.of(rule)
        with self._lock:
            self._numbers += 1
            added = Active(checked, self._numbers)
            self._active = (added, *self._active) if first else (*self._active, added)
            return added.number

    def remove(self, number: int) -> None:
        """Remove a rule. Raises `LookupError` if there is no rule of this number."""
        with self._lock:
            kept = tuple(active for active in self._active if active.number != number)
            if len(kept) == len(self._active):
                raise LookupError(f"There is no fault rule {number}: it may have been removed already")
            self._active = kept

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._active = ()

    def applied(self, number: int) -> int:
        """Return how often a rule has been applied; 0 for one that has been removed."""
        return next((active.applied for active in self._active if active.number == number), 0)

    def choose(self, passing: Passing) -> Fault | None:
        """Return what is done to something that passes; None if it simply passes."""
        with self._lock:
            for active in self._active:
                if active.applies(passing, self.seed):
                    return Fault(active.rule, self._wait(active, passing))
        return None

    def _wait(self, active: Active, passing: Passing) -> float:
        ms, jitter = active.rule.ms or 0.0, active.rule.jitter or 0.0
        return max(ms + active.chance(passing, self.seed).uniform(-jitter, jitter), 0.0) if jitter else ms
