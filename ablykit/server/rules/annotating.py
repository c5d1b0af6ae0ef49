"""Annotations of messages, such as reactions, and their summaries (RSAN, RTAN, TM8)."""

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
from ablykit.server.channels.summary import MOST_KEYS, way_of
from ablykit.server.rules.publishing import Publisher, admit, not_kept

NEEDS_SOMEBODY = frozenset({"flag.v1", "distinct.v1", "unique.v1"})
"""Ways to sum up that count by clientId."""


def publish(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Give an ANNOTATION to the log (see `publishing.Rule`)."""
    attached_as = channel_of(frame)
    if not frame.annotations:
        raise AblyError(40000, "An ANNOTATION needs annotations: a list with at least one")
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
    """Give annotations to the log, and with them the new summary of each message (see `publishing.Rule`).

    Raises `AblyError`: 40000, 40003, 40012, 40160, 40400, 93002, and those of `admit`.
    """
    publisher.identity.check("annotation-publish", name)
    if not publisher.app.namespace_of(name).mutable_messages:
        raise AblyError(93002, "Messages of this channel can't be annotated")
    admit(annotations, publisher.limits.max_message_size)
    log = publisher.app.channel(name).log
    whole = [_checked(publisher, annotation, log, now) for annotation in annotations]
    draft = publisher.frame(Action.ANNOTATION, name, frame_id, annotations=whole)

    def annotated(entry: Entry) -> None:
        try:
            _sum_up(log, entry, now)
        finally:  # the annotations are in the log, whatever became of their summaries
            serials = [annotation.serial for annotation in entry.frame.annotations or ()]
            answer.ack(PublishResult(serials=serials))

    log.append(draft, now, annotated, answer.nack)


def _sum_up(log: Log, entry: Entry, now: float) -> None:
    """Publish the new summary of each message that an entry annotates."""
    frame = entry.frame
    for serial in dict.fromkeys(annotation.message_serial or "" for annotation in frame.annotations or ()):
        story = log.story(serial, now)
        if story is None:  # the annotations themselves took the place of their message
            continue
        summed = Message(
            serial=serial,
            name=story.now.name,  # without it, those who subscribe by name would not see it
            action=int(MessageAction.SUMMARY),
            annotations=MessageAnnotations(summary=story.summary.told()),
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
    if annotation.action not in (None, AnnotationAction.CREATE, AnnotationAction.DELETE):
        raise AblyError(
            40000, f"An annotation is put on (0) or taken off (1); {annotation.action} is neither"
        )
    if not annotation.type or not annotation.message_serial:
        raise AblyError(40003, "An annotation has a type, and names its message by messageSerial")
    story = log.begin_story(annotation.message_serial, now)
    if story is None:
        raise not_kept(annotation.message_serial)
    if not story.summary.has_room_for(annotation):
        raise AblyError(
            40000, f"A message's annotations have at most {MOST_KEYS} different types and names together"
        )
    client_id = publisher.name_for(annotation.client_id)
    if client_id is None and way_of(annotation.type) in NEEDS_SOMEBODY:
        raise AblyError(40000, f"{annotation.type[:60]!r} counts clientIds: connect with one")
    return annotation.replace(action=annotation.action or 0, client_id=client_id)
