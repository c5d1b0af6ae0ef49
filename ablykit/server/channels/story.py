"""The story of one message: its revisions and annotations, and its current version.

A message keeps its serial for ever. Each update, delete or append is a new entry in the log, and so is each
summary of its annotations. A `Story` folds them in as they are appended, so finding a message's current
version never means reading the log again. The log keeps a story only for messages that were revised or
annotated; most never are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ablykit.protocol import AblyError, Annotation, Message, MessageAction
from ablykit.server.channels.summary import Summary


@dataclass(slots=True)
class Story:
    """A message and everything that was done to it. The log drops it together with the message."""

    original: Message
    now: Message
    """The current version, complete."""
    before: str = ""
    """The serial of the version before the current one."""
    changes: list[Message] = field(default_factory=list[Message])
    """The revisions and the summaries of its annotations, as they were published, oldest first."""
    annotations: list[Annotation] = field(default_factory=list[Annotation])
    summary: Summary = field(default_factory=Summary)

    def change(self, change: Message) -> None:
        """Fold in one more revision or summary."""
        if change.action != MessageAction.SUMMARY:
            self.before = (self.now.version and self.now.version.serial) or ""
        self.now = revised(self.now, change)
        self.changes.append(change)

    def annotate(self, annotation: Annotation) -> None:
        """Fold in one more annotation."""
        self.annotations.append(annotation)
        self.summary.add(annotation)

    def versions(self) -> Iterator[Message]:
        """Yield every version of the message, complete, oldest first (RSL14).

        A summary does not make a version of its own: it belongs to the version it was made for. Versions are
        built one at a time, since a message of many appends takes far less memory than all its versions do.
        """
        whole = self.original
        for change in self.changes:
            if change.action != MessageAction.SUMMARY:
                yield whole
            whole = revised(whole, change)
        yield whole


def revised(before: Message, change: Message) -> Message:
    """Return a message after a revision: members that the change leaves out stay as they were.

    An append is added to the end of the data. Raises `AblyError` 40013 if the two are not both text or both
    binary.
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
    raise AblyError(
        40013, "An append must match the message's data: append text to text, and binary data to binary data"
    )
