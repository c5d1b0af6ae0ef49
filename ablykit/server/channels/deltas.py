"""Deltas: send a message as its difference from the message before (RTL18 to RTL20).

A client that attaches with `delta=vcdiff` keeps the payload of the last message it got, and can rebuild the
next one from the difference. So the service has to know, for each attachment, what that client got last: its
*base*. Two attachments can have different bases, since they attached at different times, filter differently,
or asked for no echoes. Most have the same one, though, and those share one delta, computed and encoded once:

    deltas = Deltas()                    # one per attachment
    subscriber.send(deltas.of(delivery))

A delta must never be sent against a base that the client does not have: the client would then drop messages
until it has attached again. When in doubt, the message is sent whole.
"""

from ablykit.protocol import AblyError, Format, Message
from ablykit.protocol.encoding import in_format
from ablykit.protocol.vcdiff import encode
from ablykit.server.channels.delivery import Base, Delivery

FORMAT = "vcdiff"
"""The only delta format there is."""


def check(value: str) -> None:
    """Raise `AblyError` 40003 unless the value of a `delta` param is a known format."""
    if value != FORMAT:
        raise AblyError(40003, f"delta must be {FORMAT}, not {value[:40]!r}")


MOST_BASES = 16
"""How many bases one message is compared with at most.

With many different filters there may be as many bases as attachments, and a comparison costs more than it
saves. Attachments beyond this number get the message whole.
"""


class Deltas:
    """The base of one attachment's next delta: the message that it was sent last."""

    __slots__ = ("_base",)

    def __init__(self) -> None:
        self._base: Base = (None, None)

    def of(self, delivery: Delivery) -> Delivery:
        """Return the delivery with each message as a delta if that is smaller, and move the base on.

        Attachments with the same base share the result. A base is an id *and* a payload: the id alone would
        not do, since an append is sent whole to some attachments and as an append to others, under the same
        id.
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
        """Return one message as a delta, or unchanged, and make it the base of the next."""
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
    """Return the bytes that a delta is computed from: the data as sent, base64 undone (RTL19); None for other
    data."""
    data = message.data
    if isinstance(data, str):
        return data.encode("utf-8", "surrogatepass")
    return data if isinstance(data, bytes) else None
