"""What a machine wants done, in order: its only way to act on the world.

The caller takes outputs with `Machine.outputs()` after every event and does them one after the other. A
`Promise` among them has just been settled.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ablykit.protocol import AblyError, Message, PresenceMessage, ProtocolMessage


class Promise:
    """What a call to the machine will come to: a value or an error, settled once."""

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.error: AblyError | None = None
        self._then: list[Callable[[AblyError | None], None]] = []

    def settle(self, value: Any = None, error: AblyError | None = None) -> bool:
        """Settle the promise and return True; return False if it was settled before."""
        if self.done:
            return False
        self.done, self.value, self.error = True, value, error
        for then in self._then:
            then(error)
        return True

    def then(self, do: Callable[[AblyError | None], None]) -> None:
        """Call `do` with the error, or None, once the promise is settled."""
        if self.done:
            do(self.error)
        else:
            self._then.append(do)


@dataclass(frozen=True)
class OpenSocket:
    """Open a WebSocket. `number` names it in every later event and output; `url` has secrets in it."""

    number: int
    url: str = field(repr=False)


@dataclass(frozen=True)
class CloseSocket:
    """Close a WebSocket. What still comes from it is ignored."""

    number: int


@dataclass(frozen=True)
class Send:
    """Send a frame on a WebSocket."""

    number: int
    frame: ProtocolMessage


@dataclass(frozen=True)
class NeedToken:
    """Get a token, then call `Machine.token` or `Machine.token_failed`."""


@dataclass(frozen=True)
class StateChange:
    """The connection, or the channel that is named, went from one state to another (TA, TH).

    `why` is the event as the table of transitions names it. `previous` equals `current` for an update.
    """

    previous: str
    current: str
    why: str
    error: AblyError | None = None
    channel: str | None = None
    resumed: bool = False


@dataclass(frozen=True)
class Delivered:
    """A message, or a change of a member, for the application."""

    channel: str
    item: Message | PresenceMessage


Output = OpenSocket | CloseSocket | Send | NeedToken | StateChange | Delivered | Promise
