"""The pages' own logic, run by node: what needs no page to be shown right."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import ablykit
from ablykit.panels.panel import script
from tests.conftest import needs
from tests.node import install
from tests.notebook import ROOT

PANELS = Path(ablykit.__file__).parent / "panels"

ROW = {
    "number": 0, "time": "", "direction": "in", "kind": "frame", "action": "MESSAGE", "channel": "chat:one",
    "summary": "Hello World", "size": 2000, "connection": "client 1", "code": 40160, "ms": None, "broken": [],
}  # fmt: skip


def run(script, *values):
    node = needs("node", shutil.which("node"))
    read = 'import { readFileSync } from "node:fs";\nconst given = JSON.parse(readFileSync(0, "utf-8"));'
    code = f"{script}\n{read}\nconsole.log(JSON.stringify(answer(...given)));"
    done = subprocess.run(
        [node, "--input-type=module", "-e", code], input=json.dumps(values),
        capture_output=True, text=True, cwd=PANELS, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def on(name, file, expression):
    """A script that answers with an expression in which something of a panel's file is used."""
    return f'import {{ {name} }} from "./{file}";\nconst answer = {expression};'


KNOWN = "{ found: new Map([['error.code', new Set([0])]]), waiting: new Set([0]) }"

QUERIES = {
    "": True, "hello": True, "world chat": True, "bye": False, "action:MESSAGE": True, "action:message": True,
    "action:ACK": False, "dir:in": True, "dir:out": False, "channel:chat*": True, "channel:chat": False,
    "channel:*one": True, "code:40160": True, "code:401*": True, "code:40000": False, "from:client*": True,
    "size>1k": True, "size>2k": False, "size<1.96k": True, "size<100": False, "is:broken": False, "-bye": True,
    "-hello": False, "-dir:out action:MESSAGE hello": True, "channel:c.at*": False, "unknown:key": False,
    "toString:x": False, "action:": False, "-": False, "[": False, "channel:[*": False, "is:error": True,
    "is:unanswered": True, "is:toString": False, "?error.code": True, "?  error.code ": True, "hello ?error.code": True,
    "bye ?error.code": False, "?other": False, "what?": False, "?": True, "hello ?": True,
}  # fmt: skip


def test_a_row_is_found_by_what_is_searched_for():
    expression = f"(rows, queries) => queries.map((q, n) => question(q)(rows[n], {KNOWN}))"
    found = run(on("question", "search.js", expression), [{**ROW}] * len(QUERIES), list(QUERIES))
    assert dict(zip(QUERIES, found, strict=True)) == QUERIES


def test_a_broken_row_is_found_as_such():
    script = on("question", "search.js", f"(row) => question('is:broken')(row, {KNOWN})")
    assert run(script, {**ROW, "broken": ["rule"]}) is True


@pytest.mark.parametrize(
    ("typed", "expression"),
    [
        ("?a", "a"),
        ("x ?a == `1` && b ", "a == `1` && b"),
        ("a?b", ""),
        ("?messages[?name=='x']", "messages[?name=='x']"),
        ("x ?", ""),
        ("", ""),
    ],
)
def test_an_expression_is_what_stands_after_a_question_mark(typed, expression):
    assert run(on("expressionIn", "search.js", "expressionIn"), typed) == expression


@pytest.mark.parametrize(
    ("typed", "after"),
    [("", "dir:in"), ("x", "dir:in x"), ("x dir:in y", "x y"), ("dir:in", ""), ("-dir:in", "dir:in -dir:in")],
)
def test_a_chip_puts_its_term_in_and_takes_it_out(typed, after):
    assert run(on("withTerm", "search.js", "withTerm"), typed, "dir:in") == after


def test_rows_are_merged_in_order_and_once():
    added = [[2, 3], [0, 1, 2], [5], [4, 5]]
    script = on(
        "merge",
        "store.js",
        "(added) => { const rows = []; const ends = added.map((some) => merge(rows, some.map((number) => ({ number }))));"
        " return [rows.map((row) => row.number), ends]; }",
    )
    assert run(script, added) == [[0, 1, 2, 3, 4, 5], [True, False, True, False]]


SHOW = """(steps) => {
  const store = emptyStore(), shown = new Shown();
  return steps.map(([message, typed, hide]) => {
    take(store, message);
    shown.update(store, question(typed), typed, hide);
    return [shown.rows.map((row) => row.number), shown.frames];
  });
}"""


def show(*steps):
    imports = (
        'import { question } from "./search.js";\nimport { Shown, emptyStore, take } from "./store.js";\n'
    )
    return run(f"{imports}const answer = {SHOW};", steps)


def rows_of(first, *actions, lost=0, **more):
    kinds = {"ping": "ping"}
    rows = [
        {**ROW, "number": first + n, "action": action, "kind": kinds.get(action, "frame")}
        for n, action in enumerate(actions)
    ]
    return {"rows": rows, "lost": lost, "title": "t", "live": True, "waiting": [], "found": [], **more}


def test_rows_are_shown_as_they_come_and_hidden_as_asked():
    found = show(
        [rows_of(0, "MESSAGE", "HEARTBEAT", "ping"), "", False],
        [rows_of(3, "ACK"), "", False],
        [rows_of(4, "HEARTBEAT"), "", True],
        [rows_of(5, "MESSAGE"), "action:MESSAGE", False],
        [rows_of(1, "NACK"), "", True],
        [{"reset": True}, "", True],
        [rows_of(0, "ACK"), "", False],
    )
    assert found == [
        [[0, 1, 2], 2],
        [[0, 1, 2, 3], 3],
        [[0, 3], 2],
        [[0, 5], 2],
        [[0, 3, 5], 3],
        [[], 0],
        [[0], 1],
    ]


def test_what_the_kernel_finds_is_shown_also_as_more_comes():
    found = show(
        [rows_of(0, "ACK", "ACK"), "?a", False],
        [{"found": [{"expression": "a", "numbers": [1]}]}, "?a", False],
        [rows_of(2, "ACK", "ACK", found=[{"expression": "a", "numbers": [3]}]), "?a", False],
        [rows_of(4, "ACK", waiting=[0, 4]), "is:unanswered", False],
        [rows_of(5, "ACK", waiting=[4]), "is:unanswered", False],
    )
    assert [numbers for numbers, _ in found] == [[], [1], [1, 3], [0, 4], [4]]


def test_rows_that_fell_out_are_let_go_in_the_end():
    steps = [[rows_of(n * 1000, *["ACK"] * 1000, lost=n * 1000), "", False] for n in range(8)]
    counts = [len(numbers) for numbers, _ in show(*steps)]
    assert max(counts) < 7000
    assert counts[-1] >= 1000


CHOICES = {
    "members": {
        "ProtocolMessage": [["action", "Which."], ["channel", "About what."], ["messages", "What."]],
        "Message": [["name", "Kind."], ["data", "Content."], ["clientId", "Who."]],
    },
    "inside": {"ProtocolMessage.messages": "Message"},
    "values": {
        "ProtocolMessage.action": [["10", "ATTACH: asks."], ["11", "ATTACHED: is."], ["15", "MESSAGE: says."]]
    },
}


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ('{"', ["action", "channel", "messages"]),
        ('{"ch', ["channel"]),
        ('{"CH', ["channel"]),
        ('{"action": 10, "', ["channel", "messages"]),
        ('{"messages": [{"', ["name", "data", "clientId"]),
        ('{"messages": [{"name": "a{", "d', ["data"]),
        ('{"messages": [{}], "a', ["action"]),
        ('{"action": 1', ["10", "11", "15"]),
        ('{"action": atta', ["10", "11"]),
        ('{"action": ', ["10", "11", "15"]),
        ('{"other": {"', []),
        ('{"channel": "a', []),
        ("{", []),
        ("", []),
        ("]}]", []),
        ('{"a\\"b', []),
    ],
)
def test_what_may_stand_at_the_caret_is_offered(text, offers):
    script = on(
        "completion", "complete.js",
        "(text, choices) => (completion(text, text.length, choices)?.offers ?? []).map(([name]) => name)",
    )  # fmt: skip
    assert run(script, text, CHOICES) == offers


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        ('{"ch', "}", '{"channel": |}'),
        ('{"ch', 'annel": "x"}', '{"channel"|: "x"}'),
        ('{"action": atta', "}", '{"action": 10|}'),
        ('{"action": 1', ', "channel": "c"}', '{"action": 10|, "channel": "c"}'),
    ],
)
def test_an_offer_is_put_where_it_belongs(before, after, taken):
    script = on(
        "completed, completion", "complete.js",
        "(before, after, choices) => { const found = completion(before + after, before.length, choices);"
        " const { text, caret } = completed(before + after, found, found.offers[0][0]);"
        " return text.slice(0, caret) + '|' + text.slice(caret); }",
    )  # fmt: skip
    assert run(script, before, after, CHOICES) == taken


def test_every_state_and_transition_of_the_machine_has_its_place():
    from ablykit.protocol.states import TRANSITIONS

    found = run(
        on("ends", "machine.js", "(ways) => ways.map(([a, b]) => ends(a, b, true))"),
        [list(t) for t in TRANSITIONS],
    )
    assert len({tuple(map(round, way)) for way in found}) == len(TRANSITIONS)
    assert all(
        0 <= x1 <= 730 and 0 <= y1 <= 182 and 0 <= x2 <= 730 and 0 <= y2 <= 182 for x1, y1, x2, y2 in found
    )


def test_rates_are_of_the_last_seconds():
    samples = [
        {"at": at, "in": count, "out": 0} for at, count in ((0, 0), (6_000, 10), (9_000, 30), (10_000, 50))
    ]
    rates = on("rates", "connection.js", "rates")
    assert run(rates, samples, 10_000) == {"in": 10, "out": 0}
    assert run(rates, samples, 60_000) == {"in": 0, "out": 0}
    assert run(rates, [], 0) == {"in": 0, "out": 0}
    assert run(on("short", "connection.js", "(...n) => n.map(short)"), 5, 2048, 3 * 1024**2) == [
        "5 B",
        "2.0 KiB",
        "3.0 MiB",
    ]


@pytest.mark.parametrize(
    ("silence", "level", "part"),
    [(0, "fine", 0), (500, "fine", 0.5), (1050, "fine", 1), (1200, "late", 1), (11_001, "dead", 1)],
)
def test_a_silence_is_judged_by_its_length(silence, level, part):
    script = on("verdict", "connection.js", "verdict")
    verdict = run(script, silence, {"name": "silence", "limit": 1000, "says": ""})
    assert (verdict["level"], verdict["part"]) == (level, part)
    assert verdict["text"]


def test_another_timer_is_over_when_it_is():
    script = on("verdict", "connection.js", "verdict")
    timer = {"name": "kept", "limit": 120_000, "says": "so long"}
    assert run(script, 1_000, timer) == {"part": 1 / 120, "level": "fine", "text": "1.0 of 120 s: so long"}
    assert run(script, 130_000, timer)["level"] == "dead"


def test_the_scripts_pass_the_type_checker_and_the_linter(tmp_path):
    install(tmp_path)
    shutil.copytree(PANELS, tmp_path / "ablykit" / "panels")
    for name in ("jsconfig.json", "eslint.config.mjs"):
        shutil.copy(ROOT / name, tmp_path)
    for command in (("tsc", "-p", "jsconfig.json"), ("eslint", "ablykit/panels")):
        done = subprocess.run(
            [tmp_path / "node_modules" / ".bin" / command[0], *command[1:]],
            capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", sorted(PANELS.glob("*.css")), ids=lambda file: file.stem)
def test_a_panels_script_with_all_it_imports_is_one_module_whose_names_do_not_clash(file, tmp_path):
    if (main := file.with_suffix(".js").name) == "panel.js":
        return
    (tmp_path / "whole.mjs").write_text(script(main), "utf-8")
    node = needs("node", shutil.which("node"))
    done = subprocess.run(
        [node, "--check", tmp_path / "whole.mjs"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


GLYPHS = re.compile("[\u2300-\u23ff\u25a0-\u27bf\U0001f000-\U0001faff]")
"""Technical and geometric symbols, dingbats and emoji: a computer may have no font with them."""

WRITTEN = {"detail.js", "inspector.js"}
"""Scripts that still write such a symbol."""


@pytest.mark.parametrize("file", sorted(PANELS.glob("*.js")), ids=lambda file: file.name)
def test_icons_are_drawn_since_a_font_may_lack_the_symbol(file):
    if file.name not in WRITTEN:
        code = "\n".join(line.split("// ")[0] for line in file.read_text("utf-8").splitlines())
        assert GLYPHS.findall(code) == []


def test_no_panel_file_is_long():
    for file in PANELS.iterdir():
        if file.is_file():
            assert len(file.read_text().splitlines()) <= 400, file.name
