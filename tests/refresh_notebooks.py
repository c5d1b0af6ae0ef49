"""Run every notebook and store its outputs: `python tests/refresh_notebooks.py`.

What only a live kernel can show (a widget's id) is left out, so that a page without one shows the
panels' own HTML instead.
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


class AsShown(NotebookClient):
    """Keeps what a cell showed when it ran, as nbval compares it, and no later update of it."""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "update_display_data":
            return None
        return super().process_message(msg, cell, cell_index)


def refresh(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    AsShown(notebook, timeout=60, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ.pop("ABLY_API_KEY", None)
    for notebook in [Path(p) for p in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb")):
        refresh(notebook)
        print(notebook.name)
