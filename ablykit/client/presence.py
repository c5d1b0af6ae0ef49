"""Who is present on a channel, as the service tells it (RTP2, RTP18, RTP19).

Members come in two ways: one by one, as they enter, update and leave, and all at once in a SYNC. Both may say
the same thing, and not in order, so a change counts only if it is *newer* than what is known of its member.
Whoever a SYNC has not named by its end has left meanwhile.

    members.begin_sync()
    members.sync(frame)          # returns what changed, for the application
    list(members.present())
"""

from collections.abc import Iterable, Iterator

from ablykit.client.data import filled
from ablykit.protocol import PresenceAction, PresenceMessage, ProtocolMessage

Key = tuple[str, str]
"""A member: its connectionId and its clientId (TP3h)."""


def key_of(item: PresenceMessage) -> Key:
    """Return the key of the member that an item is about (TP3h)."""
    return item.connection_id or "", item.client_id or ""


def is_made_up(item: PresenceMessage) -> bool:
    """Return whether the service made the item up, such as the leave of a client that is gone (RTP2b1)."""
    return not (item.id or "").startswith(f"{item.connection_id}:")


def is_newer(item: PresenceMessage, known: PresenceMessage) -> bool:
    """Return whether an item is newer than what is known of its member (RTP2b)."""
    if is_made_up(item) or is_made_up(known):
        return (item.timestamp or 0) >= (known.timestamp or 0)
    return _order(item) > _order(known)


def _order(item: PresenceMessage) -> tuple[int, ...]:
    parts = (item.id or "").split(":")[-2:]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)


class Members:
    """The members of one channel."""

    def __init__(self) -> None:
        self._known: dict[Key, PresenceMessage] = {}
        self._unseen: dict[Key, None] | None = None
        """The members that the SYNC under way has not named yet; None without a SYNC."""
        self._sequence: str | None = None

    @property
    def syncing(self) -> bool:
        """Whether a SYNC is under way, so that members may be missing (RTP13)."""
        return self._unseen is not None

    def present(self) -> Iterator[PresenceMessage]:
        """Yield the members that are present."""
        return (item for item in self._known.values() if item.action != PresenceAction.ABSENT)

    def has(self, key: Key) -> bool:
        """Return whether a member is present."""
        return key in self._known and self._known[key].action != PresenceAction.ABSENT

    def begin_sync(self) -> list[PresenceMessage]:
        """Expect a SYNC that names everybody (RTP18a). Nobody has changed yet."""
        self._unseen, self._sequence = dict.fromkeys(self._known), None
        return []

    def sync(self, frame: ProtocolMessage) -> list[PresenceMessage]:
        """Take a SYNC frame in. Return the changes, including those who left if it is the last one."""
        sequence, _, cursor = (frame.channel_serial or "").partition(":")
        if self._unseen is None or (self._sequence not in (None, sequence)):
            self.begin_sync()
        self._sequence = sequence
        changes = self.update(frame)
        return changes if cursor else changes + self._end_sync()

    def update(self, frame: ProtocolMessage) -> list[PresenceMessage]:
        """Take the changes in a PRESENCE or SYNC frame in. Return those that are news."""
        return [news for item in filled(frame, frame.presence) if (news := self._change(item))]

    def clear(self) -> list[PresenceMessage]:
        """Forget everybody. Return that they left (RTP19a)."""
        self._unseen = dict.fromkeys(self._known)
        return self._end_sync()

    def _change(self, item: PresenceMessage) -> PresenceMessage | None:
        key = key_of(item)
        known = self._known.get(key)
        if self._unseen is not None:
            self._unseen.pop(key, None)
        if known and not is_newer(item, known):
            return None
        was_present = self.has(key)
        if item.action != PresenceAction.LEAVE:
            self._known[key] = item.replace(action=int(PresenceAction.PRESENT))
            return item if item.action != PresenceAction.PRESENT or not was_present else None
        if self._unseen is None:
            self._known.pop(key, None)
        else:  # an older item of the SYNC must not bring it back (RTP2h2)
            self._known[key] = item.replace(action=int(PresenceAction.ABSENT))
        return item if was_present else None

    def _end_sync(self) -> list[PresenceMessage]:
        gone = _left(self._known[key] for key in self._unseen or () if self.has(key))
        unseen = self._unseen or {}
        self._known = {key: item for key, item in self._known.items() if self.has(key) and key not in unseen}
        self._unseen = None
        return gone


def _left(items: Iterable[PresenceMessage]) -> list[PresenceMessage]:
    return [item.replace(action=int(PresenceAction.LEAVE), id=None) for item in items]
