"""A frame on its way to many: encoded once per format and look, however many receive it."""

from collections.abc import Callable
from typing import NamedTuple

from ablykit.protocol import Action, Format, ProtocolMessage, encode
from ablykit.protocol.encoding import in_format


class Variant(NamedTuple):
    """In which form a connection wants its frames."""

    format: Format
    modern: bool
    """Today's protocol; else the one of 2021."""


Base = tuple[str | None, bytes | None]
"""What a delta is taken from: the id and the payload of the message sent before."""

Wrap = Callable[[bytes, Format], bytes]
"""Puts a payload into its transport's frame, such as a WebSocket frame."""


class Delivery:
    """One frame and its encodings, each made when first needed.

    `channel` renames the channel for a subscriber that attached to it with params in its name.
    """

    __slots__ = ("_encoded", "_payloads", "after", "frame", "publisher")

    def __init__(self, frame: ProtocolMessage, publisher: str | None = None) -> None:
        self.frame = frame
        self.publisher = publisher
        """The connectionId it came from, where it came from a connection."""
        self.after: dict[Base, tuple[Delivery, Base]] = {}
        """As deltas, by their base; and the base of what comes next."""
        self._payloads: dict[tuple[Variant, str | None], bytes] = {}
        self._encoded: dict[tuple[Variant, Wrap, str | None], bytes] = {}

    def encoded(self, variant: Variant, wrap: Wrap, channel: str | None = None) -> bytes:
        """The bytes to write for one kind of connection."""
        key = (variant, wrap, channel)
        found = self._encoded.get(key)
        if found is None:
            found = self._encoded[key] = wrap(self.payload(variant, channel), variant.format)
        return found

    def payload(self, variant: Variant, channel: str | None = None) -> bytes:
        """The frame for one kind of connection, without its transport's frame around it."""
        found = self._payloads.get((variant, channel))
        if found is None:
            frame = in_version(self.frame, variant)
            if channel is not None:
                frame = frame.replace(channel=channel)
            found = self._payloads[variant, channel] = encode(frame, variant.format)
        return found


def delivery_of(frame: ProtocolMessage) -> Delivery:
    """What is in the log, on its way: only a message can be an echo (RTN2b)."""
    return Delivery(frame, frame.connection_id if frame.action == Action.MESSAGE else None)


def in_version(frame: ProtocolMessage, variant: Variant) -> ProtocolMessage:
    """The frame as a connection of this variant is shown it."""
    messages = frame.messages and [in_format(message, variant.format) for message in frame.messages]
    frame = frame.replace(messages=messages) if messages else frame
    if frame.presence:
        frame = frame.replace(presence=[in_format(member, variant.format) for member in frame.presence])
    if frame.annotations:
        frame = frame.replace(annotations=[in_format(each, variant.format) for each in frame.annotations])
    if variant.modern:
        return frame
    if frame.action == Action.CONNECTED and frame.connection_details:
        return frame.replace(connection_key=frame.connection_details.connection_key, connection_serial=-1)
    if frame.action == Action.ACK:
        return frame.replace(res=None)
    if messages:
        bare = [message.replace(serial=None, version=None, action=None) for message in messages]
        return frame.replace(messages=bare)
    return frame
