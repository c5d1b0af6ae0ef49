"""The rules for the service. Each checks a frame that has arrived."""

from ablykit.protocol import MODES, Action, Flag
from ablykit.protocol.actions import name_of
from ablykit.record.facts import Facts, Frame, inside, items, member_key, number
from ablykit.record.linter import RULES, rule
from ablykit.record.pairing import covered
from ablykit.record.transcript import Entry

__all__ = ["RULES"]

FOR_CLIENTS_ONLY = {Action.CONNECT, Action.DISCONNECT, Action.CLOSE, Action.ATTACH, Action.DETACH}
ANSWERS = {Action.ACK, Action.NACK}
OF_ONE_CHANNEL = (40010, 40160, 40165)
GRACE = 1_000
"""How many ms after maxIdleInterval silence counts as too long: networks take time, too."""


@rule("RTN4", "service", from_start=True)
def first_frame(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The first frame is CONNECTED, or an ERROR or DISCONNECTED with the reason."""
    fine = (Action.CONNECTED, Action.ERROR, Action.DISCONNECTED)
    return None if facts.heard or frame.get("action") in fine else "this came first"


@rule("TR2", "service", FOR_CLIENTS_ONLY)
def not_for_the_service(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The service doesn't send actions that only clients send."""
    return f"{name_of(frame['action'])} is for clients to send"


@rule("RTN12a", "service")
def after_closed(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Nothing comes after CLOSED or a fatal ERROR."""
    return "the connection had ended" if facts.ended else None


@rule("TR4o", "service", {Action.CONNECTED})
def details_missing(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """CONNECTED has connectionDetails."""
    return None if frame.get("connectionDetails") else "there are none"


@rule("TR4d", "service", {Action.CONNECTED})
def connection_id_missing(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """CONNECTED has a connectionId."""
    return None if frame.get("connectionId") else "there is none"


@rule("RTN24", "service", {Action.CONNECTED})
def connection_id_changed(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A later CONNECTED keeps the connectionId."""
    changed = facts.connected and frame.get("connectionId") != facts.connection_id
    return f"it was {facts.connection_id!r}" if changed else None


@rule("RTN15c", "service", {Action.CONNECTED}, from_start=True)
def resume_ignored(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """When a resume fails, CONNECTED says so with an error."""
    asked = facts.params.get("resume", "")
    same = str(frame.get("connectionId", "")) in asked
    if not asked or facts.connected or same or frame.get("error"):
        return None
    return "another connectionId came, and no error"


@rule("RTN7a", "service", ANSWERS, from_start=True)
def answer_to_nothing(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The service acknowledges only publishes that were sent."""
    never = [s for s in covered(frame) if s not in facts.pending and s not in facts.answered]
    return f"msgSerial {never[0]} was never sent" if never else None


@rule("RTN7a", "service", ANSWERS, from_start=True)
def answered_twice(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The service answers each publish once."""
    again = [s for s in covered(frame) if s in facts.answered and s not in facts.pending]
    return f"msgSerial {again[0]} had its answer" if again and not facts.repeats else None


@rule("RTN7a", "service", ANSWERS, from_start=True)
def answer_skipped(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The service answers publishes in order and leaves none out."""
    serials = covered(frame)
    skipped = [s for s in facts.pending if serials and s < serials[0]]
    return f"msgSerial {min(skipped)} is still unanswered" if skipped else None


@rule("TR4j", "service", ANSWERS)
def answer_without_serial(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """ACK and NACK have a msgSerial, even when it is 0."""
    return None if isinstance(frame.get("msgSerial"), int) else "it is missing"


@rule("TR4g", "service", ANSWERS)
def answer_without_count(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """ACK and NACK have a count of at least 1."""
    count = frame.get("count")
    return None if isinstance(count, int) and count >= 1 else f"count is {count}"


@rule("TR4s", "service", {Action.ACK})
def result_count(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """An ACK's res has one item for each frame it covers."""
    res, count = frame.get("res"), frame.get("count")
    return (
        f"{len(items(frame, 'res'))} for {count} frames"
        if res and len(items(frame, "res")) != count
        else None
    )


@rule("RTN7a", "service", {Action.NACK})
def nack_without_error(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A NACK has an error that says why."""
    return None if frame.get("error") else "there is no error in it"


@rule("TI1", "service")
def error_without_code(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Every error has a code, a statusCode and a message."""
    error = inside(frame, "error")
    if not error and frame.get("action") != Action.ERROR:
        return None
    lacking = [m for m in ("code", "statusCode", "message") if not error.get(m)]
    return f"{lacking[0]} is missing" if lacking else None


@rule("RTN15i", "service", {Action.ERROR})
def error_without_channel(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """An error about a channel names the channel; otherwise an SDK gives up the whole connection."""
    code = inside(frame, "error").get("code")
    about_one = isinstance(code, int) and (code in OF_ONE_CHANNEL or 90000 <= code < 94000)
    named = frame.get("channel") is not None  # an empty name is one too, if not a good one
    return f"{code} is about a channel" if about_one and facts.connected and not named else None


@rule("RTL12", "service", {Action.ATTACHED}, from_start=True)
def attached_unasked(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """ATTACHED answers an ATTACH, or reports a change to an attachment."""
    channel = facts.channel(frame)
    return None if channel.attaching or channel.attached else "nobody asked for it"


@rule("RTL15b", "service", {Action.ATTACHED})
def attached_without_serial(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """ATTACHED has the channelSerial at which the client starts."""
    return None if frame.get("channelSerial") else "there is no channelSerial"


@rule("RTL4m", "service", {Action.ATTACHED})
def modes_not_asked(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The service grants only modes that the client asked for."""
    asked = facts.channel(frame).asked
    extra = number(frame, "flags") & int(MODES) & ~asked if asked else 0
    return f"flags {extra} were not asked for" if extra else None


@rule("TR3c", "service", {Action.ATTACHED}, from_start=True)
def resumed_from_nowhere(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """RESUMED is set only when the client offered a channelSerial or resumed the connection."""
    channel = facts.channel(frame)
    fine = channel.asked_serial or facts.params.get("resume") or channel.attached
    return "no channelSerial was offered" if number(frame, "flags") & Flag.RESUMED and not fine else None


@rule("RTL13", "service", {Action.DETACHED}, from_start=True)
def detached_unasked(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A DETACHED that the client didn't ask for has an error that says why."""
    return None if facts.channel(frame).detaching or frame.get("error") else "there is no error in it"


@rule("RTL17", "service", {Action.MESSAGE}, from_start=True)
def message_unattached(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Messages arrive only on attached channels."""
    return None if facts.channel(frame).attached else "this channel is not attached"


@rule("TB2d", "service", {Action.MESSAGE})
def message_without_mode(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Messages arrive only where the mode SUBSCRIBE was granted."""
    channel = facts.channel(frame)
    return "attached without SUBSCRIBE" if channel.attached and not channel.modes & Flag.SUBSCRIBE else None


@rule("RTN2b", "service", {Action.MESSAGE})
def unwanted_echo(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """With echo=false, a client doesn't get its own messages back."""
    own = frame.get("connectionId") is not None and frame.get("connectionId") == facts.connection_id
    return "this is an echo" if own and facts.params.get("echo") == "false" else None


@rule("RTL15b", "service", {Action.MESSAGE})
def channel_serial_not_rising(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """channelSerial rises with every message on a channel, except in a backlog."""
    serial, before = frame.get("channelSerial"), facts.channel(frame).serial
    backlog = not facts.channel(frame).order and not facts.channel(frame).ids
    if backlog or not isinstance(serial, str) or before is None or serial > before:
        return None
    return f"{serial} after {before}"


@rule("RTL6", "service", {Action.MESSAGE})
def publisher_order(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The messages of one publisher arrive in the order it sent them."""
    publisher, _, serial = str(frame.get("id", "")).rpartition(":")
    before = facts.channel(frame).order.get(publisher)
    if before is None or not serial.isdigit() or int(serial) >= before:
        return None
    return f"{publisher}'s {serial} after its {before}"


@rule("TM2a", "service", {Action.MESSAGE})
def delivered_twice(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Each message is delivered once."""
    ids = [frame.get("id"), *(message.get("id") for message in items(frame, "messages"))]
    again = [id for id in ids if id and id in facts.channel(frame).ids]
    return f"{again[0]} came before" if again else None


@rule("RTP2", "service", {Action.PRESENCE}, from_start=True)
def presence_of_nobody(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Only members that are present update or leave."""
    channel = facts.channel(frame)
    if channel.sync_due or not channel.knows_members:
        return None
    for member in items(frame, "presence"):
        if member.get("action") in (3, 4) and member_key(member, frame) not in channel.members:
            return f"{member.get('clientId')!r} was not present"
    return None


@rule("RTN23a", "service", from_start=True)
def silence(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The service is not silent for longer than maxIdleInterval."""
    idle = facts.details.get("maxIdleInterval")
    if facts.last_in is None or not isinstance(idle, int) or facts.params.get("heartbeats") == "false":
        return None
    silent = entry.at - facts.last_in
    return f"{silent:.0f} ms without a word, where {idle} is the most" if silent > idle + GRACE else None


@rule("RTN23b", "service", {Action.HEARTBEAT}, from_start=True)
def unwanted_heartbeat(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """With heartbeats=false no HEARTBEAT comes unasked."""
    unasked = facts.params.get("heartbeats") == "false" and not facts.pings
    return "nobody asked for this one" if unasked else None


@rule("TR4", "service")
def null_member(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A member without a value is left out, not null."""
    nulls = [name for name, value in frame.items() if value is None]
    return f"{nulls[0]} is null" if nulls else None


@rule("TR1", "service")
def white_space(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """JSON frames come without white space around them or between members."""
    raw = entry.raw
    spaced = isinstance(raw, str) and (raw != raw.strip() or raw.startswith(("{ ", "{\n", '{"action" ')))
    return "there is white space in it" if spaced else None


@rule("RTN2a", "service", from_start=True)
def wrong_format(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Frames come in the format that was asked for."""
    wanted = facts.params.get("format", "json")
    given = "json" if isinstance(entry.raw, str) else "msgpack"
    return f"{given} where {wanted} was asked for" if given != wanted else None


def goes_on(facts: Facts, entry: Entry) -> bool:
    """Return whether only the transport ended, so that open requests may be repeated on the next one.

    It was cut, or the service said DISCONNECTED, which crossed on the wire what the client sent meanwhile.
    """
    return str(entry.raw).startswith("1006") or facts.state == "disconnected"


@rule("RTN7a", "service", on="end", from_start=True)
def left_unanswered(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Every publish is answered before the connection ends."""
    if not facts.pending or goes_on(facts, entry):
        return None
    return f"msgSerial {min(facts.pending)} never had an answer"


@rule("RTL4f", "service", on="end")
def attach_unanswered(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Every ATTACH is answered before the connection ends."""
    waiting = [name for name, channel in facts.channels.items() if channel.attaching]
    return f"{waiting[0]!r} never had an answer" if waiting and not goes_on(facts, entry) else None


@rule("RTP18", "service", on="end")
def sync_left_open(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A promised SYNC comes, and comes to its end."""
    due = [name for name, channel in facts.channels.items() if channel.sync_due]
    return f"the members of {due[0]!r} never came to an end" if due and not goes_on(facts, entry) else None
