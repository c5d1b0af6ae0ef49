"""Replay a recording: send its clients' side to a live service, which answers anew.

The service gives new ids, keys and serials. A recorded frame that contains an old one (a resume key, a
channelSerial, the serial of a message) must be sent with the new one in its place. So each answer is matched
with the recorded answer, and every old name is remembered with its new one.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from ablykit.protocol import Action, connection_url
from ablykit.record.comparison import MASKED
from ablykit.record.transcript import Entry, Transcript
from ablykit.wire import AsyncConnection, WireError, connect_async

PATIENCE = 2.0
"""How long to wait for the answers that the recording has before the next frame is sent without them, in
seconds."""

CUT = "1006"
"""The close code of a connection that ended without a close frame, as when a network fails (RFC 6455
§7.1.5)."""

_GIVEN = {"key", "accessToken", "access_token"}


async def resend(recording: Transcript, url: str, *, patience: float = PATIENCE) -> Transcript:
    """Send everything that the recording's clients sent to the service at `url`. Return the new transcript.

    Each connection is opened with its recorded parameters, but with the credentials in `url`. A frame is sent
    when the answers before it in the recording have arrived again, or after `patience` seconds. Ids, keys and
    serials from the recorded service are replaced by the new ones. Compare the two transcripts with
    `ablykit.record.compare`.

    Raises `WireError` if nothing answers at `url`.
    """
    again = _Again(url, patience, Transcript())
    try:
        for entry in list(recording):
            await again.take(entry)
        await again.catch_up()
        return again.transcript.copy()  # before the connections that the recording left open are closed below
    finally:
        for peer in again.peers.values():
            await peer.wire.close()


@dataclass
class _Peer:
    """One connection, and in `due` the recorded answers that have not arrived again yet."""

    wire: AsyncConnection
    due: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass
class _Again:
    url: str
    patience: float
    transcript: Transcript
    peers: dict[str, _Peer] = field(default_factory=dict[str, _Peer])
    names: dict[str, str] = field(default_factory=dict[str, str])
    """The recorded ids, keys and serials, with the new ones."""

    async def take(self, entry: Entry) -> None:
        """Repeat what a recorded client did, or note an answer as due."""
        if entry.kind == "open":
            url = _as_recorded(self.url, str(entry.raw), self._renamed)
            wire = await connect_async(url, transcript=self.transcript, name=entry.connection)
            self.peers[entry.connection] = _Peer(wire)
            return
        peer = self.peers.get(entry.connection)
        if peer is None:
            return
        if entry.kind == "close":
            await self.catch_up()
            if str(entry.raw).startswith(CUT):
                await peer.wire.cut()
            else:
                await peer.wire.close()
        elif entry.kind == "frame" and entry.direction == "in":
            frame = entry.frame or {}
            if frame.get("action") != Action.HEARTBEAT:
                peer.due.append(frame)
        elif entry.kind == "frame":
            await self.catch_up()
            await self._send(peer, entry)

    async def _send(self, peer: _Peer, entry: Entry) -> None:
        raw = entry.raw
        if isinstance(raw, str):
            raw = self._renamed(raw)
        elif entry.frame:
            raw = cast("dict[str, Any]", _replaced(entry.frame, self.names))
        try:
            await peer.wire.send(raw)
        except WireError:
            return  # the connection ended earlier than in the recording, which the comparison will show

    async def catch_up(self) -> None:
        """Wait for the answers that are due, for `patience` seconds at most."""
        deadline = asyncio.get_running_loop().time() + self.patience
        for peer in self.peers.values():
            while peer.due:
                left = deadline - asyncio.get_running_loop().time()
                try:
                    frame = await peer.wire.recv(timeout=max(left, 0.0))
                except WireError:
                    peer.due.clear()
                    break
                self._learn(peer.due, frame)

    def _learn(self, due: list[dict[str, Any]], frame: dict[str, Any]) -> None:
        """Match a frame with the oldest frame due that has the same action, and remember its new names."""
        for index, recorded in enumerate(due):
            if recorded.get("action") == frame.get("action"):
                self.names.update(_names(recorded, frame))
                del due[index]
                return

    def _renamed(self, text: str) -> str:
        """Return a text with each recorded name replaced by the new one.

        The longest names come first, because a shorter one may be part of a longer one.
        """
        longest_first = sorted(self.names, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first))
        return re.sub(pattern, lambda found: self.names[found[0]], text) if pattern else text


def _as_recorded(url: str, recorded: str, renamed: Callable[[str], str]) -> str:
    """Return `url` with the recorded connection's parameters, and without credentials if that had none."""
    params = dict(parse_qsl(urlsplit(recorded).query))
    if not params.keys() & _GIVEN:
        url = url.partition("?")[0]
    return connection_url(
        url, **{name: renamed(value) for name, value in params.items() if name not in _GIVEN}
    )


def _names(recorded: Any, new: Any, *, masked: bool = False) -> dict[str, str]:
    """Return the ids, keys and serials in a recorded value, each with the one in its place in a new value."""
    if masked and isinstance(recorded, str) and isinstance(new, str):
        return {recorded: new} if len(recorded) > 3 else {}
    found: dict[str, str] = {}
    if isinstance(recorded, dict) and isinstance(new, dict):
        members = cast("dict[str, Any]", new)
        for name, value in cast("dict[str, Any]", recorded).items():
            found |= _names(value, members.get(name), masked=name in MASKED)
    elif isinstance(recorded, list) and isinstance(new, list):
        for one, two in zip(cast("list[Any]", recorded), cast("list[Any]", new), strict=False):
            found |= _names(one, two, masked=masked)
    return found


def _replaced(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [_replaced(item, names) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in cast("dict[str, Any]", value).items()}
    return value
