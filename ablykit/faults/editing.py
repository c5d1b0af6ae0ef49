"""Change members of a frame by their paths: what an `edit` rule does.

A path names members from the outside in, and items of a list by their place: `error.code`, `messages.0.data`.
A path that leads nowhere changes nothing.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

from ablykit.faults.rule import Rule


def edited(frame: Mapping[str, Any], rule: Rule) -> dict[str, Any]:
    """Return a frame with the changes of an `edit` rule; the frame itself stays as it was."""
    changed = dict(frame)
    for path, value in (rule.set or {}).items():
        _change(changed, path, lambda holder, key: holder.__setitem__(key, value))  # noqa: B023
    for path in rule.unset or ():
        _change(changed, path, lambda holder, key: holder.__delitem__(key), exists=True)
    return changed


def _change(
    changed: dict[str, Any], path: str, change: Callable[[Any, Any], None], *, exists: bool = False
) -> None:
    """Change what a path leads to. Only members on the way are copied: a frame may be very deep."""
    *way, last = path.split(".")
    holder: Any = changed
    for step in way:
        key = _key(holder, step, exists=True)
        if key is None:
            return
        holder[key] = copy.copy(holder[key])
        holder = holder[key]
    if (key := _key(holder, last, exists=exists)) is not None:
        change(holder, key)


def _key(holder: Any, step: str, *, exists: bool) -> str | int | None:
    """Return what a step of a path is called in an object or a list; None if there is nothing of the kind."""
    if isinstance(holder, dict):
        return step if step in holder or not exists else None
    if isinstance(holder, list) and step.isdecimal() and int(step) < len(cast("list[Any]", holder)):
        return int(step)
    return None
