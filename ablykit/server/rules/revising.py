"""Revising: update, delete or append to a message that was published before (RSL11, RSL12, RSL15).

A message keeps its serial for ever. Each revision is a new entry in the log that names the message by its
serial and has a version of its own, so revisions are ordered, delivered and replayed as publishes are.
`story.py` folds the revisions of a message into its current version.
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
"""The operation that each revision needs; a capability names it with `-own` or `-any` after it."""


def publish(
    publisher: Publisher, attachment: Attachment | None, frame: ProtocolMessage, now: float, answer: Answer
) -> None:
    """Check a MESSAGE, with new messages or a revision, and append it to the log (see `publishing.Rule`)."""
    change = revision_in(frame)
    if change is None:
        return publishing.publish(publisher, attachment, frame, now, answer)
    name = ChannelName.parse(channel_of(frame))
    if attachment:
        attachment.check(Flag.PUBLISH)
    revise(publisher, name, change, publisher.frame_id(frame), now, answer)
    return None


def revision_in(frame: ProtocolMessage) -> Message | None:
    """Return the revision that a MESSAGE carries; None if it carries anything else or more."""
    messages = frame.messages or []
    return messages[0] if len(messages) == 1 and messages[0].action in RIGHTS else None


def revise(
    publisher: Publisher, name: ChannelName, message: Message, frame_id: str, now: float, answer: Answer
) -> None:
    """Append a revision to the log (see `publishing.Rule`); the ACK carries the serial of the new version.

    Raises `AblyError`: 93002 on a channel whose messages can't be revised, 40003 without a serial, 40400 for
    a message that is not kept, 40160 or 40166 without the right to revise it, 40009, 40012, 40013.
    """
    right = RIGHTS[MessageAction(message.action or 0)]
    _check_right(publisher, name, right)
    if not publisher.app.namespace_of(name).mutable_messages:
        raise AblyError(
            93002,
            "Messages on this channel can't be updated, deleted or appended to: "
            "use a channel of a namespace with mutableMessages",
        )
    if not message.serial:
        raise AblyError(40003, "An update, delete or append needs the `serial` of the message it revises")
    log = publisher.app.channel(name).log
    story = log.begin_story(message.serial, now)
    if story is None:
        raise not_kept(message.serial)
    _check_owner(publisher, name, right, story.original)
    limit = publisher.limits.max_message_size
    admit([message], limit)
    # Many small appends can make a message too large to deliver whole, so the result is checked as well.
    whole = revised(story.now, message)
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
    """Raise `AblyError` 40160 unless the publisher may revise some message on this channel.

    This comes before the message is looked up: a publisher without the right does not even learn which
    messages there are.
    """
    publisher.identity.check_any((f"{right}-any", f"{right}-own"), name)


def _check_owner(publisher: Publisher, name: ChannelName, right: str, original: Message) -> None:
    if f"{right}-any" in publisher.identity.operations(name):
        return
    if publisher.client_id is None:
        raise AblyError(
            40166,
            f"{right}-own covers the messages of your own clientId: connect with a clientId",
        )
    if publisher.client_id != original.client_id:
        raise Denied(
            40160,
            f"{right}-own covers your own messages only, and another client published this one",
            resource=name.identity,
            operation=f"{right}-any",
            rule=f"{original.client_id!r} published the message, {publisher.client_id!r} asked to revise it",
        )


def current_versions(log: Log, entries: list[Entry], now: float) -> list[Entry]:
    """Return entries of a log with each message in its current version."""
    return [_current_version(log, entry, now) for entry in entries]


def _current_version(log: Log, entry: Entry, now: float) -> Entry:
    messages = entry.messages
    current = [story.now if (story := log.story(m.serial or "", now)) else m for m in messages]
    if all(after is before for after, before in zip(current, messages, strict=True)):
        return entry
    return replace(entry, frame=entry.frame.replace(messages=current))
