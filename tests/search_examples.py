"""Searches and what they find, in JSON: the one table that Python's search and the panels' are both held to."""

import json
from pathlib import Path

from ablykit.record.transcript import Transcript

_TABLE = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))

FOUND: dict[str, list[int]] = _TABLE["found"]
"""For what is typed, the numbers of the entries it finds."""

REFUSED: dict[str, str] = _TABLE["refused"]
"""For what can't be searched for, what the reader is told."""


def transcript() -> Transcript:
    """The entries that are searched."""
    made = Transcript()
    for connection, direction, kind, raw in _TABLE["entries"]:
        made.record(connection, direction, raw, kind)
    return made
