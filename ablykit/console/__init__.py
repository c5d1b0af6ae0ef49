"""The key-driven app of the article's second part, around any SDK.

`Session` is the app without a screen: keys go in, and what comes of them can be read from its `Lines`. A
terminal (`cli.console`) and a notebook's panel (`panels.console`) draw it.
"""

from ablykit.console.lines import Line, Lines
from ablykit.console.session import KEYS, Key, Note, Session

__all__ = ["KEYS", "Key", "Line", "Lines", "Note", "Session"]
