"""Two panels or more next to each other."""

from typing import Any, cast

from ipywidgets import HBox, Layout  # type: ignore[reportMissingTypeStubs]

from ablykit.panels.face import HasFace
from ablykit.panels.panel import Panel


class SideBySide(HasFace, HBox):
    """Panels in a row, such as one for each of two connections.

    SideBySide(FrameInspector(one), FrameInspector(two))
    """

    def __init__(self, *panels: Panel) -> None:
        self._panels = panels
        for panel in panels:
            panel.layout = Layout(flex="1 1 0", min_width="0")
        cast(Any, super()).__init__(panels)

    def html(self) -> str:
        """Return the panels as they are now, as HTML that needs no script."""
        style = "flex:1 1 420px;min-width:0;overflow-x:auto"
        cells = "".join(f'<div style="{style}">{panel.html()}</div>' for panel in self._panels)
        return f'<div style="display:flex;flex-wrap:wrap;gap:1em">{cells}</div>'

    def __str__(self) -> str:
        return "\n\n".join(map(str, self._panels))
