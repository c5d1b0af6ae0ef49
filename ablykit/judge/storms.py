"""What happens to the wire while a workload runs.

A storm is blown once in each run, beside the workload's steps. Each is made for one duty of an SDK, and says
which: the clause of the specification, and what a client has to do. It is a schedule with a seed: gusts at
drawn moments, and then everything is healed, so that a client that does its duty can recover what it missed.

A storm also says whether it reached the point that it was made for. If the wire never carried the frame that
it waits for, nothing was tried, and the verdict is `unknown`.

`calm` does nothing. It is what every client has to pass first.
"""

import asyncio
import random
import time as clocks
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from ablykit.faults import Rule
from ablykit.judge.service import Service
from ablykit.judge.workloads import CHANNELS
from ablykit.protocol import Action, ErrorInfo, ProtocolMessage
from ablykit.server import LocalApp

GUSTS = 3
"""How often a storm strikes in a run."""

SETTLES = 0.2
"""The share of a run's time, at its begin and at its end, in which no storm strikes."""


@dataclass(frozen=True)
class Aftermath:
    """What a storm came to. `healed` is when its faults were over, in ms since 1970; None without faults."""

    reached: bool = True
    healed: float | None = None
    why: str = ""
    """What it did not reach."""


@dataclass(frozen=True)
class Storm:
    """A named schedule of faults.

    `blow` runs it on a service and the app that the clients use, and returns once all is healed; its last
    argument is how many seconds the workload takes. `duty` is what it asks of an SDK, by `clause` of the
    specification.
    """

    name: str
    says: str
    blow: Callable[[Service, LocalApp, float], Awaitable[Aftermath]]
    duty: str = ""
    clause: str = ""


STORMS: dict[str, Storm] = {}
"""Every storm by its name."""

Blow = Callable[[Service, LocalApp, float], Awaitable[Aftermath]]

Gust = Callable[[Service, LocalApp], int]
"""Strikes once, and returns how many connections or frames it struck."""


def _storm(name: str, says: str, duty: str, clause: str, blow: Blow) -> Storm:
    return STORMS.setdefault(name, Storm(name, says, blow, duty, clause))


async def _calm(service: Service, app: LocalApp, time: float) -> Aftermath:
    return Aftermath()


CALM = _storm("calm", "Nothing goes wrong on the wire.", "", "", _calm)


def moments(seed: int, time: float) -> Iterator[float]:
    """Return how long to wait before each gust, and then until the end, in seconds."""
    chance = random.Random(seed)  # noqa: S311 - a schedule has to be the same every time
    at = sorted(chance.uniform(SETTLES, 1 - SETTLES) * time for _ in range(GUSTS))
    yield from (later - earlier for earlier, later in zip([0.0, *at], at, strict=False))


def strikes(gust: Gust, what: str) -> Blow:
    """Return a storm that strikes a few times in a run. `what` is what it needs to strike at all."""

    async def blow(service: Service, app: LocalApp, time: float) -> Aftermath:
        struck = 0
        for wait in moments(service.seed, time):
            await asyncio.sleep(wait)
            struck += gust(service, app)
        return Aftermath(struck > 0, _now(), "" if struck else f"There was no {what} that it could strike")

    return blow


def lasts(*rules: Rule) -> Blow:
    """Return a storm of fault rules that are set when a run has settled, and removed before it ends."""

    async def blow(service: Service, app: LocalApp, time: float) -> Aftermath:
        await asyncio.sleep(SETTLES * time)
        numbers = [service.relay.add(rule) for rule in rules]
        await asyncio.sleep((1 - 2 * SETTLES) * time)
        applied = [service.relay.faults.applied(number) for number in numbers]
        service.relay.heal()
        missed = [str(rule) for rule, times in zip(rules, applied, strict=True) if not times]
        return Aftermath(not missed, _now(), f"This never happened: {missed[0]}" if missed else "")

    return blow


def _refuse(service: Service, app: LocalApp) -> int:
    app.nack_next(50000, "Refused on purpose")
    return 1


async def _nacks(service: Service, app: LocalApp, time: float) -> Aftermath:
    await strikes(_refuse, "publish")(service, app, time)
    await asyncio.sleep(SETTLES * time / 2)
    reached = app.forgive() < GUSTS
    return Aftermath(reached, _now(), "" if reached else "Nothing was published that it could refuse")


def _now() -> float:
    return clocks.time() * 1000


_storm(
    "cut",
    "The network fails three times without a word, for all clients at once.",
    "Connect again at once, resume, and attach again from where each channel was.",
    "RTN15a",
    strikes(lambda service, app: service.relay.cut(), "connection"),
)
_storm(
    "going-away",
    "The service closes every WebSocket politely, with code 1001.",
    "Take a close frame as what it is, the end of a connection and not of the client: connect again.",
    "RTN15a",
    strikes(lambda service, app: service.relay.cut(close=1001, reason="going away"), "connection"),
)
_storm(
    "lost-publish",
    "The network fails just before a publish reaches the service.",
    "Send what has no answer again on the next connection.",
    "RTN19a",
    lasts(Rule("cut", direction="out", action="MESSAGE", times=GUSTS)),
)
_storm(
    "lost-ack",
    "The network fails after the service took a publish, and before its ACK arrives.",
    "Send the publish again with the same msgSerial, so that the service recognizes it.",
    "RTN19a2",
    lasts(Rule("cut", direction="in", action="ACK", times=GUSTS)),
)
_storm(
    "torn",
    "The network fails in the middle of a message.",
    "Drop the half of it, resume, and get the whole.",
    "RTL15b",
    lasts(Rule("truncate", direction="in", action="MESSAGE", size=20, times=GUSTS)),
)
_storm(
    "amnesia",
    "The network fails, and the service has forgotten the connections.",
    "Take the new connection that comes instead, count msgSerial from 0, and attach again.",
    "RTN15c7",
    strikes(lambda service, app: app.disconnect(forget=True), "connection"),
)
_storm(
    "disconnected",
    "The service sends DISCONNECTED, as before it is restarted.",
    "Connect again and resume.",
    "RTN15h3",
    strikes(
        lambda service, app: app.send(
            ProtocolMessage(
                action=Action.DISCONNECTED,
                error=ErrorInfo(code=80003, status_code=503, message="Restarting, on purpose"),
            )
        ),
        "connection",
    ),
)
_storm(
    "detached",
    "The service detaches a channel that nobody asked it to detach.",
    "Attach again from where the channel was.",
    "RTL13a",
    strikes(
        lambda service, app: app.send(
            ProtocolMessage(
                action=Action.DETACHED,
                channel=CHANNELS[0],
                error=ErrorInfo(code=90000, status_code=500, message="Detached, on purpose"),
            )
        ),
        "connection",
    ),
)
_storm(
    "nacks",
    "The service refuses a publish now and then.",
    "Report each refused publish as failed, and no other.",
    "RTN7a",
    _nacks,
)
_storm(
    "slow",
    "Every frame is late, some more than others.",
    "Wait for answers, in order, without sending anything twice.",
    "RTN7b",
    lasts(Rule("delay", ms=15, jitter=15)),
)
_storm(
    "crumbs",
    "Every frame arrives in pieces of a few bytes.",
    "Read frames, not pieces.",
    "RFC 6455 §5.4",
    lasts(Rule("slice", size=50, ms=1)),
)
_storm(
    "strange",
    "The service sends frames and members that the client can't know yet.",
    "Ignore what is unknown.",
    "RTF1",
    lasts(Rule("inject", direction="in", action="MESSAGE", frame={"action": 99, "novel": {"x": 1}})),
)
