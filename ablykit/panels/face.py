"""The static face of a panel, which stays in the notebook when its kernel is gone.

JupyterLab shows a widget where an output has one, and "model not found" once the kernel that has its model
is gone, whatever else is stored in the output. So a panel is two outputs: its face, which is HTML that needs
no script, and the widget. The face's style sheet hides it while a panel is alive in the output below it, and
hides what stands there otherwise. It is brought up to date after each cell, so that the notebook that is
saved shows what its reader saw last.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from IPython import get_ipython  # type: ignore[reportPrivateImportUsage]
from IPython.display import publish_display_data  # type: ignore[reportUnknownVariableType]

WIDGET = "application/vnd.jupyter.widget-view+json"

UPDATED = 20
"""How many faces are kept up to date, newest first: running a cell again leaves an old one behind."""

_FACE = ".jp-OutputArea-child:has(> .jp-OutputArea-output > .ablykit-face)"
_BELOW = ".jp-OutputArea-child > .lm-Panel"
_STYLE = (
    f"{_FACE}:has(+ {_BELOW} .ablykit),{_FACE} + {_BELOW}:not(:has(> *)){{display:none}}"
    # A live panel takes a moment to appear; the face must not flash up until then.
    "@keyframes ablykit-face{from{max-height:0}}"
    ".ablykit-face{animation:ablykit-face 0s 1s backwards;overflow:hidden}"
)


class HasFace:
    """A widget that still shows something when its kernel is gone."""

    def html(self) -> str:
        """Return the widget as it is now, as HTML that needs no script."""
        raise NotImplementedError

    def face(self) -> dict[str, str]:
        """Return the widget as it is now for a page without it: by mime type."""
        html = f'<div class="ablykit-face"><style>{_STYLE}</style>{self.html()}</div>'
        return {"text/html": html, "text/plain": str(self)}

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle: Any = cast(Any, super())._repr_mimebundle_(**options)
        data, metadata = cast("tuple[Any, Any]", bundle if isinstance(bundle, tuple) else (bundle or {}, {}))
        return {**data, **self.face()}, metadata

    def _ipython_display_(self) -> None:
        """Display the face, and the widget below it."""
        _display(self.face)
        data, metadata = self._repr_mimebundle_()
        if WIDGET in data:
            publish_display_data({WIDGET: data[WIDGET]}, metadata)


@dataclass
class _Shown:
    """A face in a notebook, and what it shows there."""

    look: Callable[[], dict[str, str]]
    face: dict[str, str]
    id: str = field(default_factory=lambda: uuid4().hex)

    def publish(self, *, update: bool) -> None:
        publish_display_data(self.face, transient={"display_id": self.id}, update=update)


_shown: deque[_Shown] = deque(maxlen=UPDATED)


def _display(look: Callable[[], dict[str, str]]) -> None:
    shown = _Shown(look, look())
    shown.publish(update=False)
    _shown.append(shown)
    shell: Any = get_ipython()
    if shell and _update not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _update)


def _update(*_: Any) -> None:
    """Update the faces after a cell has run."""
    for shown in _shown:
        face = shown.look()
        if face != shown.face:
            shown.face = face
            shown.publish(update=True)
