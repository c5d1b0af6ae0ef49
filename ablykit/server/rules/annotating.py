"""Annotating: attach annotations such as reactions to messages, and keep their summaries (RSAN, RTAN, TM8).

An annotation is an entry of its own in the log. Right after it comes a second entry, a SUMMARY: the message's
annotations counted up, for subscribers that don't follow every single one.
"""

from ablykit.protocol import (
    AblyError,
    Action,
    Annotation,
    AnnotationAction,
    ChannelName,
    Flag,
    Message,
    MessageAction,
    ProtocolMessage,
    PublishResult,
)
from ablykit.protocol.frames import MessageAnnotations
from ablykit.server.answers import Answer
from ablykit.server.channels.channel import Attachment, channel_of
from ablykit.server.channels.log import Entry, Log
from ablykit.server.channels.summary import MOST_KEYS, method_of
from ablykit.server.rules.publishing import Publisher, admit, not_kept

NEEDS_CLIENT_ID = frozenset({"flag.v1", "distinct.v1", "unique.v1"})
"""The summary methods that count clientIds, so an annotation without one can't be counted."""


def publish(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Check an ANNOTATION and append it to the log (see `publishing.Rule`)."""
    attached_as = channel_of(frame)
    if not frame.annotations:
        raise AblyError(40000, "An ANNOTATION needs `annotations`: a list with at least one annotation")
    if attachment:
        attachment.check(Flag.ANNOTATION_PUBLISH)
    name = ChannelName.parse(attached_as)
    annotate(publisher, name, frame.annotations, publisher.frame_id(frame), now, answer)


def annotate(
    publisher: Publisher,
    name: ChannelName,
    annotations: list[Annotation],
    frame_id: str,
    now: float,
    answer: Answer,
) -> None:
    """Append annotations to the log, followed by the new summary of each annotated message.

    See `publishing.Rule` for the arguments. Raises `AblyError`: 40000, 40003, 40012, 40160, 40400, 93002, and
    the codes of `admit`.
    """
    publisher.identity.check("annotation-publish", name)
    if not publisher.app.namespace_of(name).mutable_messages:
        raise AblyError(
            93002,
            "Messages on this channel can't be annotated: use a channel of a namespace with mutableMessages",
        )
    admit(annotations, publisher.limits.max_message_size)
    log = publisher.app.channel(name).log
    whole = [_checked(publisher, annotation, log, now) for annotation in annotations]
    draft = publisher.frame(Action.ANNOTATION, name, frame_id, annotations=whole)

    def annotated(entry: Entry) -> None:
        try:
            _sum_up(log, entry, now)
        finally:  # the annotations are in the log already, so they are acknowledged even if a summary failed
            serials = [annotation.serial for annotation in entry.frame.annotations or ()]
            answer.ack(PublishResult(serials=serials))

    log.append(draft, now, annotated, answer.nack)


def _sum_up(log: Log, entry: Entry, now: float) -> None:
    """Append the new summary of each message that an entry annotates."""
    frame = entry.frame
    for serial in dict.fromkeys(annotation.message_serial or "" for annotation in frame.annotations or ()):
        story = log.story(serial, now)
        if story is None:  # the log was full: keeping the annotations pushed their message out
            continue
        summed = Message(
            serial=serial,
            name=story.now.name,  # an SDK subscribed by name drops a message that has no name
            action=int(MessageAction.SUMMARY),
            annotations=MessageAnnotations(summary=story.summary.totals()),
            version=story.now.version,
        )
        summary = ProtocolMessage(
            action=Action.MESSAGE,
            id=f"{frame.id}:summary",
            channel=frame.channel,
            timestamp=frame.timestamp,
            messages=[summed],
        )
        log.append(summary, now)


def _checked(publisher: Publisher, annotation: Annotation, log: Log, now: float) -> Annotation:
    """Return the annotation as it is published: with its action and with the publisher's clientId."""
    if annotation.action not in (None, AnnotationAction.CREATE, AnnotationAction.DELETE):
        raise AblyError(40000, f"An annotation's action is 0 (create) or 1 (delete), not {annotation.action}")
    if not annotation.type or not annotation.message_serial:
        raise AblyError(40003, "An annotation needs a `type`, and the `messageSerial` of its message")
    story = log.begin_story(annotation.message_serial, now)
    if story is None:
        raise not_kept(annotation.message_serial)
    if not story.summary.has_room_for(annotation):
        raise AblyError(
            40000, f"The annotations of one message may have at most {MOST_KEYS} different types and names"
        )
    client_id = publisher.name_for(annotation.client_id)
    if client_id is None and method_of(annotation.type) in NEEDS_CLIENT_ID:
        raise AblyError(
            40000, f"Annotations of type {annotation.type[:60]!r} count clientIds: connect with a clientId"
        )
    return annotation.replace(action=annotation.action or 0, client_id=client_id)
