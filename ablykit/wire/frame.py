"""Frames as dicts: encoding, decoding and showing them; and the errors of a raw connection."""

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
    """The error for a connection that could not be opened or has ended. The message says why."""


class WireTimeout(WireError, TimeoutError):
    """The error for something that did not happen in time. The message says what happened instead."""


class Frame(dict[str, Any]):
    """A received frame: a dict with the names of the wire. `raw` is the text or bytes that arrived."""

    raw: str | bytes = ""

    def typed(self) -> ProtocolMessage:
        """Return the frame as a `ProtocolMessage`. Raises `NotAFrame` if it is not one."""
        return typed(dict(self))

    def explain(self) -> Explanation:
        """Return an explanation of every member."""
        return explain(self)

    def __repr__(self) -> str:
        return redact(super().__repr__())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the frame in IPython as JSON, with one member on each line."""
        printer.text(redact(json.dumps(self, indent=2, ensure_ascii=False, default=repr)))


def to_send(frame: "dict[str, Any] | ProtocolMessage | str | bytes", *, msgpack: bool) -> str | bytes:
    """Return what to send for a frame: JSON or MessagePack, but text and bytes unchanged.

    Raises `WireError` for a value that the format can't hold.
    """
    if isinstance(frame, str | bytes):
        return frame
    value = frame if isinstance(frame, dict) else plain(frame)
    try:
        if msgpack:
            return msgspec.msgpack.encode(value)
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise WireError(f"This can't be encoded as a frame: {error}") from None


def received(raw: str | bytes) -> Frame:
    """Return what arrived as a Frame, which is empty if it is not an object."""
    try:
        value = read(raw)
    except NotAFrame:
        value = None
    frame = Frame(cast("dict[str, Any]", value) if isinstance(value, dict) else {})
    frame.raw = raw
    return frame


def action_of(action: int | str | None) -> int | None:
    """Return the number of an action given by number or name. Raises `ValueError` for an unknown name."""
    if isinstance(action, str):
        try:
            return int(Action[action.upper()])
        except KeyError:
            known = ", ".join(Action.__members__)
            raise ValueError(f"There is no action {action!r}. The actions are {known}") from None
    return action


def instead(frames: list[Frame]) -> str:
    """Return the end of an error message: the frames that arrived instead of the awaited one."""
    if not frames:
        return "Nothing arrived instead"
    shown = ", ".join(f"{_title(frame)} ({summary(frame)})".replace(" ()", "") for frame in frames[-5:])
    return redact(f"These arrived instead: {shown}")


def _title(frame: Frame) -> str:
    action = frame.get("action")
    return name_of(action) if isinstance(action, int) else "something that is not a frame"


def why_not_opened(url: str, error: BaseException) -> str:
    """Return why no WebSocket could be opened, and what to check next."""
    if isinstance(error, InvalidURI):
        return f"Not a WebSocket URL: {url}. It must start with ws:// or wss://"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {url} is not trusted: {error.verify_message}. Give its CA as ca_file"
    if isinstance(error, ssl.SSLError):
        return f"TLS with {url} failed: {error}. Is this the port for wss://?"
    if isinstance(error, InvalidHandshake):
        return f"{url} answers, but not as a WebSocket: {error}. Is this the right port for its scheme?"
    if isinstance(error, TimeoutError):
        return f"{url} did not answer in time. Is the host right, and does a firewall let you through?"
    return f"Nothing answers at {url}: {error}. Is the server running, and is the port right?"
