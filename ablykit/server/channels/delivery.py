"""A frame on its way to its subscribers, encoded once for each variant of the protocol.

A busy channel sends the same frame to many connections. They differ in format (JSON or MessagePack) and in
protocol version, so there are only four *variants*; a subscriber that attached with params in the name also
has its own spelling of the channel. A `Delivery` makes the bytes for each when the first subscriber needs
them, and hands the same object to all others:

    delivery = delivery_of(entry.frame)
    for each in subscribers:
        each.write(delivery.encoded(each.variant, framed))

A delivery is never changed after the first encoding. A rule that wants to send something different makes a
new one.
"""

from collections.abc import Callable
from typing import NamedTuple

from ablykit.protocol import Action, Format, ProtocolMessage, encode
from ablykit.protocol.encoding import in_format


class Variant(NamedTuple):
    """The form in which a connection wants its frames."""

    format: Format
    modern: bool
    """Whether it speaks protocol v2 or later, rather than the protocol of 2021."""


Base = tuple[str | None, bytes | None]
"""The message that a delta is computed from, the one sent before: its id and its payload."""

Wrap = Callable[[bytes, Format], bytes]
"""A function that puts a payload into a frame of the transport, such as a WebSocket frame."""


class Delivery:
    """One frame and its encodings, each made when it is first needed.

    In its methods, `channel` is the name for a subscriber that attached with params in the channel's name;
    such a subscriber expects frames to carry the name that it used.
    """

    __slots__ = ("_encoded", "_payloads", "after", "frame", "publisher")

    def __init__(self, frame: ProtocolMessage, publisher: str | None = None) -> None:
        self.frame = frame
        self.publisher = publisher
        """The connectionId of the client that published it; None if it is not to be treated as an echo."""
        self.after: dict[Base, tuple[Delivery, Base]] = {}
        """For each base, this delivery as deltas, and the base of the next delivery (see `deltas`)."""
        self._payloads: dict[tuple[Variant, str | None], bytes] = {}
        self._encoded: dict[tuple[Variant, Wrap, str | None], bytes] = {}

    def encoded(self, variant: Variant, wrap: Wrap, channel: str | None = None) -> bytes:
        """Return the bytes to write to a connection of this variant."""
        key = (variant, wrap, channel)
        found = self._encoded.get(key)
        if found is None:
            found = self._encoded[key] = wrap(self.payload(variant, channel), variant.format)
        return found

    def payload(self, variant: Variant, channel: str | None = None) -> bytes:
        """Return the encoded frame for a connection of this variant, without the transport's framing."""
        found = self._payloads.get((variant, channel))
        if found is None:
            frame = in_version(self.frame, variant)
            if channel is not None:
                frame = frame.replace(channel=channel)
            found = self._payloads[variant, channel] = encode(frame, variant.format)
        return found


def delivery_of(frame: ProtocolMessage) -> Delivery:
    """Return the delivery of a frame from the log. Only a MESSAGE can be an echo (RTN2b)."""
    return Delivery(frame, frame.connection_id if frame.action == Action.MESSAGE else None)


def in_version(frame: ProtocolMessage, variant: Variant) -> ProtocolMessage:
    """Return the frame as this variant has it: data in its format, and for 2021 without newer members."""
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
