"""Running notebooks, with their exercises filled in."""

import os
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def read(path):
    return nbformat.read(path, as_version=4)


def exercises(notebook):
    """Each exercise cell with the solution that the notebook itself prints below it."""
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        if "exercise" in cell.metadata.get("tags", ()):
            yield cell, solution(after.source)


def solution(text):
    assert text.startswith("<details><summary>Solution</summary>")
    if fenced := re.search(r"```python\n(.*?)```", text, re.S):
        return fenced[1]
    return "\n".join(re.findall(r"`([^`]+ = [^`]+)`", text))


def solved(notebook):
    """The notebook with every exercise answered as its solution says."""
    for cell, answer in exercises(notebook):
        check = cell.source.splitlines()[-1]
        imports = [line for line in cell.source.splitlines() if line.startswith("import ")]
        cell.source = "\n".join([*imports, answer, check])
    return notebook


def execute(notebook, **environment):
    """Run a notebook in a kernel of its own, in the notebooks' folder; raises when a cell fails."""
    client = NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    client.execute(env=os.environ | environment)
    return notebook


def verdicts(notebook):
    """What each exercise's check said."""
    return [cell.outputs[-1].data["text/plain"] for cell, _ in exercises(notebook)]
