"""Updating, deleting and appending to messages that were published (RSL11, RSL12, RSL15).

A message keeps its serial for good; each revision is one more publish in the log, with a version of its own.
What a message is now is its revisions, one after the other.
"""

from collections.abc import Iterable
from dataclasses import replace

from ablykit.protocol import (
    AblyError,
    Action,
    ChannelName,
    Message,
    MessageAction,
    MessageVersion,
    ProtocolMessage,
)
from ablykit.protocol.encoding import check
from ablykit.server.denials import Denied
from ablykit.server.log import Entry
from ablykit.server.publishing import Publisher, check_size

RIGHTS = {
    MessageAction.UPDATE: "message-update",
    MessageAction.DELETE: "message-delete",
    MessageAction.APPEND: "message-update",
}
"""For each way to revise, the operation it needs, with `-own` or `-any` after it."""


def revision_in(frame: ProtocolMessage) -> Message | None:
    """The one revision that a MESSAGE carries, if it carries that and nothing else."""
    messages = frame.messages or []
    return messages[0] if len(messages) == 1 and messages[0].action in RIGHTS else None


def revise(publisher: Publisher, name: ChannelName, message: Message, frame_id: str, now: float) -> str:
    """Give a revision to the log; tells its version's serial.

    Raises `AblyError`: 93002 where messages can't be revised, 40003 without a serial, 40400 for a message
    that is not kept, 40160 and 40166 where it is not allowed, 40009, 40012, 40013.
    """
    right = RIGHTS[MessageAction(message.action or 0)]
    _check_right(publisher, name, right)
    if not publisher.identity.app.namespace_of(name).mutable_messages:
        raise AblyError(93002, "Messages of this channel can't be updated, deleted or appended to")
    if not message.serial:
        raise AblyError(40003, "A revision names the message by its serial")
    channel = publisher.service.channel(publisher.identity.app, name)
    so_far = versions(channel.log.all(now), message.serial)
    if not so_far:
        raise AblyError(40400, f"No message {message.serial[:60]!r} is kept on this channel")
    _check_owner(publisher, name, right, so_far[0])
    check(message)
    check_size([message], publisher.limits.max_message_size)
    whole = revised(so_far[-1], message)  # an append that does not fit is refused before it is in the log
    message = message.replace(name=whole.name, extras=whole.extras)
    if message.action == MessageAction.UPDATE:
        message = message.replace(data=whole.data, encoding=whole.encoding)
    asked = message.version or MessageVersion()
    version = asked.replace(client_id=publisher.name_for(asked.client_id))
    message = message.replace(id=None, client_id=so_far[0].client_id, version=version)
    entry = channel.log.append(publisher.frame(Action.MESSAGE, name, frame_id, messages=[message]), now)
    given = (entry.frame.messages or [message])[0].version
    return (given and given.serial) or ""


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


def versions(entries: Iterable[Entry], serial: str) -> list[Message]:
    """What a message was, version by version, each whole; empty for one that is not there.

    A summary of its annotations is no version: it goes with the last one.
    """
    found: list[Message] = []
    for entry in entries:
        for whole in (message for message in entry.messages if message.serial == serial):
            if found and whole.action == MessageAction.SUMMARY:
                found[-1] = revised(found[-1], whole)
            else:
                found.append(revised(found[-1], whole) if found else whole)
    return found


def current(entries: Iterable[Entry]) -> dict[str, Message]:
    """Every message as it is now, by its serial, oldest first."""
    found: dict[str, Message] = {}
    for entry in entries:
        for whole in entry.messages:
            serial = whole.serial or ""
            found[serial] = revised(found[serial], whole) if serial in found else whole
    return found


def as_they_are(entries: list[Entry], kept: list[Entry]) -> list[Entry]:
    """Publishes with their messages as these are now, after all that is `kept` in the log."""
    changed = {m.serial for entry in kept for m in entry.frame.messages or () if m.action}
    if not changed:
        return entries
    now = current(kept)
    return [
        replace(entry, frame=entry.frame.replace(messages=[now[m.serial or ""] for m in entry.messages]))
        if changed & set(entry.serials)
        else entry
        for entry in entries
    ]


def revised(before: Message, change: Message) -> Message:
    """A message after a revision: what the change does not name stays; an append goes to the data's end."""
    if change.action == MessageAction.SUMMARY:
        return before.replace(annotations=change.annotations)
    data, encoding = (before.data, before.encoding) if change.data is None else (change.data, change.encoding)
    action = change.action
    if change.action == MessageAction.APPEND:
        data, encoding = _appended(before.data, change.data), before.encoding
        action = int(MessageAction.UPDATE)
    return before.replace(
        action=action,
        name=before.name if change.name is None else change.name,
        data=data,
        encoding=encoding,
        extras=before.extras if change.extras is None else change.extras,
        version=change.version,
    )


def _appended(before: object, more: object) -> object:
    if more is None:
        return before
    if isinstance(before, str) and isinstance(more, str):
        return before + more
    if isinstance(before, bytes) and isinstance(more, bytes):
        return before + more
    raise AblyError(40013, "Only text can be appended to text, and binary to binary")
