"""Running notebooks, with their exercises filled in."""

import asyncio
import os
import re
import tempfile
from configparser import RawConfigParser
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def read(path):
    return nbformat.read(path, as_version=4)


def is_exercise(cell):
    return "exercise" in cell.metadata.get("tags", ())


def exercises(notebook):
    """Each exercise cell with the solution that the notebook itself prints below it."""
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        if is_exercise(cell):
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


class Reader(NotebookClient):
    """Runs a notebook as somebody who reads does, with `pause` seconds before each code cell."""

    pause = 0.0
    updates = True
    """Whether a display that is updated is kept as it was updated, not as it was first shown."""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "update_display_data" and not self.updates:
            return None
        return super().process_message(msg, cell, cell_index)

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell.cell_type == "code":
            await asyncio.sleep(self.pause)
        return await super().async_execute_cell(cell, cell_index, **options)


def execute(notebook, pause=0.0, **environment):
    """Run a notebook in a kernel of its own, in the notebooks' folder; raises when a cell fails."""
    where = {"metadata": {"path": str(ROOT / "notebooks")}}
    with tempfile.TemporaryDirectory() as folder:  # TCP ports may be taken before a kernel binds them
        config = Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"})
        client = Reader(notebook, timeout=90, resources=where, config=config)
        client.pause, client.updates = pause, not pause
        client.execute(env=os.environ | environment)
    return notebook


def verdicts(notebook):
    """What each exercise's check said."""
    return [cell.outputs[-1].data["text/plain"] for cell, _ in exercises(notebook)]


def shown(notebook):
    """What each code cell shows as text, by its id, the machine's own left out.

    Exercises and cells whose output nbval ignores are left out too.
    """
    return {
        cell.id: _sanitized("\n".join(filter(None, map(_text, cell.outputs))))
        for cell in notebook.cells
        if cell.cell_type == "code"
        and not {"exercise", "nbval-ignore-output"}.intersection(cell.metadata.get("tags", ()))
    }


def _text(output):
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def _sanitized(text):
    """The text with what `sanitize.cfg` names replaced, as nbval does it."""
    config = RawConfigParser()
    config.read(ROOT / "tests" / "sanitize.cfg")
    for section in config.sections():
        text = re.sub(config[section]["regex"], config[section]["replace"], text)
    return re.sub(r"\n+", "\n", text)
