"""A frame as a dict: how it is written, read and shown. And what can go wrong on a wire."""

import json
import ssl
from typing import Any, cast

import msgspec
from websockets.exceptions import InvalidHandshake, InvalidURI

from ablykit.protocol import Action, NotAFrame, ProtocolMessage, plain, typed
from ablykit.protocol.actions import name_of
from ablykit.protocol.codec import read
from ablykit.protocol.explanation import Explanation, explain, summary
from ablykit.protocol.redaction import redact


class WireError(Exception):
    """A connection could not be made, or is not there any more. The message says what to do."""


class WireTimeout(WireError, TimeoutError):
    """What was waited for did not come in time; the message says what came instead."""


class Frame(dict[str, Any]):
    """A frame that was received: a dict with the wire's own names, and how it came in `raw`."""

    raw: str | bytes = ""

    def typed(self) -> ProtocolMessage:
        """The same as a `ProtocolMessage`. Raises `NotAFrame` when it is none."""
        return typed(dict(self))

    def explain(self) -> Explanation:
        """The same with every member explained."""
        return explain(self)

    def __repr__(self) -> str:
        return redact(super().__repr__())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How IPython prints it: as the JSON that it is, with a member a line."""
        printer.text(redact(json.dumps(self, indent=2, ensure_ascii=False, default=repr)))


def to_send(frame: "dict[str, Any] | ProtocolMessage | str | bytes", *, msgpack: bool) -> str | bytes:
    """What goes out: text and bytes as they are, frames written as JSON or MessagePack.

    Raises `WireError` when a value can't be written.
    """
    if isinstance(frame, str | bytes):
        return frame
    value = frame if isinstance(frame, dict) else plain(frame)
    try:
        if msgpack:
            return msgspec.msgpack.encode(value)
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise WireError(f"This can't be written as a frame: {error}") from None


def received(raw: str | bytes) -> Frame:
    """What came in, as a Frame; an empty one where it is no object."""
    try:
        value = read(raw)
    except NotAFrame:
        value = None
    frame = Frame(cast("dict[str, Any]", value) if isinstance(value, dict) else {})
    frame.raw = raw
    return frame


def action_of(action: int | str | None) -> int | None:
    """The number of an action that may be given by name. Raises `ValueError` for an unknown name."""
    if isinstance(action, str):
        try:
            return int(Action[action.upper()])
        except KeyError:
            known = ", ".join(Action.__members__)
            raise ValueError(f"{action!r} is no action; they are {known}") from None
    return action


def what_came(frames: list[Frame]) -> str:
    """The end of an error message: which frames came instead of the one waited for."""
    if not frames:
        return "nothing came"
    shown = ", ".join(f"{_title(frame)} ({summary(frame)})".replace(" ()", "") for frame in frames[-5:])
    return redact(f"what came: {shown}")


def _title(frame: Frame) -> str:
    action = frame.get("action")
    return name_of(action) if isinstance(action, int) else "something that is no frame"


def why_not_opened(url: str, error: BaseException) -> str:
    """Why no WebSocket could be opened, and what to look at next."""
    if isinstance(error, InvalidURI):
        return f"Not a WebSocket URL: {url}. It begins with ws:// or wss://"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{url} is not trusted: {error.verify_message}. Give its CA as ca_file"
    if isinstance(error, ssl.SSLError):
        return f"No TLS with {url}: {error}. Is its port the one for wss://?"
    if isinstance(error, InvalidHandshake):
        return f"{url} answers, but not as a WebSocket: {error}. Does the port belong to the scheme?"
    if isinstance(error, TimeoutError):
        return f"{url} did not answer in time. Is a firewall between, or the host wrong?"
    return f"Nothing answers at {url}: {error}. Is the server running, and the port right?"
