"""The SDK that notebook 06 writes: its classes, taken from the notebook's own cells."""

import ast
from types import SimpleNamespace

from tests.notebook import ROOT, exercises, read

NOTEBOOK = ROOT / "notebooks" / "06_minimal_sdk.ipynb"


def minimal_sdk(*, with_acks=False):
    """Return what the notebook's cells define: `Ably`, `Channel` and `Copy`.

    With `with_acks`, the solution of its last exercise is put into `Ably` and `Channel`, too.
    """
    notebook = read(NOTEBOOK)
    tasks = list(exercises(notebook))
    unsolved = [cell for cell, _ in tasks]
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code" and cell not in unsolved]
    return define(*sources, *([tasks[-1][1]] if with_acks else []))


def define(*sources):
    """Run what defines something in these sources, and return it."""
    names = {"__name__": "notebook"}
    for source in sources:
        kept = [node for node in ast.parse(source).body if _defines(node)]
        exec(compile(ast.Module(kept, []), "notebook", "exec"), names)
    return SimpleNamespace(**names)


def _defines(node):
    """Whether a statement imports something, or defines a class, a function or a method."""
    if isinstance(node, ast.Import):
        return all(each.name != "ablykit" for each in node.names)
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        return all(isinstance(part, ast.Attribute) for part in parts)
    return isinstance(node, ast.ImportFrom | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
