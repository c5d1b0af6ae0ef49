"""What the package offers at its top, and that its layers stand."""

import ast
import builtins
import re

import pytest

import ablykit
from ablykit import wire
from tests.notebook import ROOT


def test_names_at_the_top_are_those_of_the_package():
    assert ablykit.connect is wire.connect
    assert set(ablykit.__all__) <= set(dir(ablykit))
    assert all(getattr(ablykit, name) is not None for name in ablykit.__all__)
    assert not {*ablykit.__all__} & {*dir(builtins)}, "nothing of Python's is hidden by import *"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ablykit.nonsense


PACKAGE = ROOT / "ablykit"
LAYOUT = re.search(r"```\nablykit/\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
LAYERS = re.findall(r"^  (\w+)(?:/|\.py)", LAYOUT, re.M)
ABOVE_ALL = {"__init__", "__main__", "lab_settings"}
"""What gathers names of all layers, starts the last one, or is run by IPython."""


def layer(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """The layers that a module imports, at its top or later."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"ablykit.{name.name}" for name in node.names] if module == "ablykit" else [module]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("ablykit."))


def test_the_readme_has_a_place_for_every_module():
    assert {layer(path) for path in PACKAGE.rglob("*.py")} == set(LAYERS) | ABOVE_ALL
    in_server = {name for name in MODULES if name.startswith("ablykit.server.")}
    rooms = {name.rpartition(".")[0] for name in in_server}
    assert in_server - rooms == set(FLOORS)


def test_no_module_imports_itself_by_way_of_others():
    """Imports for type checkers count too."""
    graph = {name: imports_of(path, MODULES) for name, path in MODULES.items()}
    circles = [{one, two} for one in graph for two in graph[one] if one != two and one in reached(graph, two)]
    assert circles == []


def test_in_the_server_a_module_imports_only_what_stands_below_it():
    for name, floor in FLOORS.items():
        upwards = {each for each in imports_of(MODULES[name], MODULES) if FLOORS.get(each, 99) < floor}
        assert upwards == set(), name


def test_no_room_of_the_package_knows_another_that_knows_it():
    """`server/` itself holds modules above and below its inner rooms: they are rooms by themselves."""
    rooms = {
        name: room
        for name in MODULES
        if (room := name.rpartition(".")[0]) not in ("", "ablykit", "ablykit.server")
    }
    graph = {room: set() for room in rooms.values()}
    for name, room in rooms.items():
        graph[room] |= {rooms[each] for each in imports_of(MODULES[name], MODULES) if each in rooms} - {room}
    assert [room for room in graph if room in reached(graph, room)] == []


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def floors(layout):
    """The server's modules as the README has them: the number of the line that each stands in."""
    inside, room, found = layout.split("  server/")[1].split("\n  relay")[0].splitlines(), "", {}
    for number, line in enumerate(inside):
        if opened := re.match(r"    (\w+)/ ", line):
            room = f"{opened[1]}."
        elif not line.startswith("      "):
            room = ""
        found |= {f"ablykit.server.{room}{name}": number for name in re.findall(r"(\w+)\.py", line)}
    return found


FLOORS = floors(LAYOUT)


def imports_of(path, modules):
    for_each = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}.{name.name}": node.module for node in for_each for name in node.names}
    return {full if full in modules else module for full, module in names.items()} & modules.keys()


def reached(graph, start):
    """All modules that a module imports, directly or by way of others."""
    found, left = set(), list(graph[start])
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            left += graph[name]
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_imports_only_what_stands_above_it(name):
    above = {*LAYERS[: LAYERS.index(name) + 1]} - ({"wire"} if name == "server" else set())
    for path in PACKAGE.rglob("*.py"):
        if layer(path) == name:
            assert set(imported(path)) <= above, path
