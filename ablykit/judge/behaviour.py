"""Rules that only a client's behaviour shows: what it reported, compared with what crossed the wire.

A rule looks at an `Act`, which is one client's part in a scene or in a run, and yields what it has seen: each
time that it was kept or broken, with the entries that show it. A rule that yields nothing had no occasion,
and stays unknown. Its docstring is the rule in words.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from ablykit.judge.evidence import Evidence, Wire, items
from ablykit.judge.history import Deed, History
from ablykit.protocol import Action, Flag
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

    @property
    def wires(self) -> list[Wire]:
        """Its connections, oldest first."""
        return self.evidence.of(self.client)

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

    def state_at(self, state: str) -> float | None:
        """When it first reported a state."""
        told = (
            at
            for at, client, report in self.history.states
            if client == self.client and report.state == state
        )
        return next(told, None)


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


# -- connecting


@behaviour("says-its-version", "RTN2f")
def _(act: Act) -> Iterator[Seen]:
    """The URL says which version of the protocol the client speaks."""
    for wire in act.wires:
        yield Seen("v" in wire.params, numbers(wire.entries[0]), "there is no v in the URL")


@behaviour("connected-after-connected", "RTN4")
def _(act: Act) -> Iterator[Seen]:
    """A client is connected once CONNECTED came, not before."""
    reported, came = act.state_at("connected"), act.frames("in", Action.CONNECTED)
    if reported is not None:
        kept = bool(came) and came[0].at <= reported
        yield Seen(kept, numbers(*came[:1]), "it reported connected before CONNECTED came")


@behaviour("reports-the-break", "RTN15a", "cut")
def _(act: Act) -> Iterator[Seen]:
    """A client whose connection breaks is not connected, and says so."""
    if act.client.endswith("-client") and len(act.wires) > 1:
        kept = act.state_at("disconnected") is not None or act.state_at("connecting") is not None
        yield Seen(kept, numbers(act.wires[0].entries[-1]), "it never reported that it was disconnected")


@behaviour("reconnects", "RTN15a", "cut", "amnesia")
def _(act: Act) -> Iterator[Seen]:
    """A client whose connection breaks connects again at once."""
    wires = act.wires
    if wires and act.client.endswith("-client") and len(wires[0].entries) > 2:
        kept = len(wires) > 1
        yield Seen(kept, numbers(wires[0].entries[-1]), "it stayed without a connection")


@behaviour("resumes", "RTN15b", "cut", "expiry")
def _(act: Act) -> Iterator[Seen]:
    """A client that connects again resumes the connection it had."""
    for wire in act.wires[1:2]:
        yield Seen("resume" in wire.params, numbers(wire.entries[0]), "there is no resume in the URL")


@behaviour("gives-up-on-a-wrong-key", "RTN14b", "wrongkey")
def _(act: Act) -> Iterator[Seen]:
    """A client whose key is refused does not try the same key again and again."""
    opened = [wire.entries[0] for wire in act.wires]
    if act.frames("in", Action.ERROR):
        yield Seen(len(opened) < 3, numbers(*opened), f"it connected {len(opened)} times")


@behaviour("fails-on-a-fatal-error", "RTN15i", "fatal")
def _(act: Act) -> Iterator[Seen]:
    """An ERROR about the connection makes it failed, and the client says so."""
    if errors := act.frames("in", Action.ERROR):
        yield Seen(act.state_at("failed") is not None, numbers(*errors), "it did not report failed")


@behaviour("stays-failed", "RTN15i", "fatal")
def _(act: Act) -> Iterator[Seen]:
    """A connection that failed is not opened again by the client itself."""
    if act.frames("in", Action.ERROR):
        yield Seen(len(act.wires) == 1, numbers(*(w.entries[0] for w in act.wires)), "it connected again")


@behaviour("ignores-unknown-actions", "RTF1", "unheard")
def _(act: Act) -> Iterator[Seen]:
    """A frame of an unknown kind is ignored."""
    unknown = act.frames("in", 99)
    if unknown and act.afterwards:
        kept = all(deed.ok for deed in act.afterwards) and len(act.wires) == 1
        yield Seen(kept, numbers(*unknown), "it did not go on as before")


# -- tokens


@behaviour("answers-auth", "RTN22", "renewal")
def _(act: Act) -> Iterator[Seen]:
    """A client that is asked for another token sends one over the same connection."""
    if asked := act.frames("in", Action.AUTH):
        yield Seen(bool(act.frames("out", Action.AUTH)), numbers(asked[0]), "it sent no AUTH")


@behaviour("counts-on-after-auth", "RTN24", "renewal")
def _(act: Act) -> Iterator[Seen]:
    """The CONNECTED that answers an AUTH changes details and begins nothing anew."""
    renewed = act.frames("in", Action.CONNECTED)[1:]
    if renewed and act.frames("out", Action.AUTH) and act.afterwards:
        kept = len(act.wires) == 1 and all(deed.ok for deed in act.afterwards)
        yield Seen(kept, numbers(*renewed), "what it published next was not acknowledged on that connection")


@behaviour("renews-after-expiry", "RTN15h2", "expiry")
def _(act: Act) -> Iterator[Seen]:
    """A client whose token has ended gets another one and connects again."""
    if ended := act.frames("in", Action.DISCONNECTED):
        kept = len(act.frames("in", Action.CONNECTED)) > 1
        yield Seen(kept, numbers(ended[0]), "it did not connect with another token")


# -- publishing


@behaviour("ok-only-after-ack", "RTN7a")
def _(act: Act) -> Iterator[Seen]:
    """A publish is reported ok once its ACK came, not before."""
    for deed in act.publishes:
        if deed.ok and deed.answered is not None:
            acks = [entry for entry in act.answers(deed) if action(entry) == Action.ACK]
            kept = any(entry.at <= (deed.answered or 0) for entry in acks)
            sent = act.evidence.sent.get(deed.data, [])
            yield Seen(kept, numbers(*sent, *acks), f"it reported {deed.data[:40]!r} before there was an ACK")


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
    for before, after in itertools.pairwise(firsts):
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
    if late := act.evidence.came(act.client, "late"):
        got = any(each.data == "late" and each.client == act.client for each in act.history.got)
        yield Seen(not got, numbers(*late), "it handed the message over")


# -- messages


@behaviour("hands-over-what-came", "RTL7")
def _(act: Act) -> Iterator[Seen]:
    """Only what came over the wire is handed over, once it came, and as it came."""
    for each in act.history.got:
        if each.client == act.client:
            came = act.evidence.came(act.client, each.data)
            kept = bool(came) and came[0].at <= each.at
            sent = act.evidence.sent.get(each.data, [])
            yield Seen(kept, numbers(*sent, *came), f"it handed {each.data[:40]!r} over before it came")


@behaviour("knows-the-publisher", "TM2b")
def _(act: Act) -> Iterator[Seen]:
    """A message's clientId is that of its publisher."""
    for each in act.history.got:
        if each.client == act.client and each.sender is not None:
            for entry in act.evidence.came(act.client, each.data)[:1]:
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
    """A client that was present enters again where ATTACHED says that it could not go on."""
    for wire in act.wires[1:2]:
        for entry in wire.frames("in", Action.ATTACHED)[:1]:
            if not (entry.frame or {}).get("flags", 0) & Flag.RESUMED:
                yield Seen(bool(wire.frames("out", Action.PRESENCE)), numbers(entry), "it sent no PRESENCE")


# -- the end


@behaviour("closes-properly", "RTN12a")
def _(act: Act) -> Iterator[Seen]:
    """A client that closes sends CLOSE first."""
    if act.close_told is not None and act.wires and act.state_at("failed") is None:
        last = act.wires[-1]
        if last.frames("in", Action.CONNECTED):
            yield Seen(bool(last.frames("out", Action.CLOSE)), numbers(last.entries[-1]), "it sent no CLOSE")


@behaviour("closed-after-closed", "RTN12a")
def _(act: Act) -> Iterator[Seen]:
    """A connection is closed once CLOSED came, not before."""
    at, came = act.state_at("closed"), act.frames("in", Action.CLOSED)
    if at is not None and (sent := act.frames("out", Action.CLOSE)):
        yield Seen(
            bool(came) and came[0].at <= at, numbers(*sent, *came), "it reported closed before CLOSED came"
        )
