"""Updating, deleting and appending to messages that were published (RSL11, RSL12, RSL15).

A message keeps its serial for good; each revision is one more publish in the log, with its own version.
`story.py` says what the revisions of a message add up to.
"""

from dataclasses import replace

from ablykit.protocol import (
    AblyError,
    Action,
    ChannelName,
    Flag,
    Message,
    MessageAction,
    MessageVersion,
    ProtocolMessage,
    PublishResult,
)
from ablykit.server.answers import Answer
from ablykit.server.channels.channel import Attachment, channel_of
from ablykit.server.channels.log import Entry, Log
from ablykit.server.channels.story import revised
from ablykit.server.common.denials import Denied
from ablykit.server.rules import publishing
from ablykit.server.rules.publishing import Publisher, admit, not_kept

RIGHTS = {
    MessageAction.UPDATE: "message-update",
    MessageAction.DELETE: "message-delete",
    MessageAction.APPEND: "message-update",
}
"""For each way to revise, the operation it needs, with `-own` or `-any` after it."""


def publish(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Give a MESSAGE to the log, whether it has new messages or revises one (see `publishing.Rule`)."""
    change = revision_in(frame)
    if change is None:
        return publishing.publish(publisher, attachment, frame, now, answer)
    name = ChannelName.parse(channel_of(frame))
    if attachment:
        attachment.check(Flag.PUBLISH)
    revise(publisher, name, change, publisher.frame_id(frame), now, answer)
    return None


def revision_in(frame: ProtocolMessage) -> Message | None:
    """The one revision that a MESSAGE carries, if it carries that and nothing else."""
    messages = frame.messages or []
    return messages[0] if len(messages) == 1 and messages[0].action in RIGHTS else None


def revise(
    publisher: Publisher, name: ChannelName, message: Message, frame_id: str, now: float, answer: Answer
) -> None:
    """Give a revision to the log (see `publishing.Rule`); the answer has its version's serial.

    Raises `AblyError`: 93002 where messages can't be revised, 40003 without a serial, 40400 for a message
    that is not kept, 40160 and 40166 where it is not allowed, 40009, 40012, 40013.
    """
    right = RIGHTS[MessageAction(message.action or 0)]
    _check_right(publisher, name, right)
    if not publisher.app.namespace_of(name).mutable_messages:
        raise AblyError(93002, "Messages of this channel can't be updated, deleted or appended to")
    if not message.serial:
        raise AblyError(40003, "A revision names the message by its serial")
    log = publisher.app.channel(name).log
    story = log.begin_story(message.serial, now)
    if story is None:
        raise not_kept(message.serial)
    _check_owner(publisher, name, right, story.original)
    limit = publisher.limits.max_message_size
    admit([message], limit)
    whole = revised(story.now, message)  # an append that does not fit is refused before it is in the log
    admit([whole], limit)
    message = message.replace(name=whole.name, extras=whole.extras)
    if message.action == MessageAction.UPDATE:
        message = message.replace(data=whole.data, encoding=whole.encoding)
    asked = message.version or MessageVersion()
    version = asked.replace(client_id=publisher.name_for(asked.client_id))
    message = message.replace(id=None, client_id=story.original.client_id, version=version)

    def revised_by(entry: Entry) -> None:
        versions = [message.version for message in entry.frame.messages or ()]
        answer.ack(PublishResult(serials=[version and version.serial for version in versions]))

    draft = publisher.frame(Action.MESSAGE, name, frame_id, messages=[message])
    log.append(draft, now, revised_by, answer.nack)


def _check_right(publisher: Publisher, name: ChannelName, right: str) -> None:
    """Raise `AblyError` 40160 for who may revise nothing here: also not learn what there is to revise."""
    publisher.identity.check_any((f"{right}-any", f"{right}-own"), name)


def _check_owner(publisher: Publisher, name: ChannelName, right: str, original: Message) -> None:
    if f"{right}-any" in publisher.identity.operations(name):
        return
    if publisher.client_id is None:
        raise AblyError(40166, "One's own messages are known by their clientId: connect with one")
    if publisher.client_id != original.client_id:
        raise Denied(
            40160,
            f"{right}-own is for one's own messages only",
            resource=name.identity,
            operation=f"{right}-any",
            rule=f"The message is {original.client_id!r}'s, and who asks is {publisher.client_id!r}",
        )


def as_they_are(log: Log, entries: list[Entry], now: float) -> list[Entry]:
    """Return publishes of a log with their messages as these are now."""
    return [_as_it_is(log, entry, now) for entry in entries]


def _as_it_is(log: Log, entry: Entry, now: float) -> Entry:
    messages = entry.messages
    told = [story.now if (story := log.story(m.serial or "", now)) else m for m in messages]
    if all(after is before for after, before in zip(told, messages, strict=True)):
        return entry
    return replace(entry, frame=entry.frame.replace(messages=told))
