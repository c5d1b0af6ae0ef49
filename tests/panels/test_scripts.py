"""The pages' own logic, run by node: what needs no page to be shown right."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import ablykit
from ablykit.panels import FrameInspector
from ablykit.panels.panel import script
from ablykit.record.search import TERMS as LANGUAGE_TERMS
from ablykit.record.search import Search
from tests.conftest import needs
from tests.node import install
from tests.notebook import ROOT
from tests.panels.page import Page
from tests.search_examples import FOUND, REFUSED, transcript

PANELS = Path(ablykit.__file__).parent / "panels"

ROW = {
    "number": 0, "time": "", "direction": "in", "kind": "frame", "action": "MESSAGE", "channel": "chat:one",
    "summary": "Hello World", "size": 2000, "connection": "client 1", "code": 40160, "ms": None, "answers": [],
    "broken": [],
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


TERMS = [term._asdict() for term in LANGUAGE_TERMS]

ASK = """(rows, waiting, found, terms, queries) => {
  const known = { waiting: new Set(waiting), found: new Map(found.map(([expression, some]) => [expression, new Set(some)])) };
  return queries.map((typed) => {
    try {
      const asked = question(typed, terms);
      return rows.filter((row) => asked.question(row, known)).map((row) => row.number);
    } catch (error) {
      return error instanceof Unasked ? error.message : String(error.stack);
    }
  });
}"""


def test_a_page_finds_and_refuses_what_python_does_in_the_same_words(monkeypatch):
    entries = transcript()
    page = Page(FrameInspector(entries), monkeypatch)
    page.asks(want="rows", **{"from": 0})
    rows = [row for message in page.sent for row in message["rows"]]
    kernel = [
        (asked, [entry.number for entry in entries if Search(f"?{asked}").finds(entry)])
        for typed in FOUND
        if (asked := Search(typed).expression)
    ]
    script = on("question, Unasked", "search.js", ASK)
    found = run(script, rows, page.sent[-1]["waiting"], kernel, TERMS, [*FOUND, *REFUSED])
    assert dict(zip([*FOUND, *REFUSED], found, strict=True)) == {**FOUND, **REFUSED}


@pytest.mark.parametrize(
    ("typed", "expression", "pings"),
    [
        ("?a", "a", False),
        ("x ?a == `1` && b ", "a == `1` && b", False),
        ("a?b", "", False),
        ('"x ?a" ?b', "b", False),
        ("hello is:ping", "", True),
        ("-is:ping", "", False),
    ],
)
def test_a_question_tells_what_the_kernel_is_asked_and_whether_pings_are_wanted(typed, expression, pings):
    script = on("question", "search.js", "(typed, terms) => question(typed, terms)")
    asked = run(script, typed, TERMS)
    assert (asked["expression"], asked["pings"]) == (expression, pings)


@pytest.mark.parametrize(
    ("typed", "after"),
    [
        ("", "dir:in"),
        ("x", "dir:in x"),
        ("x dir:in y", "x y"),
        ("dir:in", ""),
        ("-dir:in", "dir:in -dir:in"),
        ('"a  b" ?c  == d', 'dir:in "a  b" ?c  == d'),
    ],
)
def test_a_chip_puts_its_term_in_and_takes_it_out(typed, after):
    assert run(on("withTerm", "search.js", "withTerm"), typed, "dir:in") == after


SHOW = """(terms, steps) => {
  const store = emptyStore(), shown = new Shown();
  let questions = 0;
  return steps.map(([message, typed, hidden]) => {
    take(store, message);
    const asked = question(typed, terms);
    const counted = (row, known) => ((questions += 1), asked.question(row, known));
    shown.update(store, counted, typed, { heartbeats: false, pings: false, ...hidden });
    return { rows: shown.rows.map((row) => row.number), frames: shown.frames, questions, pings: store.pings,
      answers: [...store.answers], next: store.next };
  });
}"""


def show(*steps):
    imports = (
        'import { question } from "./search.js";\nimport { Shown, emptyStore, take } from "./store.js";\n'
    )
    return run(f"{imports}const answer = {SHOW};", TERMS, steps)


def rows_of(first, *actions, lost=0, **more):
    kinds = {"ping": "ping"}
    rows = [
        {**ROW, "number": first + n, "action": action, "kind": kinds.get(action, "frame")}
        for n, action in enumerate(actions)
    ]
    return {
        "from": first, "rows": rows, "lost": lost, "title": "t", "live": True, "waiting": [], "found": [], **more,
    }  # fmt: skip


def test_rows_are_shown_as_they_come_and_hidden_as_asked():
    found = show(
        [rows_of(0, "MESSAGE", "HEARTBEAT", "ping"), "", {}],
        [rows_of(3, "ACK"), "", {}],
        [rows_of(4, "HEARTBEAT"), "", {"heartbeats": True, "pings": True}],
        [rows_of(5, "MESSAGE"), "action:MESSAGE", {}],
        [rows_of(6, "NACK"), "", {"pings": True}],
        [{"reset": True}, "", {}],
        [rows_of(0, "ACK"), "", {}],
    )
    assert [(each["rows"], each["frames"], each["pings"]) for each in found] == [
        ([0, 1, 2], 2, 1),
        ([0, 1, 2, 3], 3, 1),
        ([0, 3], 2, 1),
        ([0, 5], 2, 1),
        ([0, 1, 3, 4, 5, 6], 6, 1),
        ([], 0, 0),
        ([0], 1, 0),
    ]


def test_what_the_kernel_finds_is_shown_also_as_more_comes():
    found = show(
        [rows_of(0, "ACK", "ACK", found=[{"expression": "a", "numbers": [0]}]), "?a", {}],
        [{"found": [{"expression": "a", "numbers": [1], "all": True}]}, "?a", {}],
        [rows_of(2, "ACK", "ACK", found=[{"expression": "a", "numbers": [3]}]), "?a", {}],
        [rows_of(4, "ACK", waiting=[0, 4]), "is:unanswered", {}],
        [rows_of(5, "ACK", waiting=[4]), "IS:Unanswered", {}],
    )
    assert [each["rows"] for each in found] == [[], [1], [1, 3], [0, 4], [4]]


def test_what_another_page_asked_for_again_costs_this_one_no_question():
    messages = [rows_of(n, *["ACK"] * 250) for n in range(0, 10_000, 250)]
    steps = [[message, "dir:in", {}] for message in (*messages, *messages, rows_of(10_000, "ACK"))]
    last = show(*steps)[-1]
    assert last["rows"] == list(range(10_001))
    assert last["questions"] == 10_001


def test_a_page_that_was_opened_just_now_waits_for_the_rows_it_has_asked_for():
    found = show(
        [rows_of(7, "ACK"), "", {}],
        [rows_of(0, *["ACK"] * 8, **{"from": 0}), "", {}],
        [rows_of(8, "ACK"), "", {}],
        [rows_of(20, "ACK", lost=20, **{"from": 9}), "", {}],
    )
    assert [each["rows"] for each in found] == [[], [*range(8)], [*range(9)], [*range(9), 20]]
    assert [each["next"] for each in found] == [0, 8, 9, 21]


def test_a_page_knows_which_row_answers_which():
    both = rows_of(0, "MESSAGE", "MESSAGE")
    ack = rows_of(2, "ACK")
    ack["rows"][0]["answers"] = [0, 1]
    assert show([both, "", {}], [ack, "", {}])[-1]["answers"] == [[0, 2], [1, 2]]


def test_rows_that_fell_out_are_let_go_in_the_end():
    steps = [[rows_of(n * 1000, *["ACK"] * 1000, lost=n * 1000), "", {}] for n in range(8)]
    counts = [len(each["rows"]) for each in show(*steps)]
    assert max(counts) < 7000
    assert counts[-1] >= 1000


@pytest.mark.parametrize(
    ("room", "several", "columns"),
    [
        (1000, True, "number time who arrow action channel summary answer size"),
        (1000, False, "number time arrow action channel summary answer size"),
        (470, True, "number who arrow action summary"),
        (470, False, "number arrow action channel summary"),
        (200, True, "who arrow action summary"),
    ],
)
def test_where_there_is_little_room_the_columns_that_tell_clients_apart_stay(room, several, columns):
    script = on(
        "COLUMNS, fitting", "columns.js",
        "(room, several) => fitting(room, Object.fromEntries(COLUMNS.map((c) => [c.name, c.width])), several).map((c) => c.name)",
    )  # fmt: skip
    assert run(script, room, several) == columns.split()


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


@pytest.mark.parametrize("file", sorted(PANELS.glob("*.js")), ids=lambda file: file.name)
def test_icons_are_drawn_since_a_font_may_lack_the_symbol(file):
    code = "\n".join(line.split("// ")[0] for line in file.read_text("utf-8").splitlines())
    assert GLYPHS.findall(code) == []


def test_no_panel_file_is_long():
    for file in PANELS.iterdir():
        if file.is_file():
            assert len(file.read_text().splitlines()) <= 400, file.name


def test_a_key_of_the_console_is_one_without_modifiers():
    keys = [["a", "attach"], ["q", "quit"]]
    plain = {"ctrlKey": False, "metaKey": False, "altKey": False}
    asked = [
        {"key": "a", **plain},
        {"key": "x", **plain},
        {"key": "a", **plain, "ctrlKey": True},
        {"key": "q", **plain},
        {"key": "A", **plain},
    ]
    script = on("keyOf", "console.js", "(asked, keys) => asked.map((event) => keyOf(event, keys))")
    assert run(script, asked, keys) == ["a", None, None, "q", None]


def test_a_filter_of_the_scorecard_shows_runs_and_rules_alike():
    rows = [{"verdict": each} for each in ("failed", "broken", "unknown", "kept", "passed")]
    script = on(
        "filtered, counted", "scorecard.js",
        "(rows) => [counted(rows), filtered(rows, 'broken').length, filtered(rows, null).length]",
    )  # fmt: skip
    assert run(script, rows) == [{"broken": 2, "unknown": 1, "kept": 2}, 2, 5]
