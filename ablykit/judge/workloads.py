"""What clients are asked to do in a run: a plan of steps, the same for the same numbers.

A workload is a function from a `Setting` to a `Plan`: which channels the clients attach to, and which order
goes to which client when. It does no I/O and reads no clock, so that a run can be repeated by its seed.

    plan = WORKLOADS["messages"](Setting(clients=3, rate=20, time=5, seed=1))
    plan.steps[0]                    # Step(at=0.0, client="client-2", order=Order("publish", …))
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ablykit.judge.lines import Order

CHANNELS = ("judge:one", "judge:two")
"""The channels of every workload: two, so that what is counted for each connection is seen to be."""

_EXTRAS = ("", "", "", " äöü €", ' "quoted" \\ and\nbroken', " 😀 \u2028", " " + "x" * 2_000)
"""What stands after a message's unique beginning: text that is easily broken on its way."""

EARLY = 30.0
"""How many seconds before a token's end the service asks for another one (RTN22)."""


@dataclass(frozen=True)
class Setting:
    """How many clients take part, how many steps a second they take together, for how many seconds."""

    clients: int = 3
    rate: float = 20.0
    time: float = 5.0
    seed: int = 1

    @property
    def names(self) -> list[str]:
        """The clientIds."""
        return [f"client-{number}" for number in range(1, self.clients + 1)]

    @property
    def steps(self) -> int:
        """How many steps there are; at least one."""
        return max(int(self.rate * self.time), 1)


@dataclass(frozen=True)
class Step:
    """An order, for whom, and when: seconds after the run's begin."""

    at: float
    client: str
    order: Order


@dataclass(frozen=True)
class Plan:
    """What is asked for in one run."""

    name: str
    names: tuple[str, ...]
    channels: tuple[str, ...]
    steps: tuple[Step, ...]
    with_tokens: bool = False
    """Whether clients have no key and ask for tokens."""
    asks_members: bool = False
    """Whether clients are asked in the end who is present."""
    token_times: dict[str, int] = field(default_factory=dict[str, int])
    """How long the tokens of each client are good, in s."""


def messages(setting: Setting) -> Plan:
    """Everybody attaches to everything; at each step somebody publishes a message."""
    # Not for secrets: a run has to be the same every time.
    chance = random.Random(setting.seed)  # noqa: S311
    steps: list[Step] = []
    for number in range(setting.steps):
        client, channel = chance.choice(setting.names), chance.choice(CHANNELS)
        data = f"{client} #{number}{chance.choice(_EXTRAS)}"
        order = Order("publish", id=number + 1, channel=channel, data=data)
        steps.append(Step(number / setting.rate, client, order))
    return Plan("messages", tuple(setting.names), CHANNELS, tuple(steps))


def presence(setting: Setting) -> Plan:
    """Everybody attaches to everything; at each step somebody enters a channel or leaves it. In the end each
    is asked who is present."""
    chance = random.Random(setting.seed)  # noqa: S311
    inside: set[tuple[str, str]] = set()
    steps: list[Step] = []
    for number in range(setting.steps):
        place = chance.choice(setting.names), chance.choice(CHANNELS)
        client, channel = place
        leaves = place in inside and chance.random() < 0.7
        (inside.discard if leaves else inside.add)(place)
        data = None if leaves else f"{client} #{number}"
        order = Order("leave" if leaves else "enter", id=number + 1, channel=channel, data=data)
        steps.append(Step(number / setting.rate, client, order))
    return Plan("presence", tuple(setting.names), CHANNELS, tuple(steps), asks_members=True)


def tokens(setting: Setting) -> Plan:
    """The workload `messages` without a key. Each second client is asked for a new token while the old one is
    good; the tokens of the others end without warning."""
    plan = messages(setting)
    third = max(int(setting.time / 3), 1)
    times = {name: third + (int(EARLY) + 1 if n % 2 else 1) for n, name in enumerate(plan.names, start=1)}
    return Plan("tokens", plan.names, plan.channels, plan.steps, with_tokens=True, token_times=times)


WORKLOADS: dict[str, Callable[[Setting], Plan]] = {
    "messages": messages,
    "presence": presence,
    "tokens": tokens,
}
"""Every workload by its name."""
