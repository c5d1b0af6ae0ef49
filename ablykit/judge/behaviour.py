"""Rules that only a client's behaviour shows: what it reported, compared with what crossed the wire.

A rule looks at an `Act`, which is one client's part in a scene or in a run, and yields what it has seen: each
time that it was kept or broken, with the entries that show it. A rule that yields nothing had no occasion,
and stays unknown. Its docstring is the rule in words.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ablykit.judge.evidence import Evidence, Wire
from ablykit.judge.history import Deed, History
from ablykit.record import Entry


@dataclass(frozen=True)
class Seen:
    """One time that a rule was kept or broken."""

    kept: bool
    proof: list[int]
    why: str = ""


@dataclass(frozen=True)
class Act:
    """One client's part in a scene, or in a run (`scene` is empty)."""

    scene: str
    client: str
    history: History
    evidence: Evidence
    known_as: str = ""
    """The clientId that the service knows it by, where that is another one."""

    @property
    def wires(self) -> list[Wire]:
        """Its connections, oldest first."""
        return self.evidence.of(self.known_as or self.client)

    def came(self, data: str) -> list[Entry]:
        """Return the frames that brought it a message."""
        return self.evidence.came(self.known_as or self.client, data)

    def frames(self, direction: str, *actions: int) -> list[Entry]:
        """Return its frames of one direction, of these actions or all, over all connections."""
        found = [entry for wire in self.wires for entry in wire.frames(direction, *actions)]
        return sorted(found, key=lambda entry: entry.number)

    @property
    def publishes(self) -> list[Deed]:
        """What it was asked to publish."""
        return [deed for (client, _), deed in self.history.publishes.items() if client == self.client]

    def answers(self, deed: Deed) -> list[Entry]:
        """Return the ACKs and NACKs of a publish."""
        return [
            answer for sent in self.evidence.sent.get(deed.data, []) for answer in self.evidence.answers(sent)
        ]

    @property
    def afterwards(self) -> list[Deed]:
        """What it was asked to publish after the point of the scene."""
        return [deed for deed in self.publishes if deed.data.endswith("afterwards")]

    @property
    def close_told(self) -> float | None:
        """When it was told to close."""
        told = (
            at for at, client, order in self.history.orders if client == self.client and order.do == "close"
        )
        return next(told, None)

    def state_at(self, state: str, since: float = 0.0) -> float | None:
        """When it first reported a state, from a time on."""
        return next(
            (
                at
                for at, client, report in self.history.states
                if client == self.client and report.state == state and at >= since
            ),
            None,
        )


Look = Callable[[Act], Iterator[Seen]]


@dataclass(frozen=True)
class Behaviour:
    """A rule: its name, its clause, what it says, the scenes that bring it up (none: each does)."""

    name: str
    clause: str
    says: str
    look: Look
    scenes: tuple[str, ...]


BEHAVIOUR: dict[str, Behaviour] = {}
"""Every rule by its name."""


def behaviour(name: str, clause: str, *scenes: str) -> Callable[[Look], Look]:
    """Register a function as a rule."""

    def register(look: Look) -> Look:
        BEHAVIOUR[name] = Behaviour(name, clause, look.__doc__ or "", look, scenes)
        return look

    return register


def action(entry: Entry) -> int:
    """Return the action of a frame."""
    return (entry.frame or {}).get("action", -1)


def numbers(*entries: Entry) -> list[int]:
    """Return the numbers of entries."""
    return [entry.number for entry in entries]
