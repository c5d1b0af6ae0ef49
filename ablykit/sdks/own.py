"""This package's own client as the judge drives it."""

import ssl
from collections.abc import Awaitable, Callable

from ablykit.client import Realtime
from ablykit.client.outputs import StateChange


class Own:
    """`ablykit.client.Realtime` with the methods that the judge calls (see `judge.objects`)."""

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        on_message: Callable[..., object],
        key: str | None = None,
        ca_file: str | None = None,
        on_state: Callable[..., object] = lambda *change: None,
        get_token: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self._client = Realtime(
            url,
            key=key,
            auth_callback=None if key else get_token,
            client_id=client_id,
            tls=ssl.create_default_context(cafile=ca_file) if ca_file else None,
        )
        self._on_message, self._heard = on_message, set[str]()

        def changed(change: StateChange) -> None:
            on_state(change.current, change.error.code if change.error else None)

        self._client.on_state(changed)
        self.connect, self.close = self._client.connect, self._client.close

    async def attach(self, channel: str) -> None:
        """Attach, and hand over what arrives from now on."""
        one = self._client.channel(channel)
        if channel not in self._heard:
            self._heard.add(channel)
            one.subscribe(lambda message: self._on_message(channel, message.data, message.client_id))
        await one.attach()

    async def detach(self, channel: str) -> None:
        """Detach."""
        await self._client.channel(channel).detach()

    async def publish(self, channel: str, data: str) -> None:
        """Publish a message."""
        await self._client.channel(channel).publish(data)

    async def enter(self, channel: str, data: str) -> None:
        """Enter as the client that this is."""
        await self._client.channel(channel).presence.enter(data)

    async def leave(self, channel: str) -> None:
        """Leave."""
        await self._client.channel(channel).presence.leave()

    async def members(self, channel: str) -> list[str]:
        """Return who is present."""
        return [str(member.client_id) for member in await self._client.channel(channel).presence.get()]
