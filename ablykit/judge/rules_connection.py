"""Rules of connecting, of tokens and of closing (see `behaviour`)."""

from collections.abc import Iterator

from ablykit.judge.behaviour import BEHAVIOUR, Act, Seen, behaviour, numbers
from ablykit.protocol import Action

__all__ = ["BEHAVIOUR"]

# -- connecting


@behaviour("says-its-version", "RTN2f")
def _(act: Act) -> Iterator[Seen]:
    """The URL says which version of the protocol the client speaks."""
    for wire in act.wires:
        yield Seen("v" in wire.params, numbers(wire.entries[0]), "there is no v in the URL")


@behaviour("escapes-its-options", "RTN2d", "odd")
def _(act: Act) -> Iterator[Seen]:
    """The options in the URL arrive as they were given, also where characters in them must be escaped."""
    for wire in act.wires:
        if "clientId" in wire.params:
            given = wire.params["clientId"]
            yield Seen(given == act.client, numbers(wire.entries[0]), f"it gave its clientId as {given!r}")


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
    told = [report.state for _, client, report in act.history.states if client == act.client]
    if act.client.endswith("-client") and len(act.wires) > 1 and "connected" in told:
        later = told[told.index("connected") + 1 :]
        kept = "disconnected" in later or "connecting" in later
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


# -- the end


@behaviour("closes-properly", "RTN12a")
def _(act: Act) -> Iterator[Seen]:
    """A client that closes sends CLOSE first."""
    if act.close_told is not None and act.wires and act.state_at("failed") is None:
        last = act.wires[-1]
        ended = next((entry.at for entry in last.entries if entry.kind == "close"), act.close_told)
        refused = [entry for entry in last.frames("in", Action.ERROR) if not entry.channel]
        if last.frames("in", Action.CONNECTED) and not refused and ended >= act.close_told:
            yield Seen(bool(last.frames("out", Action.CLOSE)), numbers(last.entries[-1]), "it sent no CLOSE")


@behaviour("closed-after-closed", "RTN12a")
def _(act: Act) -> Iterator[Seen]:
    """A connection is closed once CLOSED came, not before."""
    at, came = act.state_at("closed"), act.frames("in", Action.CLOSED)
    if at is not None and (sent := act.frames("out", Action.CLOSE)):
        yield Seen(
            bool(came) and came[0].at <= at, numbers(*sent, *came), "it reported closed before CLOSED came"
        )
