"""The pages' own logic, run by node: what needs no page to be shown right."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import ablykit
from tests.conftest import needs

PANELS = Path(ablykit.__file__).parent / "panels"

ROW = {
    "number": 0, "time": "", "direction": "in", "kind": "frame", "action": "MESSAGE", "channel": "chat:one",
    "summary": "Hello World", "size": 2000, "connection": "client 1", "code": 40160, "ms": None, "broken": [],
}  # fmt: skip


def run(script, *values):
    node = needs("node", shutil.which("node"))
    code = f"{script}\nconst given = JSON.parse(process.argv[1]);\nconsole.log(JSON.stringify(answer(...given)));"
    done = subprocess.run(
        [node, "--input-type=module", "-e", code, json.dumps(values)],
        capture_output=True, text=True, cwd=PANELS, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def from_inspector(expression):
    return f'import {{ kindOf, matches, merge, shown }} from "./inspector.js";\nconst answer = {expression};'


QUERIES = {
    "": True, "hello": True, "world chat": True, "bye": False, "action:MESSAGE": True, "action:message": True,
    "action:ACK": False, "dir:in": True, "dir:out": False, "channel:chat*": True, "channel:chat": False,
    "channel:*one": True, "code:40160": True, "code:401*": True, "code:40000": False, "from:client*": True,
    "size>1k": True, "size>2k": False, "size<1.96k": True, "size<100": False, "is:broken": False, "-bye": True,
    "-hello": False, "-dir:out action:MESSAGE hello": True, "channel:c.at*": False, "unknown:key": False,
    "toString:x": False, "action:": False, "-": False, "[": False, "channel:[*": False,
}  # fmt: skip


def test_a_row_is_found_by_what_is_searched_for():
    rows = [{**ROW}] * len(QUERIES)
    found = run(
        from_inspector("(rows, queries) => queries.map((q, n) => matches(rows[n], q))"), rows, list(QUERIES)
    )
    assert dict(zip(QUERIES, found, strict=True)) == QUERIES


def test_a_broken_row_is_found_as_such():
    assert run(from_inspector("(row) => matches(row, 'is:broken')"), {**ROW, "broken": ["rule"]}) is True


def test_rows_are_merged_in_order_and_once():
    added = [[2, 3], [0, 1, 2], [5], [4, 5]]
    script = from_inspector(
        "(added) => { const rows = []; for (const some of added) merge(rows, some.map((number) => ({ number })));"
        " return rows.map((row) => row.number); }"
    )
    assert run(script, added) == [0, 1, 2, 3, 4, 5]


def test_rows_are_hidden_as_asked():
    store = {
        "rows": [{**ROW, "number": n, "action": a} for n, a in enumerate(["MESSAGE", "HEARTBEAT", "ACK"])],
        "clearedTo": 1,
    }
    script = from_inspector(
        "(store) => [false, true].map((hide) => shown(store, hide, '').map((row) => row.number))"
    )
    assert run(script, store) == [[1, 2], [2]]


@pytest.mark.parametrize(
    ("silence", "heartbeats", "level", "part"),
    [
        (0, True, "fine", 0),
        (500, True, "fine", 0.5),
        (1050, True, "fine", 1),
        (1200, True, "late", 1),
        (11_001, True, "dead", 1),
        (99_999, False, "fine", 0),
    ],
)
def test_a_silence_is_judged_by_its_length(silence, heartbeats, level, part):
    script = 'import { verdict } from "./connection.js";\nconst answer = verdict;'
    verdict = run(script, silence, {"maxIdle": 1000, "heartbeats": heartbeats})
    assert (verdict["level"], verdict["part"]) == (level, part)
    assert verdict["text"]
