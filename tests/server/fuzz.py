"""Clients that send frames which are nearly right, to one service, on channels that they share.

    python -m tests.server.fuzz --seed 7 --frames 300000
    python -m tests.server.fuzz --seed 7 --frames 20000 --sockets
    python -m tests.server.fuzz --seed 7 --frames 100000 --http

In process, sessions have transports that encode and read every delivery, and the time is moved. What must hold:

- no exception escapes, and none has to be caught at the last resort (which logs it);
- an answer agrees with the log: after an ACK what was published is in it or was before, after a NACK nothing is,
  and nobody was sent anything;
- every msgSerial that rises, in a frame that can be read, is answered once; one that does not rise is not published;
- who is attached is sent all that enters the log, in its order, and what comes as a delta is what was published;
- what is kept stays within its limit, the process does not grow with it, and no frame stalls the others.

The frames of a round are drawn from the seed and the round's number alone: a failure says how to see it again.
"""

import argparse
import functools
import logging
import random
import resource
import sys
import time
from collections import deque
from contextlib import contextmanager

import vcdiff_decoder

from ablykit.protocol import (
    MODES,
    Action,
    ChannelName,
    Format,
    MessageAction,
    NotAFrame,
    ProtocolMessage,
    encode,
)
from ablykit.protocol.codec import decode
from ablykit.protocol.encoding import in_format
from ablykit.server.access.app import namespaces
from ablykit.server.channels.channel import MODE_TO_HEAR
from ablykit.server.opening import open_session
from ablykit.server.service import Service
from tests.server.frames import token_of
from tests.server.mutants import AT_THE_END_OF_THE_STACK, CHANNELS, DEPTHS, Mutants

ROUND = 2_000
"""Frames of one round: a new service, and new clients."""

MEMORY = 2_000_000
"""What an app may keep, in bytes: little, so that the oldest must often go."""

GROWTH = 300_000_000
"""How much larger the process may become, in bytes."""

STALL = 2.0
"""How much of the processor's time one frame may take, in seconds: nobody else is served meanwhile."""

PUBLISHES = frozenset({Action.MESSAGE, Action.PRESENCE, Action.ANNOTATION, Action.OBJECT})
ANSWERS = frozenset({Action.ACK, Action.NACK})
QUERIES = (
    "v=6&clientId=me",
    "v=6&clientId=ada&format=msgpack",
    "v=2&format=msgpack&echo=false",
    "format=json",
    "format=msgpack&clientId=bob",
    "v=6&format=msgpack",
    "v=5&echo=false&remainPresentFor=0",
    "v=6&clientId=me&format=msgpack&heartbeats=false",
)
ASLEEP = (0, 0, 0, 1, 30, 200, 3_000, 16_000, 130_000)
"""How much time passes now and then, in ms: some members leave, some connections and messages go."""


class Wrong(AssertionError):
    """Something does not hold that must."""


class Complaints(logging.Handler):
    """Keeps what the service had to log, since nothing else was left to do."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.heard = []

    def emit(self, record):
        self.heard.append(self.format(record))


@contextmanager
def complaints():
    """What the service logs as a failure meanwhile."""
    handler, logger = Complaints(), logging.getLogger("ablykit.server")
    logger.addHandler(handler)
    try:
        yield handler.heard
    finally:
        logger.removeHandler(handler)


@functools.lru_cache(64)
def read(raw, format):
    """A delivery as its client reads it; many clients get the same bytes."""
    return decode(raw, format)


def bare(payload, format):
    """A delivery's bytes without a WebSocket frame around them."""
    return payload


def payload_of(message):
    """The bytes that a delta is taken of."""
    data = in_format(message, Format.MSGPACK).data
    return data.encode() if isinstance(data, str) else data


class Known:
    """What came up so far, for later frames to refer to."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.serials, self.places, self.keys = (
            deque([("doc:a", "none")], 30),
            deque(["none"], 30),
            deque(["none"], 10),
        )


class Peer:
    """A client: a session, and a transport that reads what is written to it."""

    def __init__(self, talk, query):
        self.talk, self.query = talk, query
        self.connect()

    def connect(self, more=""):
        self.frames, self.closed = [], None
        self._last, self._bases = {}, {}
        self.undone = {}
        """What was in the last frame of each channel that has deltas, these undone."""
        self.session = None  # until it is let in
        query = f"key={self.talk.key.reveal()}&{self.query}{more}"
        self.session = open_session(self.talk.service, self, query, self.talk.now, secure=True)
        self.key = self.session.connection.key
        for channel in self.talk.rng.sample(CHANNELS, 6):
            attach = ProtocolMessage(action=Action.ATTACH, channel=channel, flags=int(MODES))
            self.session.receive(encode(attach), Format.JSON, self.talk.now)

    # -- as a transport

    def write(self, delivery, variant, channel):
        if self.session and self.session.ended:
            raise Wrong("something is sent after the end")
        frame = read(delivery.encoded(variant, bare, channel), variant.format)
        self.frames.append(frame)
        if frame.action == Action.ATTACHED:
            self._last[frame.channel] = ""
        elif frame.action in MODE_TO_HEAR and frame.channel_serial:
            self._in_order(frame)
            if frame.messages and self.session.attachments[frame.channel].deltas:
                self.undone[frame.channel] = list(self._without_deltas(frame))

    def close(self, code, reason):
        self.closed = (code, reason)

    # -- what it is sent

    def _in_order(self, frame):
        last = self._last.get(frame.channel)
        if last is None:
            raise Wrong(f"a frame came on {frame.channel!r}, which was never attached")
        if frame.channel_serial <= last:
            raise Wrong(f"{frame.channel_serial} came after {last} on {frame.channel!r}")
        self._last[frame.channel] = frame.channel_serial

    def _without_deltas(self, frame):
        """The bytes behind each message of a frame, deltas undone (RTL18)."""
        for index, message in enumerate(frame.messages):
            payload = payload_of(message)
            if delta := (message.extras or {}).get("delta"):
                base_id, base = self._bases[frame.channel]
                if delta["from"] != base_id:
                    raise Wrong(f"a delta is from {delta['from']}, where {base_id} was sent last")
                payload = vcdiff_decoder.decode(base, payload)
            self._bases[frame.channel] = (message.id or f"{frame.id}:{index}", payload)
            yield payload


def tap(app, shown):
    """Show each channel of an app to a test as it is made."""
    make, seen = app.channel, set()

    def channel(name):
        found = make(name)
        if not name.is_meta and found.log not in seen:
            seen.add(found.log)
            shown(found)
        return found

    app.channel = channel


class Talk:
    """One round: a service, its clients, and what must hold after each frame."""

    def __init__(self, seed, number):
        self.rng = random.Random(f"{seed}/{number}")
        self.now, self.taken, self.ids = 1_000.0, [], set()
        self.service = Service(lambda: self.now, seed=number)
        named = namespaces(mutable=["doc"], persisted=["kept"])
        self.app = self.service.add_app(limits={"memory": MEMORY}, namespaces=named)
        tap(self.app, self._tap)
        self.key = self.service.add_key(self.app).api_key
        some = [{}, {"capability": {"c": ["*"]}}, {"capability": {"doc:*": ["publish"]}}, {"client_id": "me"}]
        self.known = Known([token_of(self, **each) for each in some])
        self.peers = [Peer(self, query) for query in QUERIES]
        self.mutants = Mutants(self.rng, self.known, DEPTHS + AT_THE_END_OF_THE_STACK)

    def step(self):
        """One frame of one client, or something that happens to it; `Wrong` where something does not hold."""
        for peer in self.peers:
            peer.frames.clear()
        self.taken.clear()
        peer = self.rng.choice(self.peers)
        self.raw = b""
        if peer.session.ended or self.rng.random() < 0.01:
            self._again(peer)
        if self.rng.random() < 0.02:
            self._sleep()
        if not peer.session.ended:
            self._say(peer)
        if self.app.budget.bytes > MEMORY:
            raise Wrong(f"{self.app.budget.bytes} bytes are kept, where {MEMORY} are allowed")

    # -- what happens

    def _again(self, peer):
        peer.session.dropped(self.now)
        if self.rng.random() < 0.3:
            self._sleep()
        key = self.rng.choice([peer.key, self.rng.choice(self.peers).key, "nonsense", ""])
        peer.connect(self.rng.choice(("", f"&resume={key}", f"&recover={key}")))
        self.known.keys.append(peer.key)

    def _sleep(self):
        self.now += self.rng.choice(ASLEEP)
        self.service.sweep(self.now)
        for peer in self.peers:
            if not peer.session.ended:
                peer.session.on_time(self.now)
                peer.session.heartbeat()

    def _say(self, peer):
        for each in self.peers:
            each.frames.clear()
        self.taken.clear()
        last = peer.session.connection.answers.last_serial
        own = peer.session.variant.format
        format = own if self.rng.random() < 0.95 else self.rng.choice(list(Format))
        self.raw = self.mutants.frame(last + 1, format)
        if len(self.raw) > self.app.limits.max_frame_size:  # the WebSocket refuses it
            return
        peer.session.receive(self.raw, format, self.now)
        frame = _as_read(self.raw, format, peer.frames)
        if frame is None:
            self._check_unread(peer)
            return
        if frame.action in PUBLISHES and frame.msg_serial is not None:
            self._check_answer(peer, frame, frame.msg_serial > last)
        if peer.session.ended and not peer.closed:
            raise Wrong("a session ended without closing")

    # -- what must hold

    def _check_unread(self, peer):
        if self.taken:
            raise Wrong("a frame that can't be read was published")
        if not any(frame.action == Action.ERROR for frame in peer.frames):
            raise Wrong("a frame that can't be read got no ERROR")

    def _check_answer(self, peer, frame, rises):
        answers = [f for f in peer.frames if f.action in ANSWERS]
        if not rises:
            if self.taken or len(answers) > 1:
                raise Wrong("a msgSerial that does not rise was published")
            return
        if [(f.msg_serial, f.count) for f in answers] != [(frame.msg_serial, 1)]:
            raise Wrong(f"msgSerial {frame.msg_serial} was answered by {answers}")
        if answers[0].action == Action.NACK:
            self._check_nack(answers[0])
        else:
            self._check_ack(frame, answers[0])

    def _check_nack(self, nack):
        if self.taken:
            raise Wrong(f"it is in the log, and yet refused: {nack.error}")
        if any(f.action in MODE_TO_HEAR and f.channel_serial for peer in self.peers for f in peer.frames):
            raise Wrong(f"it was delivered, and yet refused: {nack.error}")
        if nack.error.code == 50000:
            raise Wrong(f"the service failed: {nack.error}")

    def _check_ack(self, frame, ack):
        actions = [entry.frame.action for entry in self.taken]
        serials = ack.res[0].serials if ack.res else None
        if frame.action == Action.ANNOTATION:
            if actions[:1] != [Action.ANNOTATION] or set(actions[1:]) - {Action.MESSAGE}:
                raise Wrong(f"an annotation was acknowledged, and {actions} is in the log")
            had = [each.serial for each in self.taken[0].frame.annotations]
        elif frame.action == Action.PRESENCE:
            if actions != [Action.PRESENCE] and (actions or {m.action for m in frame.presence} != {3}):
                raise Wrong(f"a presence was acknowledged, and {actions} is in the log")
            return
        elif not actions:
            if (ChannelName.parse(frame.channel).identity, frame.messages[0].id) not in self.ids:
                raise Wrong("a message was acknowledged that was never published")
            return
        else:
            if actions != [Action.MESSAGE]:
                raise Wrong(f"a message was acknowledged, and {actions} is in the log")
            messages = self.taken[0].frame.messages
            had = [m.version.serial if m.action else m.serial for m in messages]
        if serials is not None and serials != had:
            raise Wrong(f"the ACK says {serials}, and the log {had}")

    # -- what enters the log

    def _tap(self, channel):
        """Look at each entry right after the channel has delivered it."""
        channel.log.follow(functools.partial(self._check_entry, channel))

    def _check_entry(self, channel, entry):
        self.taken.append(entry)
        frame = entry.frame
        self.known.places.append(entry.serial)
        for message in frame.messages or ():
            self.ids.add((channel.name, message.id))
            if not message.action and channel.name.startswith("doc:"):
                self.known.serials.append((channel.name, message.serial))
        for peer in self.peers:
            own = frame.action == Action.MESSAGE and frame.connection_id == peer.session.connection.id
            for attachment in list(peer.session.attachments.values()):
                hears = attachment.channel is channel and attachment.modes & MODE_TO_HEAR[frame.action]
                if hears and not attachment.wants and not (own and not peer.session.params.echo):
                    self._check_delivered(peer, attachment, entry)

    def _check_delivered(self, peer, attachment, entry):
        found = [f for f in peer.frames if (f.channel, f.channel_serial) == (attachment.name, entry.serial)]
        if len(found) != 1:
            raise Wrong(f"{entry.serial} was sent {len(found)} times to {peer.query} on {attachment.name!r}")
        messages = entry.frame.messages or []
        if not attachment.deltas or any(message.action == MessageAction.APPEND for message in messages):
            return  # an append is sent whole to some
        if messages and peer.undone[attachment.name] != [payload_of(message) for message in messages]:
            raise Wrong(f"a delta of {entry.serial} is not what was published")


def _as_read(raw, format, answers):
    """A frame as the service read it; None where it could not. How deep it can read depends on its stack."""
    if any(f.action == Action.ERROR and "deeply nested" in f.error.message for f in answers):
        return None
    try:
        return decode(raw, format)
    except NotAFrame:
        return None


def fuzz(seed, frames, first=0):
    """Say so many frames, in rounds from the `first` on. Raises `Wrong`, saying how to see it again."""
    before = peak()
    for number in range(first, first + -(-frames // ROUND)):
        count = min(ROUND, frames - (number - first) * ROUND)
        with complaints() as heard:
            talk = Talk(seed, number)
            play(talk, [talk.step] * count, heard, f"--seed {seed} --first {number}")
        if peak() > before + GROWTH:
            raise Wrong(f"the process has grown by {peak() - before:,} bytes by round {number}")


def play(talk, steps, heard, again):
    """Take the steps of a round. Raises `Wrong` where one fails, saying how to see it again."""
    for count, step in enumerate(steps):
        began = time.process_time()
        try:
            step()
            if heard:
                raise Wrong(heard[0])
            if (took := time.process_time() - began) > STALL:
                raise Wrong(f"everybody had to wait for {took:.1f} s")
        except Exception as error:
            again = f"python -m tests.server.fuzz {again} --frames {count + 1}"
            raise Wrong(f"{error!r}\nat {repr(talk.raw)[:1_000]}\nsee it again: {again}") from error


def peak():
    """The most memory that the process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)


def main(arguments):
    """Run from the command line, and tell the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.server.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, metavar="ROUND", help="the round to begin with")
    parser.add_argument("--sockets", action="store_true", help="over WebSockets, to a server on a thread")
    parser.add_argument("--http", action="store_true", help="HTTP requests instead of frames, in process")
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        if given.sockets:
            from tests.server.fuzz_sockets import fuzz_sockets

            fuzz_sockets(given.seed, given.frames)
        elif given.http:
            from tests.server.fuzz_http import fuzz_http

            fuzz_http(given.seed, given.frames, given.first)
        else:
            fuzz(given.seed, given.frames, given.first)
    except Wrong as wrong:
        print(f"Seed {given.seed}: {wrong}")
        return 1
    took = time.perf_counter() - began
    print(
        f"{given.frames:,} frames of seed {given.seed}, {given.frames / took:,.0f} a second: all that must hold held"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
