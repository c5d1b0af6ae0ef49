"""Occupancy: how many connections use a channel, and for what (CHM2).

The counts are updated as connections come and go, so reading them costs the same however many connections
there are. A connection that has attached under several names counts once.
"""

from typing import Any

import msgspec

from ablykit.protocol import AblyError, Flag, Message

EVENT = "[meta]occupancy"
"""The name of the messages that carry the counts."""

INTERVAL = 100.0
"""The shortest time between two occupancy messages on a channel, in ms; changes in between are sent together
(assumed)."""

_MODES = {
    "publishers": Flag.PUBLISH,
    "subscribers": Flag.SUBSCRIBE,
    "presenceConnections": Flag.PRESENCE,
    "presenceSubscribers": Flag.PRESENCE_SUBSCRIBE,
}
NAMES = ("connections", "presenceMembers", *_MODES)


class Occupancy:
    """The counts of one channel. The modes of a connection are those of all its attachments together."""

    def __init__(self) -> None:
        self.connections = 0
        self._by_mode = dict.fromkeys(_MODES, 0)

    def changed(self, before: Flag | None, after: Flag | None) -> None:
        """Update the counts for a connection whose modes have changed; None means that it is not attached."""
        self.connections += (after is not None) - (before is not None)
        for name, mode in _MODES.items():
            self._by_mode[name] += bool((after or Flag(0)) & mode) - bool((before or Flag(0)) & mode)

    def metrics(self, members: int) -> dict[str, int]:
        """Return the counts by name, with the number of members present."""
        return {"connections": self.connections, "presenceMembers": members, **self._by_mode}


def check(value: str) -> None:
    """Raise `AblyError` 40003 unless an `occupancy` param is `metrics` or `metrics.NAME`."""
    if value != "metrics" and value.removeprefix("metrics.") not in NAMES:
        raise AblyError(
            40003,
            f"occupancy must be metrics, or metrics.NAME with one of {', '.join(NAMES)}, not {value[:40]!r}",
        )


def wanted(asked: str, metrics: dict[str, int]) -> dict[str, int]:
    """Return the counts that an `occupancy` param asks for."""
    return metrics if asked == "metrics" else {(name := asked.removeprefix("metrics.")): metrics[name]}


def message(counts: dict[str, int]) -> Message:
    """Return the message that carries these counts."""
    data = msgspec.json.encode({"metrics": counts}).decode()
    return Message(name=EVENT, data=data, encoding="json")


def details(name: str, metrics: dict[str, int], *, active: bool = True) -> dict[str, Any]:
    """Return a channel's status with its occupancy, as HTTP and metachannels carry it (CHD2)."""
    return {"channelId": name, "status": {"isActive": active, "occupancy": {"metrics": metrics}}}
