"""The types of the wire: ProtocolMessage and everything it carries.

Names are snake_case here and camelCase on the wire; msgspec maps them. An absent member is `None`, and `null`
on the wire counts as absent. Members that a type doesn't know are kept in `unknown`, and encoded again with
the frame.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Self, get_args, get_type_hints

import msgspec

Int = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""An integer that every JSON parser reads exactly."""


Param = str | bool | Int | float
"""The value of a channel param. It should be text, but people write numbers and booleans too."""


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Wire(
    msgspec.Struct,
    rename="camel",
    omit_defaults=True,
    repr_omit_defaults=True,
    kw_only=True,
    dict=True,
):
    """The base of all types of the wire."""

    @property
    def unknown(self) -> Mapping[str, Any]:
        """The members that this type doesn't know, by their names on the wire."""
        kept = vars(self)
        return kept["unknown"] if kept else _NOTHING

    def keep(self, unknown: Mapping[str, Any]) -> None:
        """Keep members that this type doesn't know, so that the codec encodes them again."""
        vars(self).update(unknown=unknown)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some members changed. Unknown members are copied too."""
        copy = msgspec.structs.replace(self, **changes)
        if unknown := self.unknown:
            copy.keep(unknown)
        return copy


class ErrorInfo(Wire):
    """An error (TI1)."""

    message: str | None = None
    code: Int | None = None
    status_code: Int | None = None
    href: str | None = None
    cause: "ErrorInfo | None" = None
    detail: dict[str, Any] | None = None


class ConnectionDetails(Wire):
    """What the service grants a connection: its identity, limits and times (CD2)."""

    client_id: str | None = None
    connection_key: str | None = None
    max_message_size: Int | None = None
    max_inbound_rate: Int | None = None
    max_outbound_rate: Int | None = None
    max_frame_size: Int | None = None
    server_id: str | None = None
    connection_state_ttl: Int | None = None
    max_idle_interval: Int | None = None
    site_code: str | None = None
    objects_gc_grace_period: Int | None = msgspec.field(name="objectsGCGracePeriod", default=None)


class AuthDetails(Wire):
    """New credentials for a connection that is already open (AD2)."""

    access_token: str | None = None


class MessageVersion(Wire):
    """The version of a message: its serial, and when, by whom and why it was made (TM2s)."""

    serial: str | None = None
    timestamp: Int | None = None
    client_id: str | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None


class MessageAnnotations(Wire):
    """The summary of a message's annotations (TM2u)."""

    summary: dict[str, Any] | None = None


class Message(Wire):
    """One message on a channel (TM2)."""

    id: str | None = None
    name: str | None = None
    data: Any = None
    encoding: str | None = None
    client_id: str | None = None
    connection_id: str | None = None
    connection_key: str | None = None
    timestamp: Int | None = None
    extras: dict[str, Any] | None = None
    action: Int | None = None
    serial: str | None = None
    version: MessageVersion | None = None
    annotations: MessageAnnotations | None = None


class PresenceMessage(Wire):
    """One member of a channel's presence set, or a change to it (TP3)."""

    action: Int | None = None
    id: str | None = None
    client_id: str | None = None
    connection_id: str | None = None
    data: Any = None
    encoding: str | None = None
    timestamp: Int | None = None
    extras: dict[str, Any] | None = None


class Annotation(Wire):
    """Something a client says about a message, such as a reaction (TAN2)."""

    id: str | None = None
    action: Int | None = None
    client_id: str | None = None
    name: str | None = None
    count: Int | None = None
    data: Any = None
    encoding: str | None = None
    timestamp: Int | None = None
    serial: str | None = None
    message_serial: str | None = None
    type: str | None = None
    extras: dict[str, Any] | None = None


class PublishResult(Wire):
    """The result of publishing one ProtocolMessage: a serial for each of its messages (PBR2)."""

    serials: list[str | None] | None = None


class ProtocolMessage(Wire):
    """A frame: the content of one WebSocket message, in either direction (TR4)."""

    action: Int
    id: str | None = None
    msg_serial: Int | None = None
    count: Int | None = None
    flags: Int | None = None
    channel: str | None = None
    channel_serial: str | None = None
    connection_id: str | None = None
    connection_key: str | None = None
    connection_serial: Int | None = None
    connection_details: ConnectionDetails | None = None
    error: ErrorInfo | None = None
    timestamp: Int | None = None
    messages: list[Message] | None = None
    presence: list[PresenceMessage] | None = None
    annotations: list[Annotation] | None = None
    state: list[dict[str, Any]] | None = None
    auth: AuthDetails | None = None
    params: Mapping[str, Param] | None = None
    res: list[PublishResult] | None = None


TYPES: tuple[type[Wire], ...] = (
    ProtocolMessage,
    ConnectionDetails,
    ErrorInfo,
    Message,
    MessageVersion,
    MessageAnnotations,
    PresenceMessage,
    Annotation,
    AuthDetails,
    PublishResult,
)
"""Every type of the wire, outermost first."""


@cache
def wire_names(type: type[Wire]) -> dict[str, str]:
    """Return the names of a type's members in order: Python name -> name on the wire."""
    return dict(zip(type.__struct_fields__, type.__struct_encode_fields__, strict=True))


@cache
def known_names(type: type[Wire]) -> frozenset[str]:
    """Return the names that a type's members have on the wire."""
    return frozenset(type.__struct_encode_fields__)


@cache
def nested(type: type[Wire]) -> dict[str, str]:
    """Return the members that are wire types, or lists of them: Python name -> name on the wire."""
    hints = get_type_hints(type)
    return {name: wire for name, wire in wire_names(type).items() if _is_wire(hints[name])}


def _is_wire(hint: Any) -> bool:
    return any(map(_is_wire, get_args(hint))) or (isinstance(hint, type) and issubclass(hint, Wire))
