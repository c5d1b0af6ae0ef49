"""Panels, which show live frames in a notebook. Each is a Python class, a .js file and a .css file."""

from ablykit.panels.composer import Composer
from ablykit.panels.connection import ConnectionPanel
from ablykit.panels.console import Console
from ablykit.panels.inspector import FrameInspector
from ablykit.panels.presence import Presence
from ablykit.panels.replay import Replay
from ablykit.panels.scorecard import Scorecard
from ablykit.panels.sequence import Sequence
from ablykit.panels.side_by_side import SideBySide

__all__ = [
    "Composer",
    "ConnectionPanel",
    "Console",
    "FrameInspector",
    "Presence",
    "Replay",
    "Scorecard",
    "Sequence",
    "SideBySide",
]
