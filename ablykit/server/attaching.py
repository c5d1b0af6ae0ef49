"""What an ATTACH is given: modes, params, and the messages to begin with (RTL4)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ablykit.protocol import (
    DEFAULT_MODES,
    MODES,
    AblyError,
    Action,
    ChannelName,
    ErrorInfo,
    Flag,
    Message,
    ProtocolMessage,
    error_info,
)
from ablykit.protocol.expression import Expression
from ablykit.server import occupancy
from ablykit.server.channel import MODE_TO_HEAR, Attachment, channel_of
from ablykit.server.log import Entry, Log

if TYPE_CHECKING:
    from ablykit.server.session import Session

MODE_FOR = {
    "publish": Flag.PUBLISH,
    "subscribe": Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE,
    "presence": Flag.PRESENCE,
    "annotation-publish": Flag.ANNOTATION_PUBLISH,
    "annotation-subscribe": Flag.ANNOTATION_SUBSCRIBE,
    "object-publish": Flag.OBJECT_PUBLISH,
    "object-subscribe": Flag.OBJECT_SUBSCRIBE,
}
"""Which modes each operation of a capability allows."""

PARAMS = ("rewind", "occupancy")
"""The channel params understood here; ATTACHED repeats these only."""

MAX_REWIND = 100
"""The most messages that rewind brings back."""

_UNITS = {"s": 1_000, "m": 60_000}


def attach(session: "Session", frame: ProtocolMessage, now: float) -> tuple[ProtocolMessage, list[Entry]]:
    """Attach a session to a channel; tells the ATTACHED to send and what to send after it.

    Raises `AblyError`: 40000 without a channel, 40010, 40160, 90010, or 40003 for a bad rewind.
    """
    name = channel_of(frame)
    parsed = ChannelName.parse(name)
    if parsed.qualifier not in ("", "meta"):
        raise AblyError(40010, f"Qualifier [{parsed.qualifier[:20]}] is not served here")
    modes = _modes(session, parsed, frame)
    _check_limit(session, name)
    channel = session.service.channel(session.app, parsed)
    asked = parsed.params | (frame.params or {})
    params = {param: asked[param] for param in PARAMS if param in asked}
    if "occupancy" in params:
        occupancy.check(params["occupancy"])
    backlog, flags, error = _backlog(channel.log, frame.channel_serial, params, now)
    point = channel.log.serial
    channel.attach(Attachment(session, name, modes, params, wanted_by(parsed.filter)))
    session.channels[name] = channel
    attached = ProtocolMessage(
        action=Action.ATTACHED,
        flags=int(modes | flags | (Flag.HAS_PRESENCE if channel.members else 0)),
        channel=name,
        channel_serial=point,
        params=params or None,
        error=error,
    )
    hears = {int(action) for action, mode in MODE_TO_HEAR.items() if modes & mode}
    return attached, [entry for entry in backlog if entry.frame.action in hears]


def wanted_by(expression: str) -> Callable[[Message], bool] | None:
    """The question that a `[filter=…]` asks of each message: a JMESPath expression on its name, clientId,
    headers and extras. Raises `AblyError` 40010 for one that is none."""
    if not expression:
        return None
    try:
        asked = Expression(expression)
    except ValueError as error:
        raise AblyError(40010, f"Invalid filter {expression[:80]!r}: {error}") from None

    def wants(message: Message) -> bool:
        extras = message.extras or {}
        return asked.finds(
            {
                "name": message.name,
                "clientId": message.client_id,
                "headers": extras.get("headers"),
                "extras": extras,
            }
        )

    return wants


def _modes(session: "Session", channel: ChannelName, frame: ProtocolMessage) -> Flag:
    """The modes asked for, as far as key and token allow them (RTL4l)."""
    modes = (Flag((frame.flags or 0) & MODES) or DEFAULT_MODES) & allowed(session, channel)
    if not modes:
        what = "token" if session.identity.is_token else "key"
        raise AblyError(40160, f"The {what} may do nothing of what is asked on {frame.channel!r}")
    return modes


def allowed(session: "Session", channel: ChannelName) -> Flag:
    """The modes that key and token allow on a channel."""
    modes = Flag(0)
    for operation in session.identity.operations(channel):
        modes |= MODE_FOR.get(operation, Flag(0))
    return modes


def _check_limit(session: "Session", name: str) -> None:
    limit = session.limits.max_channels
    if name not in session.channels and len(session.channels) >= limit:
        raise AblyError(90010, f"At most {limit} channels may be attached at once")


def _backlog(
    log: Log, serial: str | None, params: dict[str, str], now: float
) -> tuple[list[Entry], Flag, ErrorInfo | None]:
    """What the client missed or asks to see again; and an error where that can't be told."""
    if serial:
        missed = log.since(serial, now)
        if missed is None:
            lost = error_info(90003, "Unable to continue: that channelSerial is no longer kept")
            return [], Flag(0), lost
        return missed, Flag.RESUMED | _has_backlog(missed), None
    if "rewind" in params:
        entries = rewind(log, params["rewind"], now)
        return entries, _has_backlog(entries), None
    return [], Flag(0), None


def _has_backlog(entries: list[Entry]) -> Flag:
    return Flag.HAS_BACKLOG if entries else Flag(0)


def rewind(log: Log, value: str, now: float) -> list[Entry]:
    """What `rewind` asks for: `N` messages, or those of the last `Ns` or `Nm` (TB2c).

    Raises `AblyError` 40003 when the value is neither.
    """
    number, unit = (value[:-1], value[-1]) if value[-1:] in _UNITS else (value, "")
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        wanted = "rewind is a number of messages, or a time such as 15s or 2m"
        raise AblyError(40003, f"{wanted}, not {value[:20]!r}")
    if unit:
        return log.last(now, count=MAX_REWIND, ms=int(number) * _UNITS[unit])
    return log.last(now, count=min(int(number), MAX_REWIND))
