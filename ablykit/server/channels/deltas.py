"""Deltas: to who attached with `delta=vcdiff`, a message may come as what changed since the one before
(RTL18 to RTL20)."""

from ablykit.protocol import AblyError, Format, Message
from ablykit.protocol.encoding import in_format
from ablykit.protocol.vcdiff import encode
from ablykit.server.channels.delivery import Base, Delivery

FORMAT = "vcdiff"
"""The one format of deltas."""


def check(value: str) -> None:
    """Raise `AblyError` 40003 unless this is a format of deltas."""
    if value != FORMAT:
        raise AblyError(40003, f"delta is {FORMAT}, not {value[:40]!r}")


MOST_BASES = 16
"""How many bases one message is compared with. For attachments with yet other ones it comes whole, which
costs nothing: with many filters there may be as many bases as attachments."""


class Deltas:
    """What one attachment was sent last: the base of its next delta.

    It differs between attachments: by when they attached, what they filter, and echoes not wanted.
    """

    __slots__ = ("_base",)

    def __init__(self) -> None:
        self._base: Base = (None, None)

    def of(self, delivery: Delivery) -> Delivery:
        """Return the same delivery with each message as a delta, where that is smaller.

        Attachments with the same base share the result: it is computed, and encoded, once. The id alone does
        not make a base: a filter counts the messages of a frame anew, and an append is sent whole to some.
        """
        frame = delivery.frame
        if not frame.messages:
            return delivery
        if self._base not in delivery.after and len(delivery.after) >= MOST_BASES:
            self._base = (None, None)
        before = self._base
        if before not in delivery.after:
            messages = [
                self._next(message, message.id or f"{frame.id}:{index}")
                for index, message in enumerate(frame.messages)
            ]
            changed = Delivery(frame.replace(messages=messages), delivery.publisher)
            delivery.after[before] = (changed, self._base)
        shared, self._base = delivery.after[before]
        return shared

    def _next(self, message: Message, id: str) -> Message:
        before, base = self._base
        whole = in_format(message, Format.MSGPACK)
        payload = _payload(whole)
        self._base = (id, payload)
        if base is None or not payload:
            return message
        delta = encode(base, payload)
        if len(delta) >= len(payload):
            return message
        steps = [whole.encoding, "utf-8" if isinstance(whole.data, str) else None, FORMAT]
        extras = {**(message.extras or {}), "delta": {"format": FORMAT, "from": before}}
        return whole.replace(data=delta, encoding="/".join(filter(None, steps)), extras=extras)


def _payload(message: Message) -> bytes | None:
    """What a delta is taken of: the data as sent, but for base64 (RTL19); None where it has no bytes."""
    data = message.data
    if isinstance(data, str):
        return data.encode("utf-8", "surrogatepass")
    return data if isinstance(data, bytes) else None
