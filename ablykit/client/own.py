"""The members that a client wants on a channel, and enters again when the service lost them (RTP17)."""

from collections.abc import Callable, Iterable, Iterator

from ablykit.client.outputs import Promise
from ablykit.protocol import AblyError, PresenceAction, PresenceMessage

LOST = 8
"""The codes 80000 to 89999 say that the connection was lost, not that the service refused something."""

Publish = Callable[[PresenceMessage, Promise], Promise]


class Own:
    """This client's members of one channel. `publish` sends a change and returns the promise of its ACK."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._wanted: dict[str | None, PresenceMessage] = {}
        self._entering: set[str | None] = set()

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._wanted)

    def change(self, item: PresenceMessage, promise: Promise) -> Promise:
        """Enter, update or leave. A member that the service refuses is not entered again."""
        if item.action == PresenceAction.LEAVE:
            self._wanted.pop(item.client_id, None)
        else:
            self._wanted[item.client_id] = item
        return self._publish(item, promise)

    def refused(self, item: PresenceMessage) -> None:
        """Forget a member, unless it was changed since."""
        if self._wanted.get(item.client_id) is item:
            del self._wanted[item.client_id]

    def again(self, client_ids: Iterable[str | None]) -> None:
        """Enter those of these members that are wanted, and not on their way already (RTP17i)."""
        for client_id in [each for each in client_ids if each in self._wanted]:
            if client_id not in self._entering:
                self._entering.add(client_id)
                self._enter(self._wanted[client_id].replace(action=int(PresenceAction.ENTER)))

    def _enter(self, item: PresenceMessage) -> None:
        def answered(error: AblyError | None) -> None:
            self._entering.discard(item.client_id)
            if error and error.code // 10_000 != LOST:
                self.refused(item)

        promise = Promise()
        promise.then(answered)
        self.change(item, promise)
