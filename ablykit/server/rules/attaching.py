"""Attaching: decide the modes, the params and the backlog that an ATTACH gets (RTL4).

`attach` decides and `Session` acts: it stores the attachment, sends the ATTACHED, then sends the backlog. The
backlog is read from the log *before* the channel knows of the attachment, in the same call and on the same
thread, so that no message can fall between the two or come twice.

    attachment, attached, backlog = attach(session, frame, now)
"""

import json
from collections.abc import Callable, Mapping
from typing import Protocol

from ablykit.protocol import (
    DEFAULT_MODES,
    DEFAULT_MODES_2021,
    MODE_NAMES,
    MODES,
    AblyError,
    Action,
    ChannelName,
    ConnectionParams,
    ErrorInfo,
    Flag,
    Message,
    ProtocolMessage,
    error_info,
)
from ablykit.protocol.expression import Filter
from ablykit.protocol.frames import Param
from ablykit.server.access.app import Limits
from ablykit.server.access.identity import Identity
from ablykit.server.channels import deltas, occupancy
from ablykit.server.channels.channel import MODE_TO_HEAR, Attachment, Subscriber, channel_of
from ablykit.server.channels.deltas import Deltas
from ablykit.server.channels.log import Entry, Log
from ablykit.server.common.denials import Denied
from ablykit.server.rules.revising import current_versions

MODE_FOR = {
    "publish": Flag.PUBLISH,
    "subscribe": Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE,
    "presence": Flag.PRESENCE,
    "annotation-publish": Flag.ANNOTATION_PUBLISH,
    "annotation-subscribe": Flag.ANNOTATION_SUBSCRIBE,
    "object-publish": Flag.OBJECT_PUBLISH,
    "object-subscribe": Flag.OBJECT_SUBSCRIBE,
}
"""The modes that each operation of a capability allows."""

PARAMS = ("rewind", "occupancy", "delta", "modes")
"""The channel params that the service understands. ATTACHED repeats these and leaves out any other."""

LONGEST_PARAM = 250
"""The most characters a channel param may have: a `modes` param with every mode has fewer."""

MAX_REWIND = 100
"""The most messages that a rewind brings back."""

_UNITS = {"s": 1_000, "m": 60_000}


class Attacher(Subscriber, Protocol):
    """What attaching reads from the session that sent the ATTACH. It changes nothing there."""

    @property
    def identity(self) -> Identity:
        """The identity that the session's key or token gives."""
        ...

    @property
    def limits(self) -> Limits:
        """The limits of the connection."""
        ...

    @property
    def params(self) -> ConnectionParams:
        """The parameters of the session's URL."""
        ...

    @property
    def attachments(self) -> Mapping[str, Attachment]:
        """The session's attachments, by the channel name that each ATTACH used."""
        ...


def attach(
    session: Attacher, frame: ProtocolMessage, now: float
) -> tuple[Attachment, ProtocolMessage, list[Entry]]:
    """Return the attachment to store, the ATTACHED to send, and the backlog to send after it, oldest first.

    Raises `AblyError`: 40000 without a channel, 40003 for a bad param, 40010 for a bad name or filter, 40160
    without any right to the channel, 90010 for one channel too many.
    """
    name = channel_of(frame)
    parsed = ChannelName.parse(name)
    if parsed.qualifier not in ("", "meta"):
        raise AblyError(40010, f"The qualifier [{parsed.qualifier[:20]}] is not supported by this service")
    given = {**parsed.params, **{param: _text(value) for param, value in (frame.params or {}).items()}}
    params = {param: given[param] for param in PARAMS if param in given}
    if any(len(value) > LONGEST_PARAM for value in params.values()):
        raise AblyError(40003, f"A channel param may have at most {LONGEST_PARAM} characters")
    usual = DEFAULT_MODES if session.params.modern else DEFAULT_MODES_2021
    asked = _asked(frame, params) or usual
    modes = granted(session.identity, parsed, name, asked)
    _check_limit(session, name)
    channel = session.identity.app.channel(parsed)
    if "occupancy" in params:
        occupancy.check(params["occupancy"])
    if "delta" in params:
        deltas.check(params["delta"])
    backlog, flags, error = _backlog(channel.log, frame, params, now)
    point = channel.log.serial
    followed = Deltas() if "delta" in params else None
    attachment = Attachment(session, channel, name, asked, modes, params, wanted_by(parsed.filter), followed)
    resumed = bool(flags & Flag.RESUMED) and frame.channel_serial
    attachment.since = resumed or point
    attachment.rewound = backlog[0].serial if backlog and not resumed else None
    attached = ProtocolMessage(
        action=Action.ATTACHED,
        flags=int(modes | flags | (Flag.HAS_PRESENCE if channel.members else 0)),
        channel=name,
        # A client takes its place in the channel from ATTACHED (RTL15b). If that were already the newest one,
        # a connection that breaks before the backlog has arrived would lose it.
        channel_serial=resumed if resumed and backlog else point,
        params=params or None,
        error=error,
    )
    hears = {int(action) for action, mode in MODE_TO_HEAR.items() if modes & mode}
    return attachment, attached, [entry for entry in backlog if entry.frame.action in hears]


def _text(value: Param) -> str:
    """Return a param's value as text: a number or boolean as JSON writes it, but `2.0` as `2`.

    MessagePack clients may send the number 2 as a float, and JavaScript does not distinguish the two.
    """
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def wanted_by(expression: str) -> Callable[[Message], bool] | None:
    """Return a function that decides whether a `[filter=…]` lets a message through; None without a filter.

    The filter is a JMESPath expression over the message's name, clientId, headers and extras. Raises
    `AblyError` 40010 if the expression is invalid.
    """
    if not expression:
        return None
    try:
        asked = Filter(expression)
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


def _asked(frame: ProtocolMessage, params: dict[str, str]) -> Flag:
    """Return the requested modes: from the param `modes` or else from the flags (RTL4k, RTL4l).

    Returns no modes if the ATTACH requests none. Raises `AblyError` 40003 for an unknown mode name.
    """
    if "modes" not in params:
        return Flag((frame.flags or 0) & MODES)
    asked = Flag(0)
    for name in params["modes"].split(","):
        mode = MODE_NAMES.get(name.strip().lower())
        if mode is None:
            raise AblyError(40003, f"Unknown mode {name[:40]!r}: the modes are {', '.join(MODE_NAMES)}")
        asked |= mode
    return asked


def granted(identity: Identity, channel: ChannelName, name: str, asked: Flag) -> Flag:
    """Return the requested modes that the key or token allows. Raises `Denied` 40160 if there are none."""
    modes = asked & allowed(identity, channel)
    if not modes:
        what = "token" if identity.is_token else "key"
        operations = {operation for operation, mode in MODE_FOR.items() if mode & asked}
        raise Denied(
            40160,
            f"The {what} is not permitted to do what this ATTACH asks for on {name[:80]!r}",
            resource=channel.identity,
            operation=" or ".join(sorted(operations)),
            rule=identity.rule(operations, channel),
        )
    return modes


def allowed(identity: Identity, channel: ChannelName) -> Flag:
    """Return the modes that the key or token allows on a channel."""
    modes = Flag(0)
    for operation in identity.operations(channel):
        modes |= MODE_FOR.get(operation, Flag(0))
    return modes


def _check_limit(session: Attacher, name: str) -> None:
    limit = session.limits.max_channels
    if name not in session.attachments and len(session.attachments) >= limit:
        raise AblyError(90010, f"At most {limit} channels may be attached at once")


def _backlog(
    log: Log, frame: ProtocolMessage, params: dict[str, str], now: float
) -> tuple[list[Entry], Flag, ErrorInfo | None]:
    """Return the entries to send again, the flags for ATTACHED, and an error if some entries are lost.

    A `channelSerial` asks for everything after it, and wins over `rewind`. A client that was attached before
    says so with ATTACH_RESUME (RTL4j); it has seen the rewound messages already, so it gets none.
    """
    if serial := frame.channel_serial:
        missed = log.since(serial, now)
        if missed is None:
            lost = error_info(
                90003,
                "Messages may have been missed: the log no longer reaches back to this channelSerial. "
                "Read the channel's history to find them",
            )
            return [], Flag(0), lost
        return missed, Flag.RESUMED | _has_backlog(missed), None
    if "rewind" in params:
        entries = rewind(log, params["rewind"], now)
        if not (frame.flags or 0) & Flag.ATTACH_RESUME:
            return entries, _has_backlog(entries), None
    return [], Flag(0), None


def _has_backlog(entries: list[Entry]) -> Flag:
    return Flag.HAS_BACKLOG if entries else Flag(0)


def rewind(log: Log, value: str, now: float) -> list[Entry]:
    """Return the entries that a `rewind` asks for: the last `N` messages, or the last `Ns` or `Nm` (TB2c).

    Raises `AblyError` 40003 for any other value.
    """
    number, unit = (value[:-1], value[-1]) if value[-1:] in _UNITS else (value, "")
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        wanted = "rewind must be a number of messages, or a time such as 15s or 2m"
        raise AblyError(40003, f"{wanted}, not {value[:20]!r}")
    count, ms = (MAX_REWIND, int(number) * _UNITS[unit]) if unit else (min(int(number), MAX_REWIND), None)
    return current_versions(log, log.last(now, count=count, ms=ms), now)
