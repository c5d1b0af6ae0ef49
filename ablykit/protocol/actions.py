"""The numbers of the protocol and their names: actions, flags and channel modes."""

from enum import IntEnum, IntFlag


class Action(IntEnum):
    """The kinds of ProtocolMessage, as its `action` member numbers them (TR2)."""

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
    """The kinds of Message, as its `action` member numbers them (TM5)."""

    CREATE = 0
    UPDATE = 1
    DELETE = 2
    META = 3
    SUMMARY = 4
    APPEND = 5


class PresenceAction(IntEnum):
    """The kinds of PresenceMessage, as its `action` member numbers them (TP2)."""

    ABSENT = 0
    PRESENT = 1
    ENTER = 2
    LEAVE = 3
    UPDATE = 4


class AnnotationAction(IntEnum):
    """The kinds of Annotation, as its `action` member numbers them (TAN2b)."""

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
"""All channel modes: the flags that say what an attachment may do."""

MODE_NAMES = {mode.name.lower(): mode for mode in MODES if mode.name}
"""The modes, by their names in the channel param `modes` (RTL4k)."""

DEFAULT_MODES_2021 = Flag.PRESENCE | Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE
"""The modes of an ATTACH that requests none, in protocol v1 (2021): 983040."""

DEFAULT_MODES = DEFAULT_MODES_2021 | Flag.ANNOTATION_PUBLISH
"""The modes of an ATTACH that requests none, in protocol v2 and later (TR3w): 3080192."""


def name_of(action: int) -> str:
    """Return the name of an action, or `action N` for an unknown number."""
    try:
        return Action(action).name
    except ValueError:
        return f"action {action}"
