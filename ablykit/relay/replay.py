"""A recording played again: its client's side is sent to a live service, which answers anew."""

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
"""Seconds that an answer may take before the next frame is sent without it."""

CUT = "1006"
"""The close code of a connection that ended without a close frame (RFC 6455 §7.1.5): a network's doing."""

_GIVEN = {"key", "accessToken", "access_token"}


async def resend(recording: Transcript, url: str, *, patience: float = PATIENCE) -> Transcript:
    """Send all that the recording's clients sent to the service at `url`; gives the new transcript.

    Each connection is opened with the parameters it had, but for the credentials, which are those in
    `url`. A frame is sent when the answers that came before it in the recording have come again, or
    after `patience` seconds. Ids, keys and serials that the service gave then are replaced by those it
    gives now. Compare both with `ablykit.record.compare`. Raises `WireError` when nothing answers.
    """
    again = _Again(url, patience, Transcript())
    try:
        for entry in list(recording):
            await again.take(entry)
        await again.catch_up()
        return again.transcript.copy()  # what the recording left open is closed below: no part of it
    finally:
        for peer in again.peers.values():
            await peer.wire.close()


@dataclass
class _Peer:
    """One connection: the recorded frames that its service sent and that have not come again yet."""

    wire: AsyncConnection
    due: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass
class _Again:
    url: str
    patience: float
    transcript: Transcript
    peers: dict[str, _Peer] = field(default_factory=dict[str, _Peer])
    names: dict[str, str] = field(default_factory=dict[str, str])
    """What the service called things then, and what it calls them now."""

    async def take(self, entry: Entry) -> None:
        """Do what the recording's client did, or note what its service said."""
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
            return  # it ended sooner than then: the comparison will show it

    async def catch_up(self) -> None:
        """Wait until all that had been answered by then is answered now."""
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
        """The oldest frame due with the same action is what this one stands for."""
        for index, then in enumerate(due):
            if then.get("action") == frame.get("action"):
                self.names.update(_names(then, frame))
                del due[index]
                return

    def _renamed(self, text: str) -> str:
        """The text with each name of then as it is now; a name may stand within a longer one."""
        longest_first = sorted(self.names, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first))
        return re.sub(pattern, lambda found: self.names[found[0]], text) if pattern else text


def _as_recorded(url: str, recorded: str, renamed: Callable[[str], str]) -> str:
    """`url`, with the recorded connection's parameters; its own credentials, if there were any then."""
    then = dict(parse_qsl(urlsplit(recorded).query))
    if not then.keys() & _GIVEN:
        url = url.partition("?")[0]
    return connection_url(url, **{name: renamed(value) for name, value in then.items() if name not in _GIVEN})


def _names(then: Any, now: Any, *, masked: bool = False) -> dict[str, str]:
    """Return for each id, key or serial in a recorded frame what stands in its place in a new one."""
    if masked and isinstance(then, str) and isinstance(now, str):
        return {then: now} if len(then) > 3 else {}
    found: dict[str, str] = {}
    if isinstance(then, dict) and isinstance(now, dict):
        new = cast("dict[str, Any]", now)
        for name, value in cast("dict[str, Any]", then).items():
            found |= _names(value, new.get(name), masked=name in MASKED)
    elif isinstance(then, list) and isinstance(now, list):
        for one, two in zip(cast("list[Any]", then), cast("list[Any]", now), strict=False):
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
