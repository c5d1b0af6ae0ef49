"""What became of one message: its revisions and annotations, and what they add up to.

A message keeps its serial for good. Each update, delete or append is one more publish in the log, and so
is each summary of its annotations; a `Story` folds them as they come, so that asking what a message is
*now* never means reading the log again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ablykit.protocol import AblyError, Annotation, Message, MessageAction
from ablykit.server.channels.summary import Summary


@dataclass(slots=True)
class Story:
    """A message with all that was done to it. It goes when the message itself is no longer kept."""

    original: Message
    now: Message
    """The message as it is now, whole."""
    before: str = ""
    """The serial of the version before this one."""
    changes: list[Message] = field(default_factory=list[Message])
    """Its revisions and the summaries of its annotations, oldest first, as they were published."""
    annotations: list[Annotation] = field(default_factory=list[Annotation])
    summary: Summary = field(default_factory=Summary)

    def change(self, change: Message) -> None:
        """Fold one more revision, or one more summary."""
        if change.action != MessageAction.SUMMARY:
            self.before = (self.now.version and self.now.version.serial) or ""
        self.now = revised(self.now, change)
        self.changes.append(change)

    def annotate(self, annotation: Annotation) -> None:
        """Fold one more annotation."""
        self.annotations.append(annotation)
        self.summary.add(annotation)

    def versions(self) -> Iterator[Message]:
        """What the message was, version by version, each whole (RSL14).

        A summary is no version: it belongs to the version it was made for. Versions are made one at a
        time, since all of them together may be many times what is kept.
        """
        whole = self.original
        for change in self.changes:
            if change.action != MessageAction.SUMMARY:
                yield whole
            whole = revised(whole, change)
        yield whole


def revised(before: Message, change: Message) -> Message:
    """Return a message after a revision: what the change does not name stays; an append goes to the end.

    Raises `AblyError` 40013 for an append of another kind than the data it is appended to.
    """
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
