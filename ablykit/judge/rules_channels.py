"""Rules of publishing, of channels, of messages and of presence (see `behaviour`)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

from ablykit.judge.behaviour import BEHAVIOUR, Act, Seen, action, behaviour, numbers
from ablykit.judge.evidence import items
from ablykit.protocol import Action

__all__ = ["BEHAVIOUR"]

# -- publishing


@behaviour("ok-only-after-ack", "RTN7a")
def _(act: Act) -> Iterator[Seen]:
    """A publish is reported ok once its answer came, not before."""
    for deed in act.publishes:
        if deed.ok and deed.answered is not None:
            answers = act.answers(deed)
            kept = any(entry.at <= deed.answered for entry in answers)
            sent = act.evidence.sent.get(deed.data, [])
            yield Seen(
                kept, numbers(*sent, *answers), f"it reported {deed.data[:40]!r} before it was answered"
            )


@behaviour("a-nack-is-a-failure", "RTN7a", "refusal")
def _(act: Act) -> Iterator[Seen]:
    """A publish that is answered by a NACK has failed."""
    for deed in act.publishes:
        if nacks := [entry for entry in act.answers(deed) if action(entry) == Action.NACK]:
            yield Seen(deed.ok is False, numbers(*nacks), f"it reported ok: {deed.ok} for {deed.data[:40]!r}")


@behaviour("a-nack-is-nobody-elses", "RTN7a", "refusal")
def _(act: Act) -> Iterator[Seen]:
    """A NACK fails the publish it names and no other."""
    if act.frames("in", Action.NACK):
        for deed in act.publishes:
            acks = [entry for entry in act.answers(deed) if action(entry) == Action.ACK]
            if acks and deed.ok is not None:
                yield Seen(deed.ok, numbers(*acks), f"it reported {deed.data[:40]!r} as failed")


@behaviour("tells-why", "TI1", "refusal")
def _(act: Act) -> Iterator[Seen]:
    """What failed has the code of the service's error."""
    for deed in act.publishes:
        for nack in act.answers(deed):
            if action(nack) == Action.NACK and deed.ok is False:
                error = cast("dict[str, Any]", (nack.frame or {}).get("error") or {})
                why = f"it reported {deed.code} for {error.get('code')}"
                yield Seen(deed.code == error.get("code"), numbers(nack), why)


@behaviour("sends-once", "RTL6")
def _(act: Act) -> Iterator[Seen]:
    """A message is sent once over a connection, as long as that does not break."""
    for deed in act.publishes:
        sent = [
            e
            for wire in act.wires
            for e in wire.frames("out", Action.MESSAGE)
            if e in act.evidence.sent.get(deed.data, [])
        ]
        if sent:
            kept = len({entry.connection for entry in sent}) == len(sent)
            yield Seen(kept, numbers(*sent), f"it sent {deed.data[:40]!r} {len(sent)} times")


@behaviour("sends-in-order", "RTL6c")
def _(act: Act) -> Iterator[Seen]:
    """Messages are sent in the order in which they were published."""
    firsts = [act.evidence.sent[deed.data][0] for deed in act.publishes if act.evidence.sent.get(deed.data)]
    for before, after in pairwise(firsts):
        kept = before.number <= after.number
        yield Seen(kept, numbers(before, after), "the second of these was published first")


# -- channels


@behaviour("attached-after-attached", "RTL4c")
def _(act: Act) -> Iterator[Seen]:
    """A channel is attached once ATTACHED came, not before, and never after an ERROR instead of it."""
    came = act.frames("in", Action.ATTACHED)
    for (client, channel), at in act.history.attached.items():
        if client == act.client:
            mine = [entry for entry in came if entry.channel == channel]
            asked = [entry for entry in act.frames("out", Action.ATTACH) if entry.channel == channel]
            kept = bool(mine) and mine[0].at <= at
            yield Seen(kept, numbers(*asked[:1], *mine[:1]), f"it reported {channel} before ATTACHED came")


@behaviour("keeps-channel-names", "RTL4c", "odd")
def _(act: Act) -> Iterator[Seen]:
    """A channel is named in frames as it was given, also where characters must be escaped in JSON."""
    wanted = {order.channel for _, client, order in act.history.orders if client == act.client}
    for entry in act.frames("out", Action.ATTACH, Action.MESSAGE):
        yield Seen(entry.channel in wanted, numbers(entry), f"it named the channel {entry.channel!r}")


@behaviour("survives-a-channels-error", "RTL14", "forbidden")
def _(act: Act) -> Iterator[Seen]:
    """An ERROR about one channel leaves the connection and its other channels alone."""
    errors = act.frames("in", Action.ERROR)
    if errors and act.afterwards:
        kept = len(act.wires) == 1 and all(deed.ok for deed in act.afterwards)
        yield Seen(kept, numbers(*errors), "the other channel did not go on")


@behaviour("re-attaches-after-detached", "RTL13a", "detachment")
def _(act: Act) -> Iterator[Seen]:
    """A channel that the service detaches by itself is attached again."""
    for detached in act.frames("in", Action.DETACHED):
        again = [
            e
            for e in act.frames("out", Action.ATTACH)
            if e.channel == detached.channel and e.number > detached.number
        ]
        yield Seen(bool(again), numbers(detached), "it sent no ATTACH")


@behaviour("re-attaches-after-a-break", "RTN15c6", "cut")
def _(act: Act) -> Iterator[Seen]:
    """Over a new connection every channel is attached again."""
    before = {entry.channel for wire in act.wires[:1] for entry in wire.frames("in", Action.ATTACHED)}
    for wire in act.wires[1:2]:
        again = {entry.channel for entry in wire.frames("out", Action.ATTACH)}
        yield Seen(
            before <= again, numbers(wire.entries[0]), f"{', '.join(sorted(before - again))} was not attached"
        )


@behaviour("says-where-it-was", "RTL4c1", "cut")
def _(act: Act) -> Iterator[Seen]:
    """An ATTACH after a break has the channelSerial that the client saw last."""
    for wire in act.wires[1:2]:
        for entry in wire.frames("out", Action.ATTACH):
            yield Seen("channelSerial" in (entry.frame or {}), numbers(entry), "it has no channelSerial")


@behaviour("gets-what-it-missed", "RTL15b", "cut")
def _(act: Act) -> Iterator[Seen]:
    """What was published while a connection was broken is handed over afterwards."""
    if act.client.endswith("-client") and len(act.wires) > 1:
        got = {each.data for each in act.history.got if each.client == act.client}
        for deed in act.history.publishes.values():
            if deed.data.endswith("meanwhile") and deed.ok:
                proof = numbers(*act.evidence.sent.get(deed.data, []), act.wires[1].entries[0])
                yield Seen(deed.data in got, proof, "it never got what a peer published meanwhile")


@behaviour("detached-after-detached", "RTL5d", "parting")
def _(act: Act) -> Iterator[Seen]:
    """A channel is detached once DETACHED came, not before."""
    came = act.frames("in", Action.DETACHED)
    for (client, channel), at in act.history.left.items():
        if client == act.client:
            kept = any(entry.channel == channel and entry.at <= at for entry in came)
            sent = act.frames("out", Action.DETACH)
            yield Seen(kept, numbers(*sent, *came), f"it reported {channel} before DETACHED came")


@behaviour("silent-after-detach", "RTL17", "parting")
def _(act: Act) -> Iterator[Seen]:
    """What comes for a channel that is detached is not handed over."""
    if late := act.came("late"):
        got = any(each.data == "late" and each.client == act.client for each in act.history.got)
        yield Seen(not got, numbers(*late), "it handed the message over")


# -- messages


@behaviour("hands-over-what-came", "RTL7")
def _(act: Act) -> Iterator[Seen]:
    """Only what came over the wire is handed over, once it came, and as it came."""
    for each in act.history.got:
        if each.client == act.client:
            came = act.came(each.data)
            kept = bool(came) and came[0].at <= each.at
            sent = act.evidence.sent.get(each.data, [])
            yield Seen(kept, numbers(*sent, *came), f"it handed {each.data[:40]!r} over before it came")


@behaviour("knows-the-publisher", "TM2b")
def _(act: Act) -> Iterator[Seen]:
    """A message's clientId is that of its publisher."""
    for each in act.history.got:
        if each.client == act.client and each.sender is not None:
            for entry in act.came(each.data)[:1]:
                told = [
                    m.get("clientId")
                    for m in items(entry.frame or {}, "messages")
                    if m.get("data") == each.data
                ]
                yield Seen(each.sender in told, numbers(entry), f"it was handed over as {each.sender!r}'s")


# -- presence


@behaviour("knows-who-was-there", "RTP2", "company")
def _(act: Act) -> Iterator[Seen]:
    """A client that attaches knows the members who were there before."""
    yield from _company(act, present=True)


@behaviour("knows-who-left", "RTP2d", "company")
def _(act: Act) -> Iterator[Seen]:
    """A member who has left is no member any more."""
    yield from _company(act, present=False)


def _company(act: Act, *, present: bool) -> Iterator[Seen]:
    """What the second client of the scene knew of the first, before or after that left."""
    left = next((deed.asked for deed in act.history.presence.values() if deed.do == "leave"), None)
    if not act.client.endswith("-peer"):
        return
    answers = [a for a in act.history.answers if left is None or (a.at < left) is present]
    if answers and (present or left is not None):
        knows = bool(answers[-1].members)
        proof = numbers(*act.frames("in", Action.PRESENCE, Action.SYNC))
        yield Seen(knows is present, proof, f"it answered {list(answers[-1].members)}")


@behaviour("enters-again", "RTP17i", "amnesia")
def _(act: Act) -> Iterator[Seen]:
    """A client that was present enters again when it has lost its connection and got another one."""
    for before, wire in pairwise(act.wires[:2]):
        for entry in wire.frames("in", Action.ATTACHED)[:1]:
            if wire.connection_id != before.connection_id:
                yield Seen(bool(wire.frames("out", Action.PRESENCE)), numbers(entry), "it sent no PRESENCE")
