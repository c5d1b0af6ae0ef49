"""One WebSocket on its way through a relay: it is recorded, and fault rules are carried out on it.

As long as no rule is set, bytes pass as they arrive, and the relay only reads along. Once there is a rule, a
direction goes over to whole frames at the next point between two of them: each is looked at, and what passes
is written anew. It goes back to bytes when all rules have done their work. So a relay without rules can't
change anything, and rules can be set while connections are open.

The recording is what the client saw. A frame that the client sends is recorded as it was sent, and one from
the service as it reaches the client, if it does. What a rule did is recorded as an entry of its own, of the
kind `fault`, between them.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Protocol, Side

from ablykit.faults import Fault, Faults, On, Passing, edited
from ablykit.protocol.explanation import summary
from ablykit.protocol.redaction import quiet_logger
from ablykit.record.transcript import Direction, Kind, Transcript
from ablykit.relay import http
from ablykit.relay.message import Message

MAX_FRAME = 64 * 1024 * 1024
"""The longest frame, in bytes, that is recorded. A longer one passes unrecorded, and so does all that follows
it."""

NOT_CLOSED = "1006"
"""The close code that is recorded for a connection without a close frame (RFC 6455 §7.1.5)."""

PIECES = 20
"""In how many pieces a second bytes pass that are throttled."""

_LOG = quiet_logger("ablykit.relay.line")
_CONTROL: dict[Opcode, Kind] = {Opcode.PING: "ping", Opcode.PONG: "pong"}


@dataclass(frozen=True)
class Held:
    """A frame that a rule holds: its number, its connection, its direction and what it says."""

    number: int
    connection: str
    direction: Direction
    frame: dict[str, Any] | None
    _way: "Way"
    _message: Message

    async def release(self, frame: dict[str, Any] | None = None) -> None:
        """Let it go on, or another frame in its place."""
        await self._way.inject(self._message if frame is None else self._way.line.message(frame))


Hold = Callable[["Way", Message], None]


class Line:
    """One WebSocket: what the relay knows of it, and both of its directions."""

    def __init__(self, name: str, url: str, transcript: Transcript, faults: Faults, hold: Hold) -> None:
        self.name, self.faults, self.hold, self._transcript = name, faults, hold, transcript
        parts = urlsplit(url)
        self.path, self.query = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        self.client = self.query.get("clientId", "")
        self.is_text = self.query.get("format") != "msgpack"
        self.closed = NOT_CLOSED
        """The code and reason of the first close frame, from either side."""
        self.is_silent = False
        self.ways: dict[Direction, Way] = {}

    def note(self, direction: Direction, raw: str | bytes, kind: Kind = "frame") -> None:
        """Record an entry of this connection."""
        self._transcript.record(self.name, direction, raw, kind)

    def note_fault(self, direction: Direction, fault: Fault, frame: dict[str, Any] | None = None) -> None:
        """Record what a rule does to a frame, or to the connection."""
        waits = f" {fault.wait:.0f} ms" if fault.wait else ""
        about = f": {summary(frame)}" if frame else ""
        self.note(direction, f"{fault.rule}{waits}{about}", "fault")

    def note_close(self, close: Close) -> None:
        """Keep the code and reason of a close frame, if it is the first."""
        if self.closed == NOT_CLOSED:
            self.closed = f"{int(close.code)} {close.reason}".rstrip()

    def message(self, frame: dict[str, Any]) -> Message:
        """Return a frame as a message in this connection's own format."""
        return Message.of(frame, is_text=self.is_text)

    def opening(self, on: On = On.OPEN) -> Fault | None:
        """Return what is done to the connection as it opens, and record it."""
        passing = Passing(on, self.name, path=self.path, query=self.query, client=self.client)
        if fault := self.faults.choose(passing):
            self.note_fault("out", fault)
        return fault

    async def forward(self, client: http.Peer, service: http.Peer) -> None:
        """Pass everything in both directions until each has ended."""
        self.ways = {"out": Way(self, "out", client, service), "in": Way(self, "in", service, client)}
        await asyncio.gather(*(way.run() for way in self.ways.values()))

    def end(self, code: int | None = None, reason: str = "") -> None:
        """End the connection: for the client with a close code, or for both sides without a word."""
        client = self.ways["in"].sink.writer
        if code is not None and not client.is_closing():
            self.note_close(close := Close(code, reason))
            client.write(Frame(Opcode.CLOSE, close.serialize()).serialize(mask=False))
            close_once(client)
        else:
            client.transport.abort()
        self.ways["out"].sink.writer.transport.abort()


class Way:
    """One direction of a line."""

    def __init__(self, line: Line, direction: Direction, source: http.Peer, sink: http.Peer) -> None:
        self.line, self.source, self.sink = line, source, sink
        self.direction: Direction = direction
        side = Side.SERVER if direction == "out" else Side.CLIENT  # the side that receives these bytes
        self._protocol = Protocol(side, max_size=MAX_FRAME, logger=_LOG)
        self._parts: list[bytes] = []
        self._is_text = True
        self._rest = bytearray()
        """The bytes of a frame that has not arrived completely."""
        self._unparsed = 0
        """How many bytes that is, also while bytes pass as they arrive."""
        self._is_framed = False
        self._late: list[tuple[int, Message]] = []
        """Frames that are let through after so many others."""
        self._waiting: list[Message] = []
        """What is to be sent as soon as no frame of the other side is half sent."""
        self._writing = asyncio.Lock()
        self.rate: float | None = None
        """How many bytes a second may pass; None for any number."""

    async def run(self) -> None:
        """Pass everything until there is no more."""
        with contextlib.suppress(OSError):
            data = self.source.unread()
            while data := data or await self.source.reader.read(1 << 16):
                await self._take(data)
                data = b""
        # A client whose connection has gone silent must not learn that the service has left it.
        if self.direction == "out" or not self.line.is_silent:
            close_once(self.sink.writer)

    async def _take(self, data: bytes) -> None:
        frames = self._frames(data)
        if self._is_framed or (self._wants_frames and self._is_between):
            self._is_framed = True
            self._rest += data
        else:
            await self._take_bytes(data, frames)
        if self._is_framed:
            await self._take_frames(frames)
        while self._waiting and (self._is_framed or self._is_between):
            await self.send(self._waiting.pop(0))

    async def _take_bytes(self, data: bytes, frames: Iterator[Frame]) -> None:
        """Pass bytes as they are: all, or those before the first message that rules may be about."""
        passing = len(data)
        for frame in frames:
            for message in self._read(frame):
                self.line.note(self.direction, message.raw)
            if self._wants_frames and not self._parts:
                passing -= self._unparsed
                self._is_framed = True
                self._rest += data[passing:]
                break
        if not self.line.is_silent:
            await self._write(data[:passing])

    async def _take_frames(self, frames: Iterator[Frame]) -> None:
        for frame in frames:
            del self._rest[: len(self._rest) - self._unparsed]
            messages = list(self._read(frame))
            if self._is_control(frame):
                await self._pass_control(frame)
            for message in messages:
                await self._judge(message)
        if self._protocol.parser_exc is not None:  # no frames: the other side shall say so itself
            await self._write(bytes(self._rest))
            self._rest.clear()
            self._is_framed = False
        elif self._is_between and not self._wants_frames:
            self._is_framed = False

    @property
    def _wants_frames(self) -> bool:
        """Whether there is something to do that bytes can't be passed for as they are."""
        return bool(self.line.faults or self._late or self.rate or self.line.is_silent)

    @property
    def _is_between(self) -> bool:
        """Whether no message of the other side has arrived only in part."""
        return not (self._unparsed or self._parts)

    def _frames(self, data: bytes) -> Iterator[Frame]:
        """Return the frames that these bytes complete, one after the other."""
        self._protocol.receive_data(data)
        self._protocol.data_to_send()  # its answers to pings and closes, thrown away: the two sides answer
        found = cast("list[Frame]", self._protocol.events_received())
        self._unparsed += len(data)
        for frame in found:
            self._unparsed -= self._length(frame)
            yield frame

    def _length(self, frame: Frame) -> int:
        size = len(frame.data)
        extended = 0 if size < 126 else 2 if size < 65_536 else 8
        return 2 + extended + (4 if self.direction == "out" else 0) + size

    @staticmethod
    def _is_control(frame: Frame) -> bool:
        return frame.opcode is Opcode.CLOSE or frame.opcode in _CONTROL

    def _read(self, frame: Frame) -> Iterator[Message]:
        """Take a frame, record it if it is one of control, and return the message that it completes."""
        data = bytes(frame.data)
        if frame.opcode is Opcode.CLOSE:
            self.line.note_close(Close.parse(data))
        elif frame.opcode in _CONTROL:
            self.line.note(self.direction, data, _CONTROL[frame.opcode])
        else:
            self._is_text = self._is_text if frame.opcode is Opcode.CONT else frame.opcode is Opcode.TEXT
            self._parts.append(data)
            if frame.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                yield Message(whole, self._is_text)

    async def _pass_control(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            while self._late:
                await self.send(self._late.pop(0)[1])
        await self._write(Frame(frame.opcode, frame.data).serialize(mask=self.direction == "out"))

    async def _judge(self, message: Message) -> None:
        """Pass a message, or do to it what a rule says."""
        line = self.line
        if self.direction == "out":
            line.note("out", message.raw)
        if line.is_silent:
            return
        frame = message.frame
        passing = Passing(On.FRAME, line.name, self.direction, frame, line.path, line.query, line.client)
        if fault := line.faults.choose(passing):
            line.note_fault(self.direction, fault, frame)
            await _EFFECTS[fault.rule.do](self, message, fault)
        else:
            await self.deliver(message)

    async def deliver(self, message: Message) -> None:
        """Send a message on, and what had to wait for it."""
        await self.send(message)
        waiting, self._late = [(left - 1, late) for left, late in self._late], []
        for left, late in waiting:
            if left:
                self._late.append((left, late))
            else:
                await self.send(late)

    async def inject(self, message: Message) -> None:
        """Send a message now, or as soon as no frame of the other side is half sent."""
        if not (self._is_framed or self._is_between):
            self._waiting.append(message)
        else:
            await self.send(message)

    def postpone(self, message: Message, by: int) -> None:
        """Send a message after the next `by` ones."""
        self._late.append((by, message))

    async def send(self, message: Message, size: int = 0, pause: float = 0.0) -> None:
        """Send a message at once, or in pieces of so many bytes with pauses of so many seconds."""
        if self.direction == "in":
            self.line.note("in", message.raw)
        await self._write(message.bytes_for(self.direction), size, pause)

    async def send_beginning(self, message: Message, size: int) -> None:
        """Send only the first bytes of a message."""
        await self._write(message.bytes_for(self.direction)[:size])

    async def _write(self, data: bytes, size: int = 0, pause: float = 0.0) -> None:
        if self.rate is not None and not size:
            size, pause = max(int(self.rate / PIECES), 1), max(1 / PIECES, 1 / self.rate)
        async with self._writing:
            for start in range(0, len(data), size or len(data) or 1):
                if start:
                    await asyncio.sleep(pause)
                if self.sink.writer.is_closing():
                    raise ConnectionResetError("The connection has ended")
                self.sink.writer.write(data[start : start + size] if size else data)
                await self.sink.writer.drain()


# -- what each action does to a frame


async def _drop(way: Way, message: Message, fault: Fault) -> None:
    """Leave it out."""


async def _delay(way: Way, message: Message, fault: Fault) -> None:
    await asyncio.sleep(fault.wait / 1000)
    await way.deliver(message)


async def _hold(way: Way, message: Message, fault: Fault) -> None:
    way.line.hold(way, message)


async def _duplicate(way: Way, message: Message, fault: Fault) -> None:
    for _ in range(1 + (fault.rule.copies or 1)):
        await way.deliver(message)


async def _reorder(way: Way, message: Message, fault: Fault) -> None:
    way.postpone(message, fault.rule.by or 1)


async def _edit(way: Way, message: Message, fault: Fault) -> None:
    frame = message.frame
    changed = message if frame is None else way.line.message(edited(frame, fault.rule))
    await way.deliver(changed)


async def _replace(way: Way, message: Message, fault: Fault) -> None:
    await way.deliver(way.line.message(fault.rule.frame or {}))


async def _inject(way: Way, message: Message, fault: Fault) -> None:
    await way.deliver(message)
    to = way.line.ways["out" if fault.rule.to == "service" else "in"]
    await to.inject(way.line.message(fault.rule.frame or {}))


async def _cut(way: Way, message: Message, fault: Fault) -> None:
    way.line.end(fault.rule.close, fault.rule.reason or "")


async def _silence(way: Way, message: Message, fault: Fault) -> None:
    way.line.is_silent = True


async def _throttle(way: Way, message: Message, fault: Fault) -> None:
    way.rate = fault.rule.rate
    await way.deliver(message)


async def _slice(way: Way, message: Message, fault: Fault) -> None:
    await way.send(message, fault.rule.size or 1, fault.wait / 1000)


async def _truncate(way: Way, message: Message, fault: Fault) -> None:
    await way.send_beginning(message, fault.rule.size or 1)
    way.line.end()


async def _corrupt(way: Way, message: Message, fault: Fault) -> None:
    data = bytearray(message.data)
    at = fault.rule.at if fault.rule.at is not None else len(data) // 2
    if at < len(data):
        data[at] ^= 0xFF
    await way.deliver(Message(bytes(data), message.is_text))


_EFFECTS: dict[str, Callable[[Way, Message, Fault], Awaitable[None]]] = {
    "drop": _drop,
    "delay": _delay,
    "hold": _hold,
    "duplicate": _duplicate,
    "reorder": _reorder,
    "edit": _edit,
    "replace": _replace,
    "inject": _inject,
    "cut": _cut,
    "silence": _silence,
    "throttle": _throttle,
    "slice": _slice,
    "truncate": _truncate,
    "corrupt": _corrupt,
}
"""What each action does to a frame."""


def close_once(writer: asyncio.StreamWriter) -> None:
    """Close a socket, but only once: after a second time, asyncio could no longer abort its TLS."""
    if not writer.is_closing():
        writer.close()
