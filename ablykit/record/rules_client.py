"""Rules that a client keeps, or breaks. Each looks at a frame that is about to be sent."""

from typing import Any

from ablykit.protocol import AblyError, Action, ChannelName, Flag
from ablykit.protocol.actions import name_of
from ablykit.protocol.codec import convert
from ablykit.protocol.encoding import size_of
from ablykit.protocol.frames import Message
from ablykit.record.linter import RULES, rule
from ablykit.record.pairing import PUBLISHES
from ablykit.record.transcript import Entry
from ablykit.record.watch import Watch, items

__all__ = ["RULES"]

FOR_CLIENTS = PUBLISHES | {
    Action.HEARTBEAT, Action.CONNECT, Action.DISCONNECT, Action.CLOSE, Action.ATTACH, Action.DETACH,
    Action.SYNC, Action.AUTH,
}  # fmt: skip
ABOUT_CHANNELS = PUBLISHES | {Action.ATTACH, Action.DETACH}
ANSWERS_ONLY = Flag.HAS_PRESENCE | Flag.HAS_BACKLOG | Flag.RESUMED | Flag.HAS_OBJECTS


@rule("key-without-tls", "RSA1", "client", on="open")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """An API key goes only over TLS."""
    url = str(entry.raw)
    return "ws:// carries the key for anyone to read" if url.startswith("ws://") and "key=" in url else None


@rule("not-a-frame", "TR1", "client")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """What is sent is an object with an action."""
    return None if "action" in frame else "this is no frame"


@rule("unknown-action-sent", "TR2", "client")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Only actions of the protocol are sent."""
    action: Any = frame.get("action")
    known = action in Action.__members__.values()
    return f"action {action} is unknown" if "action" in frame and not known else None


@rule("not-for-clients", "TR2", "client")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """What only the service says is not said by a client."""
    action: Any = frame.get("action")
    if action in Action.__members__.values() and action not in FOR_CLIENTS:
        return f"{name_of(action)} is for the service to send"
    return None


@rule("before-connected", "RTN4", "client")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Nothing is sent before CONNECTED."""
    return None if watch.connected else "sent before CONNECTED came"


@rule("after-close", "RTN12", "client")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Nothing is sent after CLOSE."""
    return "sent after CLOSE" if watch.closing else None


@rule("channel-missing", "TR4b", "client", ABOUT_CHANNELS)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """What is about a channel names it."""
    return None if isinstance(frame.get("channel"), str) else "no channel is named"


@rule("channel-name", "RTS3", "client", ABOUT_CHANNELS)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Channel names keep the naming rules."""
    try:
        ChannelName.parse(str(frame.get("channel", "x")))
    except AblyError as error:
        return error.message
    return None


@rule("mode-not-for-asking", "RTL4l", "client", {Action.ATTACH})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """An ATTACH asks for modes; the other flags are for answers."""
    flags = frame.get("flags")
    wrong = Flag(flags) & ANSWERS_ONLY if isinstance(flags, int) and flags >= 0 else Flag(0)
    return f"the flags {int(wrong)} are the service's to set" if wrong else None


@rule("detach-of-unattached", "RTL5a", "client", {Action.DETACH})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Only what is attached is detached."""
    channel = watch.channel(frame)
    return None if channel.attached or channel.attaching else "this channel is not attached"


@rule("serial-missing", "RTN7b", "client", PUBLISHES)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Every publish has a msgSerial."""
    return (
        None if isinstance(frame.get("msgSerial"), int) else "without msgSerial nothing can be acknowledged"
    )


@rule("serial-start", "RTN7b", "client", PUBLISHES)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """The first msgSerial of a fresh connection is 0."""
    serial = frame.get("msgSerial")
    fresh = watch.last_serial < 0 and not watch.repeats
    return f"the first msgSerial is {serial}, not 0" if fresh and isinstance(serial, int) and serial else None


@rule("serial-not-rising", "RTN7b", "client", PUBLISHES)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """msgSerial rises with every publish of a connection, whatever the channel."""
    serial = frame.get("msgSerial")
    if watch.repeats or not isinstance(serial, int) or serial > watch.last_serial:
        return None
    return f"msgSerial {serial} after {watch.last_serial}: it will be dropped without an answer"


@rule("serial-gap", "RTN7b", "client", PUBLISHES)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """msgSerial rises by one."""
    serial = frame.get("msgSerial")
    if watch.last_serial < 0 or not isinstance(serial, int) or serial <= watch.last_serial + 1:
        return None
    return f"msgSerial {serial} after {watch.last_serial} leaves a gap"


@rule("messages-missing", "RTL6", "client", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A MESSAGE carries at least one message."""
    return None if items(frame, "messages") else "there are no messages in it"


@rule("message-too-large", "RSL1i", "client", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A publish is not larger than maxMessageSize."""
    limit = watch.details.get("maxMessageSize")
    try:
        size = sum(size_of(convert(message, Message)) for message in items(frame, "messages"))
    except AblyError:
        return None
    return f"{size} bytes where {limit} are allowed" if isinstance(limit, int) and size > limit else None


@rule("frame-too-large", "CD2d", "client")
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """A frame is not larger than maxFrameSize."""
    limit = watch.details.get("maxFrameSize")
    return (
        f"{entry.size} bytes where {limit} are allowed"
        if isinstance(limit, int) and entry.size > limit
        else None
    )


@rule("message-ids", "RSL1k", "client", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """The ids of one publish are BASE:0, BASE:1 … or there are none."""
    ids = [message.get("id") for message in items(frame, "messages")]
    if len(ids) < 2 or not any(ids):
        return None
    base = str(ids[0]).rpartition(":")[0]
    return None if ids == [f"{base}:{n}" for n in range(len(ids))] and base else f"the ids are {ids}"


@rule("data-kind", "RSL4a", "client", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Data is text, binary, an object or an array."""
    for message in items(frame, "messages"):
        if isinstance(data := message.get("data"), bool | int | float):
            return f"the data {data!r} is none of these"
    return None


@rule("foreign-client-id", "RTL6g", "client", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """An identified connection publishes as itself."""
    own = watch.details.get("clientId")
    for message in items(frame, "messages"):
        given = message.get("clientId")
        if given is not None and own not in (None, "*", given):
            return f"clientId {given!r} on a connection of {own!r}"
    return None


@rule("publish-without-mode", "RTL6", "client", {Action.MESSAGE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Who attached without the mode PUBLISH does not publish."""
    channel = watch.channel(frame)
    return "attached without PUBLISH" if channel.attached and not channel.modes & Flag.PUBLISH else None


@rule("presence-without-mode", "RTP8", "client", {Action.PRESENCE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Who attached without the mode PRESENCE does not enter."""
    channel = watch.channel(frame)
    return "attached without PRESENCE" if channel.attached and not channel.modes & Flag.PRESENCE else None


@rule("presence-without-client-id", "RTP8j", "client", {Action.PRESENCE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """To be present one needs a clientId."""
    own = watch.details.get("clientId")
    if own not in (None, "*") or all(member.get("clientId") for member in items(frame, "presence")):
        return None
    return "neither the member nor the connection has a clientId"


@rule("leave-without-enter", "RTP10", "client", {Action.PRESENCE})
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Only who has entered leaves."""
    for member in items(frame, "presence"):
        client = str(member.get("clientId", watch.params.get("clientId", "")))
        if member.get("action") == 3 and client not in watch.channel(frame).entered:
            return f"{client!r} never entered"
    return None


@rule("too-fast", "CD2e", "client", PUBLISHES)
def _(watch: Watch, entry: Entry, frame: dict[str, Any]) -> str | None:
    """Not more publishes a second than maxInboundRate."""
    limit = watch.details.get("maxInboundRate")
    older = next((n for n, at in enumerate(watch.publishes) if at > entry.at - 1000), len(watch.publishes))
    count = len(watch.publishes) - older + 1
    return (
        f"{count} in a second where {limit} are allowed" if isinstance(limit, int) and count > limit else None
    )
