"""Channels and presence for asyncio: what an application holds in its hands."""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from ablykit.client.channel import Channel
from ablykit.client.outputs import Promise, StateChange
from ablykit.protocol import AblyError, Message, PresenceAction, PresenceMessage, PublishResult

T = TypeVar("T")


class Host(Protocol):
    """What a channel needs from its client."""

    def do(self, event: Callable[[float], T]) -> T:
        """Give the machine an event."""
        ...

    async def wait(self, promise: Promise) -> Any:
        """Return what a promise comes to, or raise its error."""
        ...

    def tell(self, listeners: "list[Callable[[T], object]]", item: T) -> None:
        """Call the application's functions."""
        ...

    def new_id(self) -> str:
        """Return an id to publish under."""
        ...


class Stream(Generic[T]):
    """What arrives from now on, for `async for`. It ends when the channel is detached, and raises the reason
    when it fails."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[T | AblyError | None] = asyncio.Queue()

    def put(self, item: T | AblyError | None) -> None:
        """Add an item; an error or None is the end."""
        self._arrived.put_nowait(item)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = await self._arrived.get()
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, AblyError):
            raise item
        return item


class RealtimeChannel:
    """A channel of a `Realtime`. It stays attached, through lost sockets, until it is detached."""

    def __init__(self, machine: Channel, host: Host) -> None:
        self.name = machine.name
        self.presence = RealtimePresence(machine, host)
        self._machine, self._host = machine, host
        self._messages: list[Callable[[Message], object]] = []
        self._changes: list[Callable[[StateChange], object]] = []
        self._streams: list[Stream[Message]] = []

    @property
    def state(self) -> str:
        """The state of the channel (RTL2), such as `attached`."""
        return self._machine.state

    @property
    def error(self) -> AblyError | None:
        """Why the channel is in its state, if there is a reason (RTL4e)."""
        return self._machine.error

    async def attach(self) -> None:
        """Attach, and wait for ATTACHED (RTL4). Raises `AblyError`: the service's, or 90007 without an
        answer."""
        await self._host.wait(self._host.do(self._machine.attach))

    async def detach(self) -> None:
        """Detach, and wait for DETACHED (RTL5). Raises `AblyError`."""
        await self._host.wait(self._host.do(self._machine.detach))

    async def publish(
        self, data: Any = None, *, name: str | None = None, extras: dict[str, Any] | None = None
    ) -> PublishResult:
        """Publish a message, and return its serial once the service has acknowledged it (RTL6).

        `data` is text, bytes, an object or a list. Before the connection is there, the message waits for it.
        A list of `Message` is published together. Raises `AblyError` if the service refuses it, and if the
        connection is lost for good before the answer came: then the message may have been published or not.
        """
        messages = _messages(data) or [Message(data=data, name=name, extras=extras)]
        ids = self._host.new_id()
        return await self._host.wait(self._host.do(lambda now: self._machine.publish(messages, ids)))

    def subscribe(self, listener: Callable[[Message], object]) -> Callable[[], None]:
        """Call a function with each message, and attach (RTL7). Return a function that ends it."""
        self._messages.append(listener)
        self._host.do(self._machine.attach)
        return lambda: self._messages.remove(listener)

    def messages(self) -> Stream[Message]:
        """Return the messages from now on, for `async for`; attach, too."""
        stream = Stream[Message]()
        self._streams.append(stream)
        self._host.do(self._machine.attach)
        return stream

    def on_state(self, listener: Callable[[StateChange], object]) -> Callable[[], None]:
        """Call a function with each change of the channel's state. Return a function that ends it."""
        self._changes.append(listener)
        return lambda: self._changes.remove(listener)

    def deliver(self, item: Message | PresenceMessage) -> None:
        """Hand an item to the application."""
        if isinstance(item, PresenceMessage):
            self.presence.deliver(item)
            return
        self._host.tell(self._messages, item)
        for stream in self._streams:
            stream.put(item)

    def changed(self, change: StateChange) -> None:
        """Tell the application of a change, and end its streams with the channel."""
        self._host.tell(self._changes, change)
        if change.current in ("detached", "failed"):
            streams, self._streams = self._streams, []
            for stream in streams:
                stream.put(change.error if change.current == "failed" else None)


def _messages(data: Any) -> list[Message]:
    given = cast("list[Any]", data) if isinstance(data, list) else []
    return given if all(isinstance(each, Message) for each in given) else []


class RealtimePresence:
    """Who is present on a channel."""

    def __init__(self, machine: Channel, host: Host) -> None:
        self._machine, self._host = machine, host
        self._listeners: list[Callable[[PresenceMessage], object]] = []

    async def enter(self, data: Any = None, *, client_id: str | None = None) -> None:
        """Enter, as this client or in the name of another (RTP8, RTP14). Attaches first where needed.

        The client stays present through lost sockets, until it leaves. Raises `AblyError`.
        """
        await self._change(PresenceAction.ENTER, data, client_id)

    async def update(self, data: Any = None, *, client_id: str | None = None) -> None:
        """Change the data of a member, entering it where needed (RTP9). Raises `AblyError`."""
        await self._change(PresenceAction.UPDATE, data, client_id)

    async def leave(self, data: Any = None, *, client_id: str | None = None) -> None:
        """Leave (RTP10). Raises `AblyError`."""
        await self._change(PresenceAction.LEAVE, data, client_id)

    async def get(self) -> list[PresenceMessage]:
        """Return who is present, once that is known (RTP11). Attaches first where needed."""
        await self._host.wait(self._host.do(self._machine.attach))
        await self._host.wait(self._host.do(lambda now: self._machine.known()))
        return list(self._machine.members.present())

    def subscribe(self, listener: Callable[[PresenceMessage], object]) -> Callable[[], None]:
        """Call a function with each change, and attach (RTP6). Return a function that ends it."""
        self._listeners.append(listener)
        self._host.do(self._machine.attach)
        return lambda: self._listeners.remove(listener)

    def deliver(self, item: PresenceMessage) -> None:
        """Hand a change to the application."""
        self._host.tell(self._listeners, item)

    async def _change(self, action: PresenceAction, data: Any, client_id: str | None) -> None:
        item = PresenceMessage(action=int(action), data=data, client_id=client_id)
        await self._host.wait(self._host.do(lambda now: self._machine.change(item, now)))
