"""The meaning of every action, member and flag: one sentence each, with its unit and spec clause.

Error codes have theirs in `catalogue`. `explain` and the panels take all their sentences from these two.
"""

from typing import NamedTuple

from ablykit.protocol.actions import (
    Action,
    AnnotationAction,
    Flag,
    MessageAction,
    PresenceAction,
)


class Meaning(NamedTuple):
    """A sentence of explanation, with a spec clause and a unit if there are any."""

    sentence: str
    clause: str = ""
    unit: str = ""


# fmt: off
ACTIONS: dict[Action, Meaning] = {
    Action.HEARTBEAT: Meaning("“Still there?” or “Still here”: it keeps silence from looking like a dead line.", "RTN23a"),
    Action.ACK: Meaning("What you published under this msgSerial has been accepted.", "RTN7a"),
    Action.NACK: Meaning("What you published under this msgSerial was refused; the error says why.", "RTN7a"),
    Action.CONNECT: Meaning("Reserved: opening the WebSocket is what connects.", "TR2"),
    Action.CONNECTED: Meaning("You are in: the connection has an id, a key and its limits.", "RTN24"),
    Action.DISCONNECT: Meaning("The client asks the service to drop the transport and keep the connection's state.", "TR2"),
    Action.DISCONNECTED: Meaning("The service drops this transport; the client may connect again and resume.", "RTN15h"),
    Action.CLOSE: Meaning("The client is done: it asks for the connection to end for good.", "RTN12a"),
    Action.CLOSED: Meaning("The connection has ended for good and can't be resumed.", "RTN12a"),
    Action.ERROR: Meaning("Something went wrong: with a channel if one is named, else with the connection.", "RTN15i"),
    Action.ATTACH: Meaning("The client asks to be connected to a channel.", "RTL4c"),
    Action.ATTACHED: Meaning("The connection is attached to the channel; flags say what it may do there.", "RTL4c"),
    Action.DETACH: Meaning("The client asks to leave a channel.", "RTL5d"),
    Action.DETACHED: Meaning("The connection is no longer attached to the channel.", "RTL5d"),
    Action.PRESENCE: Meaning("Members of a channel enter, update or leave.", "RTP8c"),
    Action.MESSAGE: Meaning("Messages: published by a client, or delivered to it.", "RTL6"),
    Action.SYNC: Meaning("A page of the channel's presence set, so that a client knows all who are present.", "RTP18"),
    Action.AUTH: Meaning("New credentials for an open connection. From the service, it is a request for them.", "RTC8a"),
    Action.ACTIVATE: Meaning("Reserved for the activation of push devices; not used on connections.", "TR2"),
    Action.OBJECT: Meaning("Changes to the shared objects of a channel.", "RTO9"),
    Action.OBJECT_SYNC: Meaning("A page of the channel's shared objects, so that a client knows all of them.", "RTO5"),
    Action.ANNOTATION: Meaning("Annotations, such as reactions, put on messages or taken off.", "RTAN1"),
}

MESSAGE_ACTIONS: dict[MessageAction, Meaning] = {
    MessageAction.CREATE: Meaning("A new message.", "TM5"),
    MessageAction.UPDATE: Meaning("A new version of an earlier message.", "TM5"),
    MessageAction.DELETE: Meaning("An earlier message is marked as deleted.", "TM5"),
    MessageAction.META: Meaning("Something about the channel itself, such as its occupancy.", "TM5"),
    MessageAction.SUMMARY: Meaning("The summary of a message's annotations.", "TM5"),
    MessageAction.APPEND: Meaning("More data for the end of an earlier message.", "TM5"),
}

PRESENCE_ACTIONS: dict[PresenceAction, Meaning] = {
    PresenceAction.ABSENT: Meaning("The member is not present; used inside clients only.", "TP2"),
    PresenceAction.PRESENT: Meaning("The member was here already when you came.", "TP2"),
    PresenceAction.ENTER: Meaning("The member has entered.", "TP2"),
    PresenceAction.LEAVE: Meaning("The member has left.", "TP2"),
    PresenceAction.UPDATE: Meaning("The member has changed its data.", "TP2"),
}

ANNOTATION_ACTIONS: dict[AnnotationAction, Meaning] = {
    AnnotationAction.CREATE: Meaning("The annotation is put on the message.", "TAN2b"),
    AnnotationAction.DELETE: Meaning("The annotation is taken off the message.", "TAN2b"),
}

FLAGS: dict[Flag, Meaning] = {
    Flag.HAS_PRESENCE: Meaning("The channel has members; SYNC frames with them follow.", "TR3a"),
    Flag.HAS_BACKLOG: Meaning("Earlier messages follow before new ones.", "TR3b"),
    Flag.RESUMED: Meaning("Nothing was missed since the channelSerial you gave.", "TR3c"),
    Flag.TRANSIENT: Meaning("Attached only to publish, without receiving.", "TR3e"),
    Flag.ATTACH_RESUME: Meaning("The client was attached before and wants to go on from there.", "TR3f"),
    Flag.HAS_OBJECTS: Meaning("The channel has shared objects; OBJECT_SYNC frames with them follow.", "TR3h"),
    Flag.PRESENCE: Meaning("May enter the channel's presence set.", "TR3q"),
    Flag.PUBLISH: Meaning("May publish messages.", "TR3r"),
    Flag.SUBSCRIBE: Meaning("Receives messages.", "TR3s"),
    Flag.PRESENCE_SUBSCRIBE: Meaning("Receives presence: members enter, update and leave.", "TR3t"),
    Flag.ANNOTATION_PUBLISH: Meaning("May annotate messages.", "TR3v"),
    Flag.ANNOTATION_SUBSCRIBE: Meaning("Receives each annotation.", "TR3w"),
    Flag.OBJECT_SUBSCRIBE: Meaning("Receives changes to shared objects.", "TR3y"),
    Flag.OBJECT_PUBLISH: Meaning("May change shared objects.", "TR3z"),
}

_DATA = Meaning("The content: text, binary, an object or an array.", "RSL4a")
_ENCODING = Meaning("How the data was encoded, step by step. A reader undoes the steps from right to left.", "RSL6")
_EXTRAS = Meaning("Options and headers beside the data.", "TM2i")

MEMBERS: dict[str, dict[str, Meaning]] = {
    "ProtocolMessage": {
        "action": Meaning("What kind of frame this is. Every frame has it.", "TR4a"),
        "id": Meaning("The frame's id. Its messages have this id and their position: ID:0, then ID:1.", "TR4n"),
        "channel": Meaning("The channel this frame is about. A frame without a channel is about the connection.", "TR4b"),
        "channelSerial": Meaning("A place in the channel's order of messages, to continue from after a break.", "TR4c"),
        "connectionId": Meaning("The public name of a connection; other clients see it.", "TR4d"),
        "connectionKey": Meaning("The secret for resuming this connection. Protocol v1 puts it here, v2+ in connectionDetails.", "TR4e"),
        "connectionSerial": Meaning("Protocol v1 only: how many messages this connection was sent; -1 means none yet.", "TR4f"),
        "connectionDetails": Meaning("What the service grants this connection: identity, limits, times.", "TR4o"),
        "count": Meaning("How many frames this answers, starting with msgSerial.", "TR4g", "ProtocolMessages"),
        "error": Meaning("What went wrong.", "TR4h"),
        "flags": Meaning("Yes-or-no facts and channel modes, one bit each.", "TR4i", "bits"),
        "msgSerial": Meaning("The sender's count of its publishes on this connection. The ACK or NACK repeats it.", "TR4j"),
        "messages": Meaning("The messages, one or more.", "TR4k"),
        "presence": Meaning("The members that entered, left or changed.", "TR4l"),
        "annotations": Meaning("Annotations that were added or removed.", "TR4u"),
        "state": Meaning("Changes to shared objects, or their state.", "TR4r"),
        "timestamp": Meaning("When the service made this frame.", "TR4m", "ms since 1970"),
        "auth": Meaning("New credentials.", "TR4p"),
        "params": Meaning("Channel options, such as rewind; the answer repeats those understood.", "TR4q"),
        "res": Meaning("The result of each frame that this ACK covers, in order.", "TR4s"),
    },
    "ConnectionDetails": {
        "clientId": Meaning("The clientId of this connection; * means that it may use any clientId.", "CD2a"),
        "connectionKey": Meaning("The secret for resuming this connection after a drop.", "CD2b"),
        "maxMessageSize": Meaning("The largest publish that is accepted.", "CD2c", "bytes"),
        "maxInboundRate": Meaning("How many frames this connection may send.", "CD2e", "per second"),
        "maxOutboundRate": Meaning("How many frames this connection will be sent.", "CD2", "per second"),
        "maxFrameSize": Meaning("The largest single frame that is accepted.", "CD2d", "bytes"),
        "serverId": Meaning("The server's name, for debugging.", "CD2g"),
        "connectionStateTtl": Meaning("How long the connection is remembered after a drop, so it can be resumed.", "CD2f", "ms"),
        "maxIdleInterval": Meaning("The longest the service stays silent; a HEARTBEAT comes before that.", "CD2h", "ms"),
        "siteCode": Meaning("Which data centre this is.", "CD2j"),
        "objectsGCGracePeriod": Meaning("How long deleted shared objects are still remembered.", "CD2i", "ms"),
    },
    "ErrorInfo": {
        "code": Meaning("Which error, exactly.", "TI1"),
        "statusCode": Meaning("Its kind, as an HTTP status.", "TI1"),
        "message": Meaning("What went wrong, in words.", "TI1"),
        "href": Meaning("A page that says more about it.", "TI4"),
        "cause": Meaning("The error behind this error.", "TI1"),
        "detail": Meaning("More facts about it, for programs.", "TI1"),
    },
    "Message": {
        "id": Meaning("Names this message; the same id published twice is delivered once.", "TM2a"),
        "name": Meaning("What kind of message this is, in the app's own words.", "TM2g"),
        "data": _DATA._replace(clause="TM2d"),
        "encoding": _ENCODING._replace(clause="TM2e"),
        "clientId": Meaning("Who published it.", "TM2b"),
        "connectionId": Meaning("Through which connection it was published.", "TM2c"),
        "connectionKey": Meaning("With REST: the connection to publish on behalf of.", "TM2h"),
        "timestamp": Meaning("When the service accepted it.", "TM2f", "ms since 1970"),
        "extras": _EXTRAS,
        "action": Meaning("Whether this makes a message or changes an earlier one.", "TM2j"),
        "serial": Meaning("The message's place in the channel. It names the message, and never changes.", "TM2r"),
        "version": Meaning("Which version of the message this is.", "TM2s"),
        "annotations": Meaning("The summary of its annotations.", "TM2u"),
    },
    "MessageVersion": {
        "serial": Meaning("The version's place in the channel.", "TM2s1"),
        "timestamp": Meaning("When the version was made.", "TM2s2", "ms since 1970"),
        "clientId": Meaning("Who made the version.", "TM2s3"),
        "description": Meaning("Why, in the words of whoever made it.", "TM2s4"),
        "metadata": Meaning("More facts about the change.", "TM2s5"),
    },
    "MessageAnnotations": {
        "summary": Meaning("The summary of each type of annotation.", "TM2u"),
    },
    "PresenceMessage": {
        "action": Meaning("What happened to the member.", "TP3b"),
        "id": Meaning("Names this event; of two ids that begin with the connectionId, the higher is newer.", "TP3a"),
        "clientId": Meaning("Who the member is.", "TP3c"),
        "connectionId": Meaning("Through which connection the member is present.", "TP3d"),
        "data": Meaning("What the member says about itself.", "TP3e"),
        "encoding": _ENCODING._replace(clause="TP3f"),
        "timestamp": Meaning("When it happened.", "TP3g", "ms since 1970"),
        "extras": _EXTRAS._replace(clause="TP3i"),
    },
    "Annotation": {
        "id": Meaning("Names this annotation event.", "TAN2a"),
        "action": Meaning("Whether the annotation is added or removed.", "TAN2b"),
        "clientId": Meaning("Who annotates.", "TAN2c"),
        "name": Meaning("Which annotation of its type, such as the emoji.", "TAN2d"),
        "count": Meaning("How much it counts for.", "TAN2e"),
        "data": _DATA._replace(clause="TAN2f"),
        "encoding": _ENCODING._replace(clause="TAN2g"),
        "timestamp": Meaning("When it happened.", "TAN2h", "ms since 1970"),
        "serial": Meaning("The annotation's place in the channel.", "TAN2i"),
        "messageSerial": Meaning("The message it belongs to.", "TAN2j"),
        "type": Meaning("The kind of annotation, and how annotations of this kind are summed: NAMESPACE:METHOD.VERSION.", "TAN2k"),
        "extras": _EXTRAS._replace(clause="TAN2l"),
    },
    "AuthDetails": {
        "accessToken": Meaning("The new token.", "AD2"),
    },
    "PublishResult": {
        "serials": Meaning("The serial of each message; null for one that was not kept.", "PBR2a"),
    },
}
