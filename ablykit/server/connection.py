"""What outlives a socket: a connection, so that another socket can resume it."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ablykit.protocol import Format, NotAFrame, ProtocolMessage
from ablykit.protocol.codec import read
from ablykit.server.channel import Channel

if TYPE_CHECKING:
    from ablykit.server.service import App, Service
    from ablykit.server.session import Session

REMEMBERED_ANSWERS = 1_000
"""How many ACKs and NACKs a connection keeps, to repeat them after a resume (RTN19a2)."""

REMEMBERED_SERIALS = 10_000
"""How many serials of messages these may hold together."""


@dataclass
class Connection:
    """What outlives a socket, so that another one can resume it."""

    service: "Service"
    id: str
    keys: list[str]
    """The connectionKeys it can be resumed by; the last is the one its client was told."""
    app: "App"
    client_id: str | None
    session: "Session | None" = None
    expires: float | None = None
    """When it is forgotten, ms of running time; None while a socket is open."""
    present: set[tuple[Channel, str]] = field(default_factory=set[tuple[Channel, str]])
    """The members it entered: on which channel, by which clientId."""
    last_serial: int = -1
    answers: OrderedDict[int, ProtocolMessage] = field(default_factory=OrderedDict[int, ProtocolMessage])
    _serials: int = 0

    @property
    def key(self) -> str:
        """Its connectionKey."""
        return self.keys[-1]

    def answer(self, frame: ProtocolMessage) -> ProtocolMessage:
        """Remember an ACK or NACK, and give it back."""
        self.answers[frame.msg_serial or 0] = frame
        self._serials += _serials_in(frame)
        while len(self.answers) > REMEMBERED_ANSWERS or self._serials > REMEMBERED_SERIALS:
            _, oldest = self.answers.popitem(last=False)
            self._serials -= _serials_in(oldest)
        return frame


def _serials_in(answer: ProtocolMessage) -> int:
    return sum(len(result.serials or ()) for result in answer.res or ())


def recovery_key(recover: str | None) -> str | None:
    """The connectionKey in a recovery key (RTN16g), which is JSON; in 2021 it began with the key."""
    if recover is None:
        return None
    try:
        value = read(recover, Format.JSON)
    except NotAFrame:
        value = None
    key: Any = cast("dict[str, Any]", value).get("connectionKey") if isinstance(value, dict) else None
    return key if isinstance(key, str) else recover.partition(":")[0]
