"""One channel of a client: attached, kept attached, and read without gaps or repeats (RTL).

`protocol.states.CHANNEL_TRANSITIONS` is the whole life of a channel, and `_go` the only way through it: an
event that the table has no row for raises `KeyError`, because it is a mistake here and not the service's.

After every lost socket the channel attaches again and offers the `channelSerial` of what it has read last.
The service sends what was missed and says RESUMED, or says that it cannot (RTL4c1, RTN15c).

The channel knows its connection only as a `Link`.
"""

from ablykit.client.content import Content
from ablykit.client.data import encoded
from ablykit.client.link import Link, as_error
from ablykit.client.outputs import Promise, StateChange
from ablykit.client.presence import Members
from ablykit.client.timers import backoff
from ablykit.protocol import (
    AblyError,
    Action,
    Flag,
    Message,
    PresenceMessage,
    ProtocolMessage,
)
from ablykit.protocol.encoding import size_of
from ablykit.protocol.states import CHANNEL_TRANSITIONS

TABLE = {(way.start, way.why): way.end for way in CHANNEL_TRANSITIONS}
ENDS = ("detached", "suspended", "failed")


class Channel:
    """The state of one channel. `modes` (0 for the usual ones) and `params` go with every ATTACH."""

    def __init__(
        self,
        name: str,
        link: Link,
        modes: int = 0,
        params: dict[str, str] | None = None,
        serial: str | None = None,
    ) -> None:
        self.name, self._link, self._modes, self._params = name, link, modes, params
        self.state = "initialized"
        self.error: AblyError | None = None
        self._content = Content(name, link, serial)
        self._was_attached = False
        self._promise: Promise | None = None
        """What the application waits for: attached or, while detaching, detached."""
        self._next: tuple[str, Promise] | None = None
        """What to do once attaching or detaching has ended (RTL4h, RTL5i)."""
        self._known: Promise | None = None
        """What waits for the end of a SYNC."""
        self._attempts = 0
        self._waiting: list[tuple[PresenceMessage, Promise]] = []

    @property
    def serial(self) -> str | None:
        """The channelSerial of what was read last."""
        return self._content.serial

    @property
    def members(self) -> Members:
        """Who is present."""
        return self._content.members

    # -- what the application asks for

    def attach(self, now: float) -> Promise:
        """Attach; the promise comes true with ATTACHED (RTL4)."""
        if self.state == "attached":
            return self._settled()
        if self._link.state in ("suspended", "closing", "closed", "failed"):
            return self._settled(
                AblyError(90001, f"Can't attach while the connection is {self._link.state}: connect first")
            )
        if self.state == "detaching":
            return self._later("attach")
        if self.state != "attaching":
            self._go("attach")
            self._ask(now)
        self._promise = self._promise or Promise()
        return self._promise

    def detach(self, now: float) -> Promise:
        """Detach; the promise comes true with DETACHED (RTL5)."""
        if self.state in ("initialized", "detached"):
            return self._settled()
        if self.state == "failed":
            return self._settled(AblyError(90001, "Can't detach a failed channel: attach it again first"))
        if self.state == "attaching":
            return self._later("detach")
        if self.state != "detaching":
            self._go("detach")
            if self.state == "detached":
                return self._settled()
            self._ask(now)
        self._promise = self._promise or Promise()
        return self._promise

    def publish(self, messages: list[Message], ids: str) -> Promise:
        """Publish messages in one frame, unless they are too large (RSL1i). `ids` begins their ids, so that a
        repeat is noticed (RTL6)."""
        if self.state in ("suspended", "failed"):
            return self._settled(
                AblyError(90001, f"Can't publish: the channel {self.name!r} is {self.state}")
            )
        try:
            items = [
                encoded(item, self._link.format).replace(id=item.id or f"{ids}:{index}")
                for index, item in enumerate(messages)
            ]
        except AblyError as error:
            return self._settled(error)
        size, most = sum(map(size_of, items)), self._link.details.max_message_size
        if most is not None and size > most:
            return self._settled(
                AblyError(40009, f"Message too large: {size} bytes where {most} are allowed")
            )
        frame = ProtocolMessage(action=Action.MESSAGE, channel=self.name, messages=items)
        return self._link.publish(frame, Promise())

    def change(self, item: PresenceMessage, now: float) -> Promise:
        """Enter, update or leave; attaches first where that is needed (RTP8, RTP9, RTP10)."""
        try:
            item = encoded(item, self._link.format)
        except AblyError as error:
            return self._settled(error)
        promise = Promise()
        promise.then(lambda error: self._content.own.refused(item) if error else None)
        if self.state == "attached":
            return self._content.own.change(item, promise)
        if self.state in ("suspended", "failed", "detaching"):
            return self._settled(AblyError(91001, f"Can't be present: the channel is {self.state}"))
        if self.state != "attaching" and (refused := self.attach(now).error):
            return self._settled(refused)
        self._waiting.append((item, promise))
        return promise

    def known(self) -> Promise:
        """Return a promise that comes true once no member is missing: now, or when a SYNC ends (RTP11)."""
        if not self.members.syncing:
            return self._settled()
        self._known = self._known or Promise()
        return self._known

    # -- what happens to the connection

    def connected(self, now: float) -> None:
        """Attach, or detach, again over the new socket (RTN15c, RTN19b)."""
        if (self.state, "connected") in TABLE:
            self._go("connected")
            self._ask(now)

    def disconnected(self) -> None:
        """Wait for no answer while there is no socket."""
        self._link.timers.cancel(self._timer)

    def connection_is(self, state: str, error: AblyError | None) -> None:
        """Follow the connection into `suspended`, `closed` or `failed` (RTL3)."""
        if (self.state, f"connection {state}") in TABLE:
            self._go(f"connection {state}", error)

    # -- what the service says

    def receive(self, frame: ProtocolMessage, now: float) -> None:
        """Take a frame about this channel in."""
        if frame.action == Action.ATTACHED:
            self._on_attached(frame, now)
        elif frame.action == Action.DETACHED:
            self._on_detached(frame, now)
        elif frame.action == Action.ERROR:
            if (self.state, "ERROR") in TABLE:  # else it was about what is over (RTL14)
                self._go("ERROR", as_error(frame.error))
        elif self.state == "attached":  # RTL17
            self._content.take(frame)
            self._settle_known()

    def _on_attached(self, frame: ProtocolMessage, now: float) -> None:
        if self.state in ("initialized", "detached", "failed", "detaching"):  # RTL5k
            self._link.send(ProtocolMessage(action=Action.DETACH, channel=self.name))
            return
        self._attempts, self._was_attached = 0, True
        begin, resumed = self._content.begin(frame), Flag.RESUMED in Flag(frame.flags or 0)
        waiting, self._waiting = self._waiting, []
        self._go("ATTACHED", frame.error and as_error(frame.error), resumed=resumed)
        begin()
        for item, promise in waiting:
            self._content.own.change(item, promise)
        self._do_next(now)

    def _on_detached(self, frame: ProtocolMessage, now: float) -> None:
        if (self.state, "DETACHED") not in TABLE:
            return
        self._go("DETACHED", frame.error and as_error(frame.error))
        if self.state == "attaching":  # RTL13a
            self._ask(now)
            return
        if self.state == "suspended":  # RTL13b
            self._retry_later(now)
        self._do_next(now)

    # -- how it gets from state to state

    @property
    def _timer(self) -> tuple[str, str]:
        return ("channel", self.name)

    def _go(self, why: str, error: AblyError | None = None, *, resumed: bool = False) -> None:
        """Take the transition that the table has for `why`, and settle what it decides."""
        previous, self.state = self.state, TABLE[self.state, why]
        self.error = error
        self._link.timers.cancel(self._timer)
        self._link.emit(StateChange(previous, self.state, why, error, self.name, resumed))
        if self.state in ENDS:
            self._content.serial = None  # RTP5a1
            waiting, self._waiting = self._waiting, []
            open_ = [promise for _, promise in waiting]
            if self._next and (self.state == "failed" or why.startswith("connection")):  # never to come
                open_, self._next = [*open_, self._next[1]], None
            for promise in open_:
                self._link.settle(promise, None, error or self._is_not_so())
            if self.state != "suspended":
                self._content.forget_members()
                self._was_attached = False
        if self._promise and self.state in ("attached", *ENDS):
            as_asked = why == "ATTACHED" or (previous, self.state) == ("detaching", "detached")
            promise, self._promise = self._promise, None
            self._link.settle(promise, None, None if as_asked else error or self._is_not_so())
        self._settle_known()

    def _settle_known(self) -> None:
        """Let those go on who wait for the end of a SYNC, if none is under way."""
        if self._known and not self.members.syncing:
            promise, self._known = self._known, None
            self._link.settle(promise)

    def _is_not_so(self) -> AblyError:
        return AblyError(90001, f"The channel {self.name!r} is {self.state}")

    def _ask(self, now: float) -> None:
        """Send ATTACH or DETACH, and wait for the answer; without a connection, `connected` will (RTL4i)."""
        if self.state == "detaching":
            frame = ProtocolMessage(action=Action.DETACH, channel=self.name)
        else:
            flags = self._modes | (Flag.ATTACH_RESUME if self._was_attached else 0)
            frame = ProtocolMessage(
                action=Action.ATTACH,
                channel=self.name,
                channel_serial=self.serial,
                params=self._params or None,
                flags=int(flags) or None,
            )
        if self._link.send(frame):
            self._link.timers.at(self._timer, now + self._link.times.realtime_request, self._no_answer)

    def _no_answer(self, now: float) -> None:
        asked = self.state.replace("ing", "ed")
        self._go("no answer", AblyError(90007, f"The channel {self.name!r} was not {asked} in time"))
        if self.state == "suspended":
            self._retry_later(now)
        self._do_next(now)

    def _retry_later(self, now: float) -> None:
        self._attempts += 1
        wait = backoff(self._link.times.channel_retry, self._attempts, self._link.jitter())
        self._link.timers.at(self._timer, now + wait, self._retry)

    def _retry(self, now: float) -> None:
        self._go("retry")
        self._ask(now)

    def _settled(self, error: AblyError | None = None) -> Promise:
        promise = Promise()
        self._link.settle(promise, None, error)
        return promise

    def _later(self, what: str) -> Promise:
        """Attach or detach once the opposite has ended; of several calls the last one counts."""
        if self._next and self._next[0] != what:
            self._link.settle(self._next[1], None, AblyError(90001, "The channel was asked for the opposite"))
            self._next = None
        self._next = self._next or (what, Promise())
        return self._next[1]

    def _do_next(self, now: float) -> None:
        if self._next:
            (what, promise), self._next = self._next, None
            inner = self.attach(now) if what == "attach" else self.detach(now)
            inner.then(lambda error: self._link.settle(promise, None, error))
