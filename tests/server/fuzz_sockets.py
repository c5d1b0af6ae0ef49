"""Frames that are nearly right over real WebSockets: what `fuzz` sends in process, to a server on a thread.

What must hold: every msgSerial that rises is answered once; what got a NACK is delivered to nobody; a client that
is disconnected is told why; and the service goes on answering, and logs no failure.
"""

import asyncio
import random
from contextlib import suppress
from itertools import count

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ablykit.protocol import Action, Format, NotAFrame, ProtocolMessage, encode
from ablykit.protocol.codec import decode
from ablykit.protocol.tokens import jwt
from ablykit.server import LocalAbly
from ablykit.server.access.app import Limits
from tests.server.fuzz import ANSWERS, MEMORY, PUBLISHES, QUERIES, Known, Wrong, complaints
from tests.server.mutants import CHANNELS, Mutants

BATCH = 40
"""How many frames a client sends before it reads what came back."""

LARGEST = Limits().max_frame_size
"""What is larger is refused by the WebSocket, whatever is in it."""

PATIENCE = 30
"""How long an answer may take, in seconds: only a service that hangs takes as long."""

LAST_WORDS = frozenset({Action.ERROR, Action.DISCONNECTED, Action.CLOSED})


class Peer:
    """A client on a socket, with a task that reads."""

    def __init__(self, talk, query):
        self.talk, self.query = talk, query
        self.format = Format.MSGPACK if "msgpack" in query else Format.JSON
        self.id, self.key, self.last = "", "", -1

    async def open(self):
        resume = f"&resume={self.key}" if self.key and self.talk.rng.random() < 0.5 else ""
        url = f"{self.talk.ably.url}/?key={self.talk.app.key.reveal()}&{self.query}{resume}"
        self.ws = await connect(url, max_size=None, ping_interval=None, proxy=None)
        self.came = asyncio.Queue()
        self.reading = asyncio.create_task(self._read())
        for channel in self.talk.rng.sample(CHANNELS, 4):
            await self._say(ProtocolMessage(action=Action.ATTACH, channel=channel))
        connected = (await self._heard())[0]
        self.resumed = connected.connection_id == self.id
        if not self.resumed:
            self.id, self.last = connected.connection_id, -1
        self.key = connected.connection_details.connection_key

    async def close(self):
        await self.ws.close()
        await self.reading

    async def batch(self):
        """Send some frames, and look at what comes back."""
        expected = []
        with suppress(ConnectionClosed):  # what it is told comes before its end
            for _ in range(BATCH):
                raw = self.talk.mutants.frame(self.last + 1, self.format)
                if len(raw) > LARGEST:
                    continue
                expected += self._rising(raw)
                await self.ws.send(raw, text=self.format is Format.JSON)
        heard = await self._heard()
        if self.ws.close_code is None:
            self._check_answers(heard, expected)
            return
        if not heard or heard[-1].action not in LAST_WORDS:
            raise Wrong(f"a connection was ended ({self.ws.close_code}) without a word")
        await self.reading
        await self.open()

    # -- inside

    async def _read(self):
        with suppress(ConnectionClosed):
            async for raw in self.ws:
                frame = decode(raw, self.format)
                self.talk.note(self, frame)
                self.came.put_nowait(frame)
        self.came.put_nowait(None)

    async def _say(self, frame):
        await self.ws.send(encode(frame, self.format), text=self.format is Format.JSON)

    async def _heard(self):
        """What came up to now: up to the answer to a HEARTBEAT, or to the connection's end."""
        last, heard = f"heard {next(self.talk.count)}", []
        with suppress(ConnectionClosed):
            await self._say(ProtocolMessage(action=Action.HEARTBEAT, id=last))
        while True:
            try:
                frame = await asyncio.wait_for(self.came.get(), PATIENCE)
            except TimeoutError:
                raise Wrong(f"{self.query} got no answer within {PATIENCE} s") from None
            if frame is None or frame.id == last:
                return heard
            heard.append(frame)

    def _rising(self, raw):
        try:
            frame = decode(raw, self.format)
        except NotAFrame:
            return []
        if frame.action not in PUBLISHES or frame.msg_serial is None or frame.msg_serial <= self.last:
            return []
        self.last = frame.msg_serial
        return [frame.msg_serial]

    def _check_answers(self, heard, expected):
        answers = [frame.msg_serial for frame in heard if frame.action in ANSWERS]
        allowed = range(1, BATCH) if self.resumed else (1,)  # then an answer is repeated with its msgSerial
        if wrong := [serial for serial in expected if answers.count(serial) not in allowed]:
            raise Wrong(f"{self.query}: not answered once: {wrong}")


class Talk:
    """All clients of one server."""

    def __init__(self, seed, ably):
        self.rng, self.ably, self.count = random.Random(f"{seed}/sockets"), ably, count()
        self.app = ably.new_app(limits={"memory": MEMORY})
        self.known = Known([jwt(self.app.key), jwt(self.app.key, capability={"c": ["*"]})])
        self.mutants = Mutants(self.rng, self.known)
        self.refused, self.delivered = set(), set()

    def note(self, peer, frame):
        """Remember what a frame tells, for later frames and for the end."""
        if frame.action == Action.NACK:
            self.refused.add(f"{peer.id}:{frame.msg_serial}")
        elif frame.action in PUBLISHES:
            self.delivered.add(frame.id)
            for message in frame.messages or ():
                if (frame.channel or "").startswith("doc:") and message.serial and not message.action:
                    self.known.serials.append((frame.channel, message.serial))

    async def go(self, frames):
        peers = [Peer(self, query) for query in QUERIES]
        for peer in peers:
            await peer.open()
        for _ in range(-(-frames // BATCH)):
            await self.rng.choice(peers).batch()
        for peer in peers:
            await peer.close()
        if wrong := self.refused & self.delivered:
            raise Wrong(f"refused, and yet delivered: {wrong}")


def fuzz_sockets(seed, frames):
    """Send so many frames to a server. Raises `Wrong` where something does not hold."""
    with complaints() as heard, LocalAbly(sandbox=True, mutable=["doc"], persisted=["kept"]) as ably:
        talk = Talk(seed, ably)
        asyncio.run(talk.go(frames))
        kept = ably.call(lambda: talk.app.app.budget.bytes)
    if heard or kept > MEMORY:
        raise Wrong(heard[0] if heard else f"{kept} bytes are kept, where {MEMORY} are allowed")
