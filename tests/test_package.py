"""What the package offers at its top, and that its layers stand."""

import ast
import builtins
import re
import subprocess
import sys

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


NOT_KNOWN = {"client": {"wire", "record"}, "server": {"wire", "client"}, "judge": {"client"}}
"""What stands above a layer in the list, and is a stranger to it all the same."""


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_imports_only_what_stands_above_it(name):
    above = {*LAYERS[: LAYERS.index(name) + 1]} - NOT_KNOWN.get(name, set())
    for path in PACKAGE.rglob("*.py"):
        if layer(path) == name:
            assert set(imported(path)) <= above, path


IN_A_BROWSER = """
import sys
import ablykit.server.opening, ablykit.server.rules.publishing, ablykit.server.session
from ablykit.protocol import Format
from ablykit.server.service import Service

class Transport:
    def write(self, delivery, variant, channel):
        print(delivery.frame.action)
    def close(self, code, reason):
        print("closed", code)

service = Service(lambda: 0.0, seed=1)
key = service.add_key(service.add_app()).api_key
session = ablykit.server.opening.open_session(service, Transport(), f"key={key.reveal()}", 0.0, secure=True)
session.receive(b'{"action":10,"channel":"c"}', Format.JSON, 0.0)
session.receive(b'{"action":15,"channel":"c","msgSerial":0,"messages":[{"data":"x"}]}', Format.JSON, 0.0)
session.receive(b'{"action":7}', Format.JSON, 0.0)
print(*sorted(sys.modules))
"""
NOT_IN_A_BROWSER = {
    *("asyncio", "concurrent.futures", "multiprocessing", "socket", "ssl", "subprocess", "tempfile"),
    *("cryptography", "h11", "jwt", "trustme", "uvicorn", "uvloop", "starlette", "websockets"),
    *("ablykit.machine", "ablykit.record", "ablykit.relay", "ablykit.wire", "ablykit.server.running"),
}


def test_a_session_needs_neither_sockets_nor_tls_nor_an_event_loop():
    """In a browser's Python a session is driven by plain calls. It must not import what is missing there
    (sockets, processes), what can't be used there (event loops on threads, servers, files of this machine), or
    what costs a page seconds to load (cryptography, and the TLS and JWT that stand on it).

    `threading` is not on the list: `logging` imports it, and a browser has it, too; only starting a thread
    fails there. None of our modules that start one is imported.
    """
    done = subprocess.run(
        [sys.executable, "-c", IN_A_BROWSER], capture_output=True, text=True, timeout=30, cwd=ROOT
    )
    *said, modules = done.stdout.splitlines() or [done.stderr]
    assert said == ["4", "11", "15", "1", "8", "closed 1000"]
    assert NOT_IN_A_BROWSER & set(modules.split()) == set()


def test_names_of_the_server_are_imported_when_they_are_used():
    from ablykit import server

    assert {"LocalAbly", "LocalApp"} <= set(dir(server))
    with pytest.raises(AttributeError, match=r"module 'ablykit\.server' has no attribute 'nonsense'"):
        _ = server.nonsense
