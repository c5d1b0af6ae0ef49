"""What a recording proves: which frames a client sent and was sent about each message.

Reports are a client's own words. The recording is what crossed the wire, and an `Evidence` finds in it the
entries that a fault stands on: the frame that carried a message, its ACK or NACK, its delivery to each
client.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from ablykit.judge.checker import Fault
from ablykit.protocol import Action
from ablykit.record import Entry
from ablykit.record.pairing import covered

Frame = dict[str, Any]


@dataclass
class Wire:
    """One connection of a client, as the relay saw it: its entries in order."""

    name: str
    client: str = ""
    """The clientId, as the URL or the service's CONNECTED has it."""
    params: dict[str, str] = field(default_factory=dict[str, str])
    connection_id: str = ""
    entries: list[Entry] = field(default_factory=list[Entry])

    def frames(self, direction: str, *actions: int) -> list[Entry]:
        """Return the frames of one direction, of these actions or all."""
        return [
            entry
            for entry in self.entries
            if entry.direction == direction
            and entry.kind == "frame"
            and (not actions or (entry.frame or {}).get("action") in actions)
        ]


class Evidence:
    """A recording, or a part of it, by clients and messages."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.wires: dict[str, Wire] = {}
        self.entries: list[Entry] = []
        self.sent: dict[str, list[Entry]] = defaultdict(list)
        """The MESSAGEs that clients sent, by the data in them."""
        self._came: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._answers: dict[tuple[str, int], list[Entry]] = defaultdict(list)
        for entry in entries:
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """Take in one more entry."""
        self.entries.append(entry)
        wire = self.wires.setdefault(entry.connection, Wire(entry.connection))
        wire.entries.append(entry)
        if entry.kind == "open":
            wire.params = dict(parse_qsl(urlsplit(str(entry.raw)).query, keep_blank_values=True))
            wire.client = wire.params.get("clientId", "")
        frame = entry.frame
        if frame is None:
            return
        action = frame.get("action")
        if action == Action.CONNECTED:
            wire.connection_id = str(frame.get("connectionId", ""))
            details: Any = frame.get("connectionDetails")
            if isinstance(details, dict):
                wire.client = str(cast(Frame, details).get("clientId") or wire.client)
        elif action == Action.MESSAGE:
            for data in datas(frame):
                found = self.sent[data] if entry.direction == "out" else self._came[wire.client, data]
                found.append(entry)
        elif action in (Action.ACK, Action.NACK) and entry.direction == "in":
            for serial in covered(frame):
                self._answers[wire.connection_id, serial].append(entry)

    def of(self, client: str) -> list[Wire]:
        """Return a client's connections, oldest first."""
        return [wire for wire in self.wires.values() if wire.client == client]

    def came(self, client: str, data: str) -> list[Entry]:
        """Return the frames that brought a message to a client."""
        return self._came.get((client, data), [])

    def answers(self, publish: Entry) -> list[Entry]:
        """Return the ACKs and NACKs of a frame that was sent. After a resume they may come by another
        socket."""
        serial = (publish.frame or {}).get("msgSerial")
        wire = self.wires[publish.connection]
        if not isinstance(serial, int):
            return []
        return [a for a in self._answers.get((wire.connection_id, serial), []) if a.number > publish.number]

    @property
    def without_echo(self) -> set[str]:
        """The clients that asked not to be sent their own messages."""
        return {wire.client for wire in self.wires.values() if wire.params.get("echo") == "false"}

    def proof(self, fault: Fault) -> list[int]:
        """Return the numbers of the entries that a fault stands on, lowest first.

        Where a client sent nothing at all about it, these are the entries that opened its connections: what
        is missing is missing there.
        """
        found = [
            entry for data in (fault.data, fault.also) if data for entry in self._about(fault.client, data)
        ]
        if fault.kind == "stale_members":
            found = self._about_members(fault)
        opened = [entry for wire in self.of(fault.client) for entry in wire.entries[:1]]
        return sorted({entry.number for entry in found or opened})

    def _about(self, client: str, data: str) -> list[Entry]:
        sent = self.sent.get(data, [])
        return [*sent, *(answer for each in sent for answer in self.answers(each)), *self.came(client, data)]

    def _about_members(self, fault: Fault) -> list[Entry]:
        """The frames that told a client who is present on a channel."""
        return [
            entry
            for wire in self.of(fault.client)
            for entry in wire.frames("in", Action.PRESENCE, Action.SYNC)
            if (entry.frame or {}).get("channel") == fault.channel
        ]

    @property
    def frames(self) -> int:
        """How many frames crossed the wire."""
        return sum(entry.kind == "frame" for entry in self.entries)


def items(frame: Frame, member: str) -> list[Frame]:
    """Return the objects in a list member of a frame; nothing where it is no list."""
    value: Any = frame.get(member)
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast(Frame, item) for item in listed if isinstance(item, dict)]


def datas(frame: Frame) -> list[str]:
    """Return the data of each message in a frame that is text."""
    found = (message.get("data") for message in items(frame, "messages"))
    return [data for data in found if isinstance(data, str)]
