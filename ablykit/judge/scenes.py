"""Situations that a client has to master, each provoked on purpose: what a storm-free run does not bring up.

A scene has an app of its own, so that scenes don't meet, and one or two clients. It provokes something (a
NACK, a cut, an expired token) and gives the client some time to do what the specification asks. Whether the
client did is not decided here: the rules in `behaviour` look at what the scene left, its history and its
recording. A client that does not even come to the point leaves nothing to see, and the rule stays unknown.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace

from ablykit.judge.client import Start
from ablykit.judge.evidence import Evidence
from ablykit.judge.history import Deed
from ablykit.judge.lines import PROTOCOL, Order
from ablykit.judge.service import Service
from ablykit.judge.stage import Stage
from ablykit.protocol import Action, ErrorInfo, Message, ProtocolMessage
from ablykit.record import Entry
from ablykit.server import LocalApp

ONE, TWO = "judge:one", "judge:two"
ODD_CHANNEL = 'judge:say "hi" \\ and ü'
ODD_NAME = "R&D+1=50%"
"""A channel and a clientId with characters that mean something in JSON and in URLs."""

ON_PURPOSE = ErrorInfo(code=40000, status_code=400, message="On purpose")

FORBIDDEN = "elsewhere"
"""A channel that the scenes' keys don't allow."""

PATIENCE = 4.0
"""How long a client may take for one thing, in seconds."""

SHORT_PATIENCE = 1.0
"""How long a client may take for a thing after it has let another one pass."""

LEFT_ALONE = 1.0
"""How long a client that should do nothing is watched, in seconds."""

TOO_LARGE = 70_000


class NotReached(Exception):
    """A client did not come so far that the scene could begin."""


class Scene(Stage):
    """The stage of one scene, with an app of its own."""

    def __init__(self, name: str, service: Service, start: Start, **options: object) -> None:
        super().__init__()
        self.name, self.service, self._start = name, service, start
        self.app: LocalApp = service.new_app(**options)
        self.key = self.app.new_key({"judge:*": ["*"]}).reveal()
        self.token_times: list[int] = []
        """How long the tokens are good that clients without a key are given, in s; the last is used again."""
        self._evidence, self._seen = Evidence(()), service.transcript.count
        self._patience = PATIENCE
        self._ids = itertools.count(1)

    def token_for(self, client: str) -> str:
        """Return a token that is good for as long as the scene says next."""
        times = self.token_times
        seconds = times.pop(0) if len(times) > 1 else times[0] if times else 3600
        return self.service.token(client, seconds, self.app)

    @contextlib.contextmanager
    def watching(self) -> Generator[None]:
        """Look again whenever a frame crosses the wire, and not only when a client says something."""
        loop = asyncio.get_running_loop()

        def wake(entry: Entry) -> None:
            loop.call_soon_threadsafe(self.news.set)

        stop = self.service.transcript.listen(wake)
        try:
            yield
        finally:
            stop()

    async def wait(self, condition: Callable[[], bool], patience: float | None = None) -> bool:
        """Wait until something is so, and return whether it is.

        A client that has let one thing pass is given less time for each of the next: what it does not do at
        all should not cost a scene its whole patience several times.
        """
        if await self.until(condition, patience or self._patience):
            return True
        self._patience = SHORT_PATIENCE
        return False

    async def enter(self, who: str, *channels: str, key: str | None = "", connects: bool = True) -> str:
        """Start a client, let it connect and attach; return its name. Raises `NotReached`.

        `key` is another key than the scene's; None for a client that has to ask for tokens.
        """
        name = f"{self.name}-{who}"
        given = self.key if key == "" else key
        place = replace(self.service.place(name, self.app), key=given)
        client = self.clients[name] = self._start(place, self)
        await client.open()
        self.tell(name, Order("start", protocol=PROTOCOL))
        if connects and not await self._connects(name):
            raise NotReached
        for channel in channels:
            await self.attach(name, channel)
        return name

    async def _connects(self, name: str) -> bool:
        history = self.history
        await self.until(lambda: history.state(name) == "connected" or history.has_ended(name), 5 * PATIENCE)
        return history.state(name) == "connected"

    async def attach(self, client: str, channel: str) -> None:
        """Let a client attach. Raises `NotReached`."""
        self.tell(client, Order("attach", channel=channel))
        if not await self.wait(lambda: (client, channel) in self.history.attached):
            raise NotReached

    def publish(self, client: str, channel: str, text: str = "hello") -> Deed:
        """Ask a client to publish; return what becomes of it."""
        id = next(self._ids)
        order = Order("publish", id=id, channel=channel, data=f"{self.name} #{id} {text}")
        self.tell(client, order)
        return self.history.publishes[client, id]

    async def done(self, *deeds: Deed) -> bool:
        """Wait until all these have been reported, and return whether they have."""
        return await self.wait(lambda: all(deed.ok is not None for deed in deeds))

    async def presence(self, client: str, do: str, channel: str = ONE) -> None:
        """Let a client enter or leave. Raises `NotReached`."""
        id = next(self._ids)
        self.tell(client, Order(do, id=id, channel=channel, data=do if do == "enter" else None))
        if not await self.done(self.history.presence[client, id]):
            raise NotReached

    async def members(self, client: str, expected: list[str], channel: str = ONE) -> None:
        """Ask a client who is present, again while it answers something else than expected."""
        for _ in range(5):
            before = len(self.history.answers)
            self.tell(client, Order("members", id=next(self._ids), channel=channel))
            answered = await self.until(lambda: len(self.history.answers) > before, 1.0)  # noqa: B023
            if not answered or sorted(self.history.answers[-1].members) == expected:
                return

    def send(self, client: str, action: int, **members: object) -> None:
        """Send a client a frame that the service would not send by itself."""
        frame = ProtocolMessage(action=action, **members)  # type: ignore[reportArgumentType]
        self.service.send(frame, client, self.app)

    def frames(self, client: str, direction: str, action: int) -> int:
        """Return how many frames of an action a client has sent or got so far."""
        for entry in self.service.transcript.since(self._seen):
            self._evidence.take(entry)
            self._seen = entry.number + 1
        return sum(len(wire.frames(direction, action)) for wire in self._evidence.of(client))


Play = Callable[[Scene], Awaitable[None]]


async def refusal(scene: Scene) -> None:
    """One of four publishes is refused; another comes after it."""
    client = await scene.enter("client", ONE)
    scene.app.nack_next(40160)
    await scene.done(*(scene.publish(client, channel) for channel in (ONE, ONE, TWO, ONE)))
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def renewal(scene: Scene) -> None:
    """The service asks for another token, some 30 s before the old one ends."""
    scene.token_times = [32, 3600]
    client = await scene.enter("client", ONE, key=None)
    await scene.done(scene.publish(client, ONE))
    await scene.wait(lambda: scene.frames(client, "in", Action.AUTH) > 0)
    await scene.wait(lambda: scene.frames(client, "in", Action.CONNECTED) > 1)
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def expiry(scene: Scene) -> None:
    """The token ends without warning."""
    scene.token_times = [2, 3600]
    client = await scene.enter("client", ONE, key=None)
    await scene.wait(lambda: scene.frames(client, "in", Action.DISCONNECTED) > 0)
    await scene.wait(lambda: scene.frames(client, "in", Action.CONNECTED) > 1)
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def detachment(scene: Scene) -> None:
    """The service detaches a channel by itself."""
    client = await scene.enter("client", ONE, TWO)
    scene.send(client, Action.DETACHED, channel=ONE, error=ON_PURPOSE)
    await scene.wait(lambda: scene.frames(client, "out", Action.ATTACH) > 2)
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def forbidden(scene: Scene) -> None:
    """One channel can't be attached to; another goes on."""
    client = await scene.enter("client", ONE)
    scene.tell(client, Order("attach", channel=FORBIDDEN))
    await scene.wait(lambda: scene.frames(client, "in", Action.ERROR) > 0)
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def cut(scene: Scene) -> None:
    """The connection breaks without a word while a peer publishes."""
    client, peer = await scene.enter("client", ONE, TWO), await scene.enter("peer", ONE)
    await scene.done(scene.publish(client, ONE), scene.publish(client, TWO), scene.publish(peer, ONE))
    scene.app.disconnect(client)
    missed = scene.publish(peer, ONE, "meanwhile")
    await scene.wait(lambda: scene.frames(client, "in", Action.ATTACHED) > 3)
    await scene.done(missed, scene.publish(client, ONE, "afterwards"))
    await scene.wait(lambda: any((g.client, g.data) == (client, missed.data) for g in scene.history.got))


async def amnesia(scene: Scene) -> None:
    """The connection breaks and can't be resumed; the client was present on a channel."""
    client = await scene.enter("client", ONE)
    await scene.presence(client, "enter")
    scene.app.disconnect(client, forget=True)
    await scene.wait(lambda: scene.frames(client, "in", Action.ATTACHED) > 1)
    await scene.wait(lambda: scene.frames(client, "out", Action.PRESENCE) > 1)
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def unheard_of(scene: Scene) -> None:
    """The service sends a frame of a kind that the client can't know yet."""
    client = await scene.enter("client", ONE)
    scene.send(client, 99, channel=ONE)
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def parting(scene: Scene) -> None:
    """The client is asked to detach; afterwards a message for the channel is still on its way."""
    client = await scene.enter("client", ONE, TWO)
    scene.tell(client, Order("detach", channel=ONE))
    if await scene.wait(lambda: (client, ONE) in scene.history.left):
        scene.send(client, Action.MESSAGE, channel=ONE, id="late:0", messages=[Message(data="late")])
        await scene.done(scene.publish(client, TWO, "afterwards"))


async def too_large(scene: Scene) -> None:
    """The client is asked to publish more than maxMessageSize, and then something small."""
    client = await scene.enter("client", ONE)
    await scene.done(scene.publish(client, ONE, "x" * TOO_LARGE))
    await scene.done(scene.publish(client, ONE, "afterwards"))


async def fatal(scene: Scene) -> None:
    """The service ends the connection with an ERROR."""
    client = await scene.enter("client", ONE)
    scene.send(client, Action.ERROR, error=ON_PURPOSE)
    await scene.wait(lambda: scene.history.state(client) == "failed")
    await scene.wait(lambda: scene.frames(client, "in", Action.CONNECTED) > 1, LEFT_ALONE)


async def wrong_key(scene: Scene) -> None:
    """The key is not one of the service's."""
    client = await scene.enter("client", key=f"{scene.key}-wrong", connects=False)
    await scene.wait(lambda: scene.history.state(client) == "failed" or scene.history.has_ended(client))
    await scene.wait(lambda: scene.frames(client, "in", Action.ERROR) > 2, LEFT_ALONE)


async def odd(scene: Scene) -> None:
    """The client and the channel have names that must be escaped."""
    client = await scene.enter(ODD_NAME, ODD_CHANNEL)
    await scene.done(scene.publish(client, ODD_CHANNEL))


async def company(scene: Scene) -> None:
    """One is present before another attaches, and leaves afterwards."""
    first = await scene.enter("client", ONE)
    await scene.presence(first, "enter")
    second = await scene.enter("peer", ONE)
    await scene.members(second, [first])
    await scene.presence(first, "leave")
    await scene.members(second, [])


SCENES: dict[str, tuple[Play, dict[str, object]]] = {
    "refusal": (refusal, {}),
    "renewal": (renewal, {}),
    "expiry": (expiry, {}),
    "detachment": (detachment, {}),
    "forbidden": (forbidden, {}),
    "cut": (cut, {}),
    "amnesia": (amnesia, {}),
    "unheard": (unheard_of, {}),
    "parting": (parting, {}),
    "large": (too_large, {}),
    "fatal": (fatal, {}),
    "wrongkey": (wrong_key, {}),
    "company": (company, {}),
    "odd": (odd, {}),
}
"""Every scene by its name, with what is different on its app."""


async def play(name: str, service: Service, start: Start) -> Scene:
    """Play one scene to its end, and return it with all that it left."""
    acts, options = SCENES[name]
    scene = Scene(name, service, start, **options)
    with scene.watching():
        try:
            await acts(scene)
        except NotReached:
            pass
        finally:
            await scene.close(PATIENCE)
    return scene
