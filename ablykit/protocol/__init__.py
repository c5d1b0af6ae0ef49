"""The protocol as data: frames, codecs, errors, credentials, URLs, and `explain`. No I/O, no clock, no
asyncio."""

from ablykit.protocol.actions import (
    DEFAULT_MODES,
    DEFAULT_MODES_2021,
    MODE_NAMES,
    MODES,
    Action,
    AnnotationAction,
    Flag,
    MessageAction,
    PresenceAction,
)
from ablykit.protocol.catalogue import ERRORS
from ablykit.protocol.channels import ChannelName
from ablykit.protocol.codec import Format, NotAFrame, NotUTF8, decode, encode, plain, typed
from ablykit.protocol.credentials import ApiKey, Capability
from ablykit.protocol.errors import AblyError, error_info
from ablykit.protocol.explanation import Explanation, explain
from ablykit.protocol.frames import (
    Annotation,
    AuthDetails,
    ConnectionDetails,
    ErrorInfo,
    Message,
    MessageVersion,
    PresenceMessage,
    ProtocolMessage,
    PublishResult,
)
from ablykit.protocol.redaction import redact
from ablykit.protocol.url import ConnectionParams, connection_url, parse_query

__all__ = [
    "DEFAULT_MODES",
    "DEFAULT_MODES_2021",
    "ERRORS",
    "MODES",
    "MODE_NAMES",
    "AblyError",
    "Action",
    "Annotation",
    "AnnotationAction",
    "ApiKey",
    "AuthDetails",
    "Capability",
    "ChannelName",
    "ConnectionDetails",
    "ConnectionParams",
    "ErrorInfo",
    "Explanation",
    "Flag",
    "Format",
    "Message",
    "MessageAction",
    "MessageVersion",
    "NotAFrame",
    "NotUTF8",
    "PresenceAction",
    "PresenceMessage",
    "ProtocolMessage",
    "PublishResult",
    "connection_url",
    "decode",
    "encode",
    "error_info",
    "explain",
    "parse_query",
    "plain",
    "redact",
    "typed",
]
