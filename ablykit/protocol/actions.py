"""The numbers of the protocol and their names: actions and flags."""

from enum import IntEnum, IntFlag


class Action(IntEnum):
    """What a ProtocolMessage is for: its `action` member (TR2)."""

    HEARTBEAT = 0
    ACK = 1
    NACK = 2
    CONNECT = 3
    CONNECTED = 4
    DISCONNECT = 5
    DISCONNECTED = 6
    CLOSE = 7
    CLOSED = 8
    ERROR = 9
    ATTACH = 10
    ATTACHED = 11
    DETACH = 12
    DETACHED = 13
    PRESENCE = 14
    MESSAGE = 15
    SYNC = 16
    AUTH = 17
    ACTIVATE = 18
    OBJECT = 19
    OBJECT_SYNC = 20
    ANNOTATION = 21


class MessageAction(IntEnum):
    """What one Message does to the channel's history: its `action` member (TM5)."""

    CREATE = 0
    UPDATE = 1
    DELETE = 2
    META = 3
    SUMMARY = 4
    APPEND = 5


class PresenceAction(IntEnum):
    """What one PresenceMessage says of a member: its `action` member (TP2)."""

    ABSENT = 0
    PRESENT = 1
    ENTER = 2
    LEAVE = 3
    UPDATE = 4


class AnnotationAction(IntEnum):
    """Whether an Annotation is put on a message or taken off it (TAN2b)."""

    CREATE = 0
    DELETE = 1


class Flag(IntFlag):
    """The bits of a frame's `flags` member (TR3). The upper half are channel modes (TB2d)."""

    HAS_PRESENCE = 1 << 0
    HAS_BACKLOG = 1 << 1
    RESUMED = 1 << 2
    TRANSIENT = 1 << 4
    ATTACH_RESUME = 1 << 5
    HAS_OBJECTS = 1 << 7
    PRESENCE = 1 << 16
    PUBLISH = 1 << 17
    SUBSCRIBE = 1 << 18
    PRESENCE_SUBSCRIBE = 1 << 19
    ANNOTATION_PUBLISH = 1 << 21
    ANNOTATION_SUBSCRIBE = 1 << 22
    OBJECT_SUBSCRIBE = 1 << 24
    OBJECT_PUBLISH = 1 << 25


MODES = (
    Flag.PRESENCE
    | Flag.PUBLISH
    | Flag.SUBSCRIBE
    | Flag.PRESENCE_SUBSCRIBE
    | Flag.ANNOTATION_PUBLISH
    | Flag.ANNOTATION_SUBSCRIBE
    | Flag.OBJECT_SUBSCRIBE
    | Flag.OBJECT_PUBLISH
)
"""Every flag that is a channel mode: a thing an attachment may do."""

MODE_NAMES = {mode.name.lower(): mode for mode in MODES if mode.name}
"""The modes by the names that the channel param `modes` has for them (RTL4k)."""

DEFAULT_MODES_2021 = Flag.PRESENCE | Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE
"""The modes an ATTACH asks for when it names none, before version 2: 983040."""

DEFAULT_MODES = DEFAULT_MODES_2021 | Flag.ANNOTATION_PUBLISH
"""The same since version 2 (TR3w): 3080192."""


def name_of(action: int) -> str:
    """The name of an action, or `action N` for a number the protocol does not know."""
    try:
        return Action(action).name
    except ValueError:
        return f"action {action}"
