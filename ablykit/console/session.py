"""An SDK at work: one client, one channel, and a key for each thing that it can do.

    with Session(Ably, client_id="me", channel="chat") as session:
        session.press("a").result()               # attach, and wait until the SDK says that it has
        session.press("m", "hello").result()      # publish
        print(session.transcript)                 # every frame of it

The SDK is any class that the judge can drive (see `judge.objects`). It runs on threads of its own and
connects through a relay, which sees each frame. Whatever it does wrong becomes a `Note`, a
sentence for its user: a session never raises for its SDK's mistakes, and never waits for it without a limit.
"""

import asyncio
import contextlib
import inspect
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self

from ablykit.backend import RemoteAbly
from ablykit.judge.client import Client, Place
from ablykit.judge.lines import Order, Report
from ablykit.judge.objects import Objects
from ablykit.machine.loop import LoopThread
from ablykit.protocol.explanation import visible
from ablykit.record import Transcript
from ablykit.relay import Relay
from ablykit.server import LocalAbly

PATIENCE = 10.0
"""How long an SDK may take for one thing before it is said that it does, in seconds."""

CLOSING = 3.0
"""How long `close()` of an SDK may take, in seconds."""


@dataclass(frozen=True)
class Key:
    """What a key does: the order for the SDK, and the word for the reader."""

    do: str
    word: str


KEYS = {
    "a": Key("attach", "attach"),
    "d": Key("detach", "detach"),
    "m": Key("publish", "message"),
    "e": Key("enter", "enter"),
    "l": Key("leave", "leave"),
}
"""What each key does. Beside these, `q` ends the session."""


@dataclass(frozen=True)
class Note:
    """What went wrong: a sentence, and its place among the entries of the transcript."""

    at: float
    """When, in ms since 1970."""
    after: int
    """How many entries the transcript had by then."""
    text: str


class Session:
    """A console without a screen. It connects as soon as it is made.

    `sdk` is a class; `ably` is the Ably to connect to. Without one, an embedded Ably of its own is started.

    Raises `TypeError` if `sdk` is no class.
    """

    def __init__(
        self,
        sdk: Callable[..., object],
        ably: LocalAbly | RemoteAbly | None = None,
        *,
        client_id: str = "me",
        channel: str = "my_channel",
    ) -> None:
        _check(sdk)
        self.client_id, self.channel = client_id, channel
        self.notes: list[Note] = []
        self.state = "connecting"
        """The connection's state, as the SDK reported it last."""
        self.on_news: Callable[[], object] = lambda: None
        """Called when a note was added or the state has changed, on a thread of the session's."""
        self._ids = itertools.count(1)
        self._open: dict[str, deque[Future[bool]]] = {}
        """What the SDK has been told and not done yet, by order."""
        self._held: list[Callable[[], None]] | None = []
        """What it will be told once it is connected; None from then on."""
        self._ended, self._lock = False, threading.Lock()
        self._ending = contextlib.ExitStack()
        try:
            self._client = self._start(sdk, ably or self._ending.enter_context(LocalAbly()))
        except BaseException:
            self._ending.close()
            raise
        self.connected = self._tell("start")
        """Comes true when the SDK has connected, and False if it can't."""

    @property
    def transcript(self) -> Transcript:
        """Every frame that crossed the wire."""
        return self._relay.transcript

    @property
    def has_ended(self) -> bool:
        """Whether it was closed."""
        return self._ended

    def press(self, key: str, text: str = "") -> Future[bool]:
        """Do what a key does, and return at once.

        The future says whether the SDK has done it, and comes true with False if it failed, or took longer
        than `PATIENCE`. `text` is the message for **m**, and the data to enter with for **e**.
        """
        if key not in KEYS:
            return self._refuse(f"There is no key {key!r}. The keys are {', '.join(KEYS)} and q.")
        if self._ended:
            return self._refuse("The session has ended. Run the cell again, or start the command again.")
        if self.state == "failed":
            return self._refuse(
                "There is no connection. End this with q, mend what is wrong, and start again."
            )
        return self._tell(KEYS[key].do, text)

    def close(self) -> None:
        """Let the SDK close its connection, and end everything. Calling this again does nothing."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        with self._ending:
            with contextlib.suppress(TimeoutError):  # an object that is not made yet can't close
                self.connected.result(CLOSING)
            self._tell("close")
            self._thread.run(self._client.finish(CLOSING))
        self._become("closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- what the SDK reports, on the session's thread

    def hear(self, client: str, report: Report) -> None:
        """Take a report."""
        if report.state:
            self._become(report.state)
            if report.state == "connected":
                self._settle("start", done=True)
        elif report.did:
            self._settle(report.did, done=report.ok is not False)
            if report.ok is False:
                why = report.log or f"It failed with the code {report.code}"
                self._note(f"{KEYS_OF[report.did]} was refused. {why}")

    def trouble(self, client: str, kind: str, text: str) -> None:
        """Take what went wrong."""
        what = text.partition(" ")[0]
        if what == "close" and self.state == "failed":
            return  # there is nothing to close, which was said already
        if kind == "crashed":
            self._become("failed")
        self._settle(what, done=False)
        self._note(_in_words(what, text))

    # -- inside

    def _start(self, sdk: Callable[..., object], ably: LocalAbly | RemoteAbly) -> Client:
        self._relay = self._ending.enter_context(Relay(ably.tls_url))
        url, key = self._relay.url, ably.key.reveal()
        place = Place(url, f"http{url[2:]}", self.client_id, self._relay.ca_file, key)
        objects = Objects(sdk)
        self._ending.callback(objects.stop)
        self._thread = self._ending.enter_context(LoopThread("ablykit-console"))
        return self._thread.call(lambda: objects(place, self))

    def _tell(self, do: str, text: str = "") -> Future[bool]:
        """Give the SDK an order, and return what says whether it was done."""
        outcome: Future[bool] = Future()
        with_id = next(self._ids) if do in ("publish", "enter", "leave") else None
        order = Order(do, id=with_id, channel=self.channel, data=text)

        def tell() -> None:
            if self._held is not None and do not in ("start", "close"):
                self._held.append(tell)
                return
            self._open.setdefault(do, deque()).append(outcome)
            asyncio.get_running_loop().call_later(PATIENCE, self._complain, do, outcome)
            self._client.tell(order)

        self._thread.loop.call_soon_threadsafe(tell)
        return outcome

    def _complain(self, do: str, outcome: Future[bool]) -> None:
        if not outcome.done():
            self._open[do].remove(outcome)
            outcome.set_result(False)
            self._note(f"{do} has not returned after {PATIENCE:g} s. What does your SDK wait for there?")

    def _settle(self, do: str, *, done: bool) -> None:
        if waiting := self._open.get(do):
            waiting.popleft().set_result(done)
        if do == "start" and self._held is not None:
            held, self._held = self._held, None
            for tell in held:
                tell()

    def _refuse(self, why: str) -> Future[bool]:
        self._note(why)
        refused: Future[bool] = Future()
        refused.set_result(False)
        return refused

    def _become(self, state: str) -> None:
        self.state = state
        self.on_news()

    def _note(self, text: str) -> None:
        self.notes.append(Note(time.time() * 1000, self.transcript.count, visible(text)))
        self.on_news()


KEYS_OF = {key.do: f"{name} ({key.word})" for name, key in KEYS.items()}
"""The key for each order, as a note names it."""


def _check(sdk: Any) -> None:
    """Raise `TypeError` for what can't make an object, with what to give instead."""
    if sdk is None:
        raise TypeError("There is no SDK: give the class itself, such as Console(Ably)")
    if not callable(sdk) or (not inspect.isclass(sdk) and hasattr(sdk, "connect")):
        name = type(sdk).__name__
        raise TypeError(f"Give the class {name} itself, not an object of it: the console makes its own")


def _in_words(what: str, text: str) -> str:
    """Return trouble as a sentence that says what to do."""
    if what == "start":
        return f"There is no connection: {text.removeprefix('start raised ')}. End this with q."
    return f"{text}."
