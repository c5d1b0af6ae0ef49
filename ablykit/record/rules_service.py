"""Rules that the service keeps, or breaks. Each looks at a frame that has come."""

from typing import Any

from ablykit.protocol import MODES, Action, Flag
from ablykit.protocol.actions import name_of
from ablykit.record.linter import RULES, rule
from ablykit.record.pairing import covered
from ablykit.record.transcript import Entry
from ablykit.record.watch import Watch, inside, items, member_key, number

__all__ = ["RULES"]

FOR_CLIENTS_ONLY = {Action.CONNECT, Action.DISCONNECT, Action.CLOSE, Action.ATTACH, Action.DETACH}
ANSWERS = {Action.ACK, Action.NACK}
OF_ONE_CHANNEL = (40010, 40160, 40165)
GRACE = 1_000
"""How many ms beyond maxIdleInterval a network may take before silence counts as too long."""


@rule("first-frame", "RTN4", "service")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """The first frame is CONNECTED, or an ERROR or DISCONNECTED that says why not."""
    fine = (Action.CONNECTED, Action.ERROR, Action.DISCONNECTED)
    return None if watch.heard or frame.get("action") in fine else "this came first"


@rule("not-for-the-service", "TR2", "service", FOR_CLIENTS_ONLY)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """What only clients say is not said by the service."""
    return f"{name_of(frame['action'])} is for clients to send"


@rule("after-closed", "RTN12a", "service")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Nothing comes after CLOSED or a fatal ERROR."""
    return "the connection had ended" if watch.ended else None


@rule("details-missing", "TR4o", "service", {Action.CONNECTED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """CONNECTED has connectionDetails."""
    return None if frame.get("connectionDetails") else "there are none"


@rule("connection-id-missing", "TR4d", "service", {Action.CONNECTED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """CONNECTED has a connectionId."""
    return None if frame.get("connectionId") else "there is none"


@rule("connection-id-changed", "RTN24", "service", {Action.CONNECTED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A later CONNECTED keeps the connectionId."""
    changed = watch.connected and frame.get("connectionId") != watch.connection_id
    return f"it was {watch.connection_id!r}" if changed else None


@rule("resume-ignored", "RTN15c", "service", {Action.CONNECTED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A resume that fails is said to have failed."""
    asked = watch.params.get("resume", "")
    same = str(frame.get("connectionId", "")) in asked
    if not asked or watch.connected or same or frame.get("error"):
        return None
    return "another connectionId came, and no error"


@rule("answer-to-nothing", "RTN7a", "service", ANSWERS)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Only what was sent is acknowledged."""
    never = [s for s in covered(frame) if s not in watch.pending and s not in watch.answered]
    return f"msgSerial {never[0]} was never sent" if never else None


@rule("answered-twice", "RTN7a", "service", ANSWERS)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Each publish is answered once."""
    again = [s for s in covered(frame) if s in watch.answered and s not in watch.pending]
    return f"msgSerial {again[0]} had its answer" if again and not watch.repeats else None


@rule("answer-skipped", "RTN7a", "service", ANSWERS)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Publishes are answered in their order, none is left out."""
    serials = covered(frame)
    skipped = [s for s in watch.pending if serials and s < serials[0]]
    return f"msgSerial {min(skipped)} is still unanswered" if skipped else None


@rule("answer-without-serial", "TR4j", "service", ANSWERS)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """ACK and NACK have msgSerial, 0 too."""
    return None if isinstance(frame.get("msgSerial"), int) else "it is missing"


@rule("answer-without-count", "TR4g", "service", ANSWERS)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """ACK and NACK have a count of at least 1."""
    count = frame.get("count")
    return None if isinstance(count, int) and count >= 1 else f"count is {count}"


@rule("result-count", "TR4s", "service", {Action.ACK})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """An ACK's res has one item for each frame it covers."""
    res, count = frame.get("res"), frame.get("count")
    return (
        f"{len(items(frame, 'res'))} for {count} frames"
        if res and len(items(frame, "res")) != count
        else None
    )


@rule("nack-without-error", "RTN7a", "service", {Action.NACK})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A NACK says why."""
    return None if frame.get("error") else "there is no error in it"


@rule("error-without-code", "TI1", "service")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Every error has a code, a statusCode and a message."""
    error = inside(frame, "error")
    if not error and frame.get("action") != Action.ERROR:
        return None
    lacking = [m for m in ("code", "statusCode", "message") if not error.get(m)]
    return f"{lacking[0]} is missing" if lacking else None


@rule("error-without-channel", "RTN15i", "service", {Action.ERROR})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """An error about a channel names it; without it an SDK gives the connection up."""
    code = inside(frame, "error").get("code")
    about_one = isinstance(code, int) and (code in OF_ONE_CHANNEL or 90000 <= code < 94000)
    named = frame.get("channel") is not None  # an empty name is one too, if not a good one
    return f"{code} is about a channel" if about_one and watch.connected and not named else None


@rule("attached-unasked", "RTL12", "service", {Action.ATTACHED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """ATTACHED answers an ATTACH, or tells of a change to an attachment."""
    channel = watch.channel(frame)
    return None if channel.attaching or channel.attached else "nobody asked for it"


@rule("attached-without-serial", "RTL15b", "service", {Action.ATTACHED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """ATTACHED tells the place where the channel begins."""
    return None if frame.get("channelSerial") else "there is no channelSerial"


@rule("modes-not-asked", "RTL4m", "service", {Action.ATTACHED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Only modes that were asked for are given."""
    asked = watch.channel(frame).asked
    extra = number(frame, "flags") & int(MODES) & ~asked if asked else 0
    return f"flags {extra} were not asked for" if extra else None


@rule("resumed-from-nowhere", "TR3c", "service", {Action.ATTACHED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """RESUMED is set only for who offered a channelSerial or resumed the connection."""
    channel = watch.channel(frame)
    fine = channel.asked_serial or watch.params.get("resume") or channel.attached
    return "no channelSerial was offered" if number(frame, "flags") & Flag.RESUMED and not fine else None


@rule("detached-unasked", "RTL13", "service", {Action.DETACHED})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A DETACHED that nobody asked for says why."""
    return None if watch.channel(frame).detaching or frame.get("error") else "there is no error in it"


@rule("message-unattached", "RTL17", "service", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Messages come only for channels that are attached."""
    return None if watch.channel(frame).attached else "this channel is not attached"


@rule("message-without-mode", "TB2d", "service", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Messages come only with the mode SUBSCRIBE."""
    channel = watch.channel(frame)
    return "attached without SUBSCRIBE" if channel.attached and not channel.modes & Flag.SUBSCRIBE else None


@rule("unwanted-echo", "RTN2b", "service", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """With echo=false one's own messages do not come back."""
    own = frame.get("connectionId") is not None and frame.get("connectionId") == watch.connection_id
    return "this is an echo" if own and watch.params.get("echo") == "false" else None


@rule("channel-serial-not-rising", "RTL15b", "service", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """channelSerial rises with every message of a channel, but for a backlog."""
    serial, before = frame.get("channelSerial"), watch.channel(frame).serial
    backlog = not watch.channel(frame).order and not watch.channel(frame).ids
    if backlog or not isinstance(serial, str) or before is None or serial > before:
        return None
    return f"{serial} after {before}"


@rule("publisher-order", "RTL6", "service", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """The messages of one publisher come in the order it sent them."""
    publisher, _, serial = str(frame.get("id", "")).rpartition(":")
    before = watch.channel(frame).order.get(publisher)
    if before is None or not serial.isdigit() or int(serial) >= before:
        return None
    return f"{publisher}'s {serial} after its {before}"


@rule("delivered-twice", "TM2a", "service", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A message is delivered once."""
    ids = [frame.get("id"), *(message.get("id") for message in items(frame, "messages"))]
    again = [id for id in ids if id and id in watch.channel(frame).ids]
    return f"{again[0]} came before" if again else None


@rule("presence-of-nobody", "RTP2", "service", {Action.PRESENCE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Only members that are there update or leave."""
    channel = watch.channel(frame)
    if channel.sync_due or not channel.knows_members:
        return None
    for member in items(frame, "presence"):
        if member.get("action") in (3, 4) and member_key(member, frame) not in channel.members:
            return f"{member.get('clientId')!r} was not present"
    return None


@rule("silence", "RTN23a", "service")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """The service is not silent for longer than maxIdleInterval."""
    idle = watch.details.get("maxIdleInterval")
    if watch.last_in is None or not isinstance(idle, int) or watch.params.get("heartbeats") == "false":
        return None
    silent = entry.at - watch.last_in
    return f"{silent:.0f} ms without a word, where {idle} is the most" if silent > idle + GRACE else None


@rule("unwanted-heartbeat", "RTN23b", "service", {Action.HEARTBEAT})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """With heartbeats=false no HEARTBEAT comes unasked."""
    unasked = watch.params.get("heartbeats") == "false" and not watch.pings
    return "nobody asked for this one" if unasked else None


@rule("null-member", "TR4", "service")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """What is absent is left out, not null."""
    nulls = [name for name, value in frame.items() if value is None]
    return f"{nulls[0]} is null" if nulls else None


@rule("white-space", "TR1", "service")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """JSON frames come without white space around them or between members."""
    raw = entry.raw
    spaced = isinstance(raw, str) and (raw != raw.strip() or raw.startswith(("{ ", "{\n", '{"action" ')))
    return "there is white space in it" if spaced else None


@rule("wrong-format", "RTN2a", "service")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Frames come in the format that was asked for."""
    wanted = watch.params.get("format", "json")
    given = "json" if isinstance(entry.raw, str) else "msgpack"
    return f"{given} where {wanted} was asked for" if given != wanted else None


def was_cut(entry: Entry) -> bool:
    """Whether a connection did not end, but broke: what was on its way then nobody withheld."""
    return str(entry.raw).startswith("1006")


@rule("left-unanswered", "RTN7a", "service", on="end")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Every publish is answered before the connection ends."""
    if not watch.pending or was_cut(entry):
        return None
    return f"msgSerial {min(watch.pending)} never had an answer"


@rule("attach-unanswered", "RTL4f", "service", on="end")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Every ATTACH is answered before the connection ends."""
    waiting = [name for name, channel in watch.channels.items() if channel.attaching]
    return f"{waiting[0]!r} never had an answer" if waiting and not was_cut(entry) else None


@rule("sync-left-open", "RTP18", "service", on="end")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A promised SYNC comes, and comes to its end."""
    due = [name for name, channel in watch.channels.items() if channel.sync_due]
    return f"the members of {due[0]!r} never came to an end" if due and not was_cut(entry) else None
