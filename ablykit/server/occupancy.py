"""How many take part in a channel, in which way; told to those who attach with `occupancy` (CHM2)."""

from typing import TYPE_CHECKING, Any

import msgspec

from ablykit.protocol import AblyError, Action, Flag, Message, ProtocolMessage
from ablykit.server.delivery import Delivery

if TYPE_CHECKING:
    from ablykit.server.channel import Attachment, Channel

EVENT = "[meta]occupancy"
"""The name of the messages that tell it."""

_MODES = {
    "publishers": Flag.PUBLISH,
    "subscribers": Flag.SUBSCRIBE,
    "presenceConnections": Flag.PRESENCE,
    "presenceSubscribers": Flag.PRESENCE_SUBSCRIBE,
}
NAMES = ("connections", "presenceMembers", *_MODES)


def metrics(channel: "Channel | None") -> dict[str, int]:
    """The counts of a channel, by name; all 0 for one that is not there."""
    attached = channel.attachments if channel else []
    counts = {name: sum(bool(a.modes & mode) for a in attached) for name, mode in _MODES.items()}
    return {"connections": len(attached), "presenceMembers": len(channel.members) if channel else 0, **counts}


def details(name: str, channel: "Channel | None") -> dict[str, Any]:
    """A channel's status, with its occupancy."""
    active = bool(channel and channel.attachments)
    return {"channelId": name, "status": {"isActive": active, "occupancy": {"metrics": metrics(channel)}}}


def check(value: str) -> None:
    """Raise `AblyError` 40003 unless an `occupancy` param is `metrics` or `metrics.NAME`."""
    if value != "metrics" and value.removeprefix("metrics.") not in NAMES:
        raise AblyError(
            40003, f"occupancy is metrics, or metrics and one of {', '.join(NAMES)}, not {value[:40]!r}"
        )


def tell(channel: "Channel", attachment: "Attachment") -> None:
    """Tell an attachment how it is now, if it asked and it is news."""
    asked = attachment.params.get("occupancy")
    if asked is None:
        return
    counts = metrics(channel)
    wanted = counts if asked == "metrics" else {(name := asked.removeprefix("metrics.")): counts[name]}
    if wanted == attachment.told:
        return
    attachment.told = wanted
    data = msgspec.json.encode({"metrics": wanted}).decode()
    message = Message(name=EVENT, data=data, encoding="json")
    frame = ProtocolMessage(
        action=Action.MESSAGE,
        id=f"{attachment.session.service.ids.new('occupancy', 10)}",
        channel=attachment.name,
        timestamp=attachment.session.service.clock.now(),
        messages=[message],
    )
    attachment.send(Delivery(frame))
