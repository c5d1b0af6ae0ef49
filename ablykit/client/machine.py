"""A client of Ably as a machine: told what happened and when, it answers what to do.

The machine has no socket, no clock and no randomness of its own. Every event is a call with `now`, in ms on
any clock that does not go back; what the machine wants done is taken with `outputs()` afterwards; and `due`
says when it wants `tick(now)`. So the same machine runs under asyncio (`realtime`), and in a test that cuts
sockets and moves the clock as fast as Python goes:

    machine = Machine(Options("wss://localhost:8081", key="app.key:secret"), random.random, new_id)
    machine.connect(now)
    machine.outputs()           # [StateChange(…, 'connecting', …), OpenSocket(1, …)]
    machine.received(1, b'{"action":4,…}', now)

It must never send a frame after CLOSE, leave a promise open at its end, or settle one twice.
"""

import json
from collections.abc import Callable

from ablykit.client.channel import Channel
from ablykit.client.connection import Connection
from ablykit.client.link import Options, as_error, recovered
from ablykit.client.outbox import Outbox
from ablykit.client.outputs import Promise
from ablykit.protocol import AblyError, Action, ProtocolMessage


class Machine(Connection):
    """One client: its connection, its channels, and its publishes.

    `jitter` returns a random number from 0 to 1, and `new_id` an id that no other client makes.
    """

    def __init__(self, options: Options, jitter: Callable[[], float], new_id: Callable[[], str]) -> None:
        super().__init__(options, jitter)
        self.new_id = new_id
        self.channels: dict[str, Channel] = {}
        serial, self._serials = recovered(options.recover)
        self._outbox = Outbox(self.settle, serial)

    def channel(self, name: str, modes: int = 0, params: dict[str, str] | None = None) -> Channel:
        """Return the channel of this name; `modes` and `params` are those of the first call."""
        if name not in self.channels:
            self.channels[name] = Channel(name, self, modes, params, self._serials.pop(name, None))
        return self.channels[name]

    @property
    def recovery_key(self) -> str | None:
        """What another process needs to take this connection over (RTN16g); None if there is nothing to take
        over."""
        if not self.details.connection_key or self.state in ("closing", "closed", "failed"):
            return None
        serials = {name: each.serial for name, each in self.channels.items() if each.state == "attached"}
        key = self.details.connection_key
        return json.dumps({"connectionKey": key, "msgSerial": self._outbox.serial, "channelSerials": serials})

    # -- what the channels use (see `link.Link`)

    def settle(self, promise: Promise, value: object = None, error: AblyError | None = None) -> None:
        """Settle a promise and say so."""
        if promise.settle(value, error):
            self.emit(promise)

    def publish(self, frame: ProtocolMessage, promise: Promise) -> Promise:
        """Send a frame that gets an ACK, or queue it until there is a connection (RTL6c)."""
        if self.state in ("suspended", "closing", "closed", "failed"):
            self.settle(
                promise,
                None,
                self.error or AblyError(80017, f"Can't publish: the connection is {self.state}"),
            )
        else:
            self._outbox.add(frame, promise)
            self._flush()
        return promise

    def _flush(self) -> None:
        if self.state == "connected":
            for frame in self._outbox.take():
                self.send(frame)

    # -- what the connection tells

    def on_connected(self, now: float, *, same: bool) -> None:
        """Attach again first: presence needs it. Then send again what had no answer, then what waited."""
        if not same:
            self._outbox.renumber()
        for channel in self.channels.values():
            channel.connected(now)
        for frame in self._outbox.pending():
            self.send(frame)
        self._flush()

    def on_lost(self) -> None:
        """Let no channel wait for an answer that can't come."""
        for channel in self.channels.values():
            channel.disconnected()

    def on_end(self, state: str, error: AblyError) -> None:
        """Fail what waits for an answer (RTN7e), and take the channels along (RTL3)."""
        self._outbox.fail(error)
        for channel in self.channels.values():
            channel.connection_is(state, error)

    def on_frame(self, frame: ProtocolMessage, now: float) -> None:
        """Settle what an ACK or NACK answers; hand other frames to their channels."""
        if frame.action == Action.ACK:
            self._outbox.answer(frame, None)
        elif frame.action == Action.NACK:
            self._outbox.answer(frame, as_error(frame.error))
        elif frame.channel in self.channels:
            self.channels[frame.channel].receive(frame, now)
