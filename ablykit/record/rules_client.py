"""The rules for clients. Each checks a frame that a client is about to send."""

from typing import Any

from ablykit.protocol import AblyError, Action, ChannelName, Flag
from ablykit.protocol.actions import name_of
from ablykit.protocol.codec import convert
from ablykit.protocol.encoding import size_of
from ablykit.protocol.frames import Message
from ablykit.record.facts import Facts, Frame, items
from ablykit.record.linter import RULES, rule
from ablykit.record.pairing import PUBLISHES
from ablykit.record.transcript import Entry

__all__ = ["RULES"]

FOR_CLIENTS = PUBLISHES | {
    Action.HEARTBEAT, Action.CONNECT, Action.DISCONNECT, Action.CLOSE, Action.ATTACH, Action.DETACH,
    Action.SYNC, Action.AUTH,
}  # fmt: skip
ABOUT_CHANNELS = PUBLISHES | {Action.ATTACH, Action.DETACH}
ANSWERS_ONLY = Flag.HAS_PRESENCE | Flag.HAS_BACKLOG | Flag.RESUMED | Flag.HAS_OBJECTS


@rule("RSA1", "client", on="open")
def key_without_tls(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """An API key is sent only over TLS."""
    url = str(entry.raw)
    return "ws:// carries the key for anyone to read" if url.startswith("ws://") and "key=" in url else None


@rule("TR1", "client")
def not_a_frame(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Every frame is an object with an action."""
    return None if "action" in frame else "this is no frame"


@rule("TR2", "client")
def unknown_action_sent(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A client sends only actions that the protocol has."""
    action: Any = frame.get("action")
    known = action in Action.__members__.values()
    return f"action {action} is unknown" if "action" in frame and not known else None


@rule("TR2", "client")
def not_for_clients(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A client doesn't send actions that only the service sends."""
    action: Any = frame.get("action")
    if action in Action.__members__.values() and action not in FOR_CLIENTS:
        return f"{name_of(action)} is for the service to send"
    return None


@rule("RTN4", "client", from_start=True)
def before_connected(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Nothing is sent before CONNECTED."""
    return None if facts.connected else "sent before CONNECTED came"


@rule("RTN12", "client")
def after_close(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Nothing is sent after CLOSE."""
    return "sent after CLOSE" if facts.closing else None


@rule("TR4b", "client", ABOUT_CHANNELS)
def channel_missing(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A frame about a channel names the channel."""
    return None if isinstance(frame.get("channel"), str) else "no channel is named"


@rule("RTS3", "client", ABOUT_CHANNELS)
def channel_name(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Channel names follow the naming rules."""
    try:
        ChannelName.parse(str(frame.get("channel", "x")))
    except AblyError as error:
        return error.message
    return None


@rule("RTL4l", "client", {Action.ATTACH})
def mode_not_for_asking(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The flags of an ATTACH are modes; the other flags belong to answers."""
    flags = frame.get("flags")
    wrong = Flag(flags) & ANSWERS_ONLY if isinstance(flags, int) and flags >= 0 else Flag(0)
    return f"the flags {int(wrong)} are the service's to set" if wrong else None


@rule("RTL5a", "client", {Action.DETACH}, from_start=True)
def detach_of_unattached(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A client detaches only from channels it is attached to."""
    channel = facts.channel(frame)
    return None if channel.attached or channel.attaching else "this channel is not attached"


@rule("RTN7b", "client", PUBLISHES)
def serial_missing(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Every publish has a msgSerial."""
    return (
        None if isinstance(frame.get("msgSerial"), int) else "without msgSerial nothing can be acknowledged"
    )


@rule("RTN7b", "client", PUBLISHES, from_start=True)
def serial_start(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The first msgSerial of a fresh connection is 0."""
    serial = frame.get("msgSerial")
    fresh = facts.last_serial < 0 and not facts.repeats
    return f"the first msgSerial is {serial}, not 0" if fresh and isinstance(serial, int) and serial else None


@rule("RTN7b", "client", PUBLISHES, from_start=True)
def serial_not_rising(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """msgSerial rises with every publish on a connection, across all channels."""
    serial = frame.get("msgSerial")
    if facts.repeats or not isinstance(serial, int) or serial > facts.last_serial:
        return None
    return f"msgSerial {serial} after {facts.last_serial}: it will be dropped without an answer"


@rule("RTN7b", "client", PUBLISHES, from_start=True)
def serial_gap(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """msgSerial rises by one."""
    serial = frame.get("msgSerial")
    if facts.last_serial < 0 or not isinstance(serial, int) or serial <= facts.last_serial + 1:
        return None
    return f"msgSerial {serial} after {facts.last_serial} leaves a gap"


@rule("RTL6", "client", {Action.MESSAGE})
def messages_missing(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A MESSAGE carries at least one message."""
    return None if items(frame, "messages") else "there are no messages in it"


@rule("RSL1i", "client", {Action.MESSAGE})
def message_too_large(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A publish is not larger than maxMessageSize."""
    limit = facts.details.get("maxMessageSize")
    try:
        size = sum(size_of(convert(message, Message)) for message in items(frame, "messages"))
    except AblyError:
        return None
    return f"{size} bytes where {limit} are allowed" if isinstance(limit, int) and size > limit else None


@rule("CD2d", "client")
def frame_too_large(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A frame is not larger than maxFrameSize."""
    limit = facts.details.get("maxFrameSize")
    return (
        f"{entry.size} bytes where {limit} are allowed"
        if isinstance(limit, int) and entry.size > limit
        else None
    )


@rule("RSL1k", "client", {Action.MESSAGE})
def message_ids(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """The ids within one publish are BASE:0, BASE:1 and so on, or absent."""
    ids = [message.get("id") for message in items(frame, "messages")]
    if len(ids) < 2 or not any(ids):
        return None
    base = str(ids[0]).rpartition(":")[0]
    return None if ids == [f"{base}:{n}" for n in range(len(ids))] and base else f"the ids are {ids}"


@rule("RSL4a", "client", {Action.MESSAGE})
def data_kind(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Message data is text, binary, an object or an array."""
    for message in items(frame, "messages"):
        if isinstance(data := message.get("data"), bool | int | float):
            return f"the data {data!r} is none of these"
    return None


@rule("RTL6g", "client", {Action.MESSAGE})
def foreign_client_id(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A connection with a clientId publishes under that clientId."""
    own = facts.details.get("clientId")
    for message in items(frame, "messages"):
        given = message.get("clientId")
        if given is not None and own not in (None, "*", given):
            return f"clientId {given!r} on a connection of {own!r}"
    return None


@rule("RTL6", "client", {Action.MESSAGE})
def publish_without_mode(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A client that attached without the mode PUBLISH doesn't publish."""
    channel = facts.channel(frame)
    return "attached without PUBLISH" if channel.attached and not channel.modes & Flag.PUBLISH else None


@rule("RTP8", "client", {Action.PRESENCE})
def presence_without_mode(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A client that attached without the mode PRESENCE doesn't enter."""
    channel = facts.channel(frame)
    return "attached without PRESENCE" if channel.attached and not channel.modes & Flag.PRESENCE else None


@rule("RTP8j", "client", {Action.PRESENCE}, from_start=True)
def presence_without_client_id(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Entering needs a clientId, on the connection or on the member."""
    own = facts.details.get("clientId")
    if own not in (None, "*") or all(member.get("clientId") for member in items(frame, "presence")):
        return None
    return "neither the member nor the connection has a clientId"


@rule("RTP10", "client", {Action.PRESENCE}, from_start=True)
def leave_without_enter(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """Only a member that has entered leaves."""
    for member in items(frame, "presence"):
        client = str(member.get("clientId", facts.params.get("clientId", "")))
        if member.get("action") == 3 and client not in facts.channel(frame).entered:
            return f"{client!r} never entered"
    return None


@rule("CD2e", "client", PUBLISHES)
def too_fast(facts: Facts, entry: Entry, frame: Frame) -> str | None:
    """A client makes at most maxInboundRate publishes a second."""
    limit = facts.details.get("maxInboundRate")
    older = next((n for n, at in enumerate(facts.publishes) if at > entry.at - 1000), len(facts.publishes))
    count = len(facts.publishes) - older + 1
    return (
        f"{count} in a second where {limit} are allowed" if isinstance(limit, int) and count > limit else None
    )
