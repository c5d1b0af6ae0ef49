"""Compares what clients reported with what the service has, and names what does not agree.

Each check is a plain function over the service's log and the `History` of a run. It looks at nothing else, so
that it can be tried on histories that were made up. What it finds is a list of `Fault`s; an empty list means
that nothing of that kind is wrong.

    lost(log, history)         # [Fault(kind="lost", client="client-2", channel="c", data="x", …)]
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ablykit.judge.history import Got, History
from ablykit.judge.service import Logged

UNDECIDED = frozenset({50003})
"""Codes with which the service itself says that it does not know whether it has a publish."""


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that does not agree. `says` is a sentence; `also` is the data of a second message, if there
    is one."""

    kind: str
    client: str
    channel: str
    says: str
    data: str = ""
    also: str = ""


Log = Sequence[Logged]


def lost(log: Log, history: History) -> list[Fault]:
    """Messages that the service acknowledged and has, and that a client never handed over although it was
    attached all the time."""
    logged = {(each.channel, each.data) for each in log}
    got = {(each.client, each.channel, each.data) for each in history.got}
    return [
        Fault("lost", client, deed.channel, f"{client} never got this message of {deed.client}", deed.data)
        for deed in history.publishes.values()
        if deed.ok and (deed.channel, deed.data) in logged
        for client in history.listeners
        if history.listens(client, deed) and (client, deed.channel, deed.data) not in got
    ]


def duplicated(log: Log, history: History) -> list[Fault]:
    """Messages that a client handed over more than once."""
    times = Counter((each.client, each.channel, each.data) for each in history.got)
    return [
        Fault("duplicated", client, channel, f"{client} got this message {count} times", data)
        for (client, channel, data), count in times.items()
        if count > 1
    ]


def reordered(log: Log, history: History) -> list[Fault]:
    """Pairs of one publisher's messages that a client handed over in another order than the log has."""
    places = {(each.channel, each.data): place for place, each in enumerate(log)}
    publishers = {(each.channel, each.data): each.publisher for each in log}
    newest: dict[tuple[str, str, str], tuple[int, str]] = {}
    seen: set[tuple[str, str, str]] = set()
    found: list[Fault] = []
    for each in history.got:
        message = each.channel, each.data
        if message not in places or (each.client, *message) in seen:
            continue
        seen.add((each.client, *message))
        key = each.client, each.channel, publishers[message]
        place = places[message]
        if key in newest and newest[key][0] > place:
            says = (
                f"{each.client} got this message after one that {key[2] or 'its publisher'} published later"
            )
            found.append(Fault("reordered", each.client, each.channel, says, each.data, newest[key][1]))
        else:
            newest[key] = place, each.data
    return found


def undetected(log: Log, history: History) -> list[Fault]:
    """Publishes whose report is wrong: ok and not in the log, or failed and in it."""
    logged = {(each.channel, each.data) for each in log}
    found: list[Fault] = []
    for deed in history.publishes.values():
        there = (deed.channel, deed.data) in logged
        if deed.ok and not there:
            says = f"{deed.client} reported ok, and the service never had this message"
            found.append(Fault("undetected", deed.client, deed.channel, says, deed.data))
        elif deed.ok is False and there and deed.code not in UNDECIDED:
            says = f"{deed.client} reported that this publish failed, and the service has it"
            found.append(Fault("undetected", deed.client, deed.channel, says, deed.data))
    return found


def stuck(log: Log, history: History) -> list[Fault]:
    """Orders that were reported neither as done nor as failed."""
    return [
        Fault("stuck", deed.client, deed.channel, f"{deed.client} never said what became of this", deed.data)
        for deed in history.deeds
        if deed.ok is None
    ]


def stale_members(members: Mapping[str, Sequence[str]], history: History) -> list[Fault]:
    """Clients whose last answer about a channel's members is not what the service has, or who gave none."""
    last = {(each.client, each.channel): each.members for each in history.answers}
    found: list[Fault] = []
    for client, channel in history.questioned:
        believed = last.get((client, channel))
        if believed is None:
            says = f"{client} never said who is present"
        elif sorted(believed) != sorted(members.get(channel, ())):
            says = f"{client} answered: {_listed(believed)}. Present: {_listed(members.get(channel, ()))}"
        else:
            continue
        found.append(Fault("stale_members", client, channel, says))
    return found


def _listed(members: Sequence[str]) -> str:
    return ", ".join(sorted(members)) or "nobody"


CHECKS: dict[str, Callable[[Log, History], list[Fault]]] = {
    "lost": lost,
    "duplicated": duplicated,
    "reordered": reordered,
    "undetected": undetected,
    "stuck": stuck,
}
"""Every check over a log and a history, by the name that the verdict has for it."""


# -- figures


def acknowledged_after(history: History) -> list[float]:
    """Return how long each acknowledgement took, from the order to the report, in ms."""
    return [deed.answered - deed.asked for deed in history.publishes.values() if deed.ok and deed.answered]


def delivered_after(history: History) -> list[float]:
    """Return how long each delivery took, from the order to publish to the report of it, in ms."""
    asked = {(deed.channel, deed.data): deed.asked for deed in history.publishes.values()}
    return [
        each.at - asked[each.channel, each.data] for each in history.got if (each.channel, each.data) in asked
    ]


def recovered_after(healed: float | None, history: History) -> list[float]:
    """Return how long after a storm's end each client got its first message, in ms."""
    if healed is None:
        return []
    first: dict[str, Got] = {}
    for each in history.got:
        if each.at >= healed:
            first.setdefault(each.client, each)
    return [each.at - healed for each in first.values()]


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the value that so many percent of all values do not exceed; None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
