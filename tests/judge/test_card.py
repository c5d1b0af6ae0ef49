"""The card, in a terminal and in a notebook."""

import io
import sys
import types

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console

from ablykit.judge import card
from ablykit.judge.card import html, lines, print_card, shown
from ablykit.judge.trial import Counts
from ablykit.judge.verdict import Finding, Kept, Result, RuleVerdict, StormVerdict, Verdict

EVIL = "<script>alert(1)</script>[red]\x1b[2J"


def finding(number):
    return Finding("client-1", "c", f"client-1 never got {EVIL}", EVIL, list(range(number)))


def verdict(result=Result.FAILED, **more):
    kinds = ("duplicated", "reordered", "undetected", "stuck", "stale_members")
    values = {
        "lost": [finding(n) for n in range(8)], **{kind: [] for kind in kinds}, "ended": [f"client-2: {EVIL}"], "trouble": [],
        "recovery_ms": {"p50": None, "max": None}, "acknowledged_ms": {"p50": 1.5, "p99": 20.0},
        "delivered_ms": {"p50": 1.25, "p99": 3.0}, "frames_per_message": 1.75,
        "counts": {"asked": 4, "acknowledged": 3, "failed": 1, "got": 6}, "proof": [], "why": EVIL, **more,
    }  # fmt: skip
    storm = StormVerdict(name="calm", workload="messages", verdict=result, reached=True, **values)
    rules = [
        RuleVerdict("one", "RTN1", Kept.KEPT, []),
        RuleVerdict("two", "RTN2", Kept.BROKEN, [7], says="A rule.", why=EVIL),
        RuleVerdict("three", "RTN3", Kept.UNKNOWN, []),
    ]
    return Verdict(client=EVIL, seed=1, storms=[storm], scorecard=rules)


def printed(verdict, **options):
    out = io.StringIO()
    print_card(verdict, Console(file=out, soft_wrap=True, highlight=False, **options))
    return out.getvalue()


def test_the_card_says_it_in_signs_words_and_figures():
    text = printed(verdict())
    assert "✗ failed  calm, workload messages" in text
    assert "4 asked, 3 acknowledged, 1 failed, 6 got; acknowledged after 1.5 ms (p99 20 ms)" in text
    assert "got after 1.25 ms (p99 3 ms); 1.75 frames a message" in text
    assert "8 lost" in text
    assert "… and 3 more" in text
    assert "[entry 0]" in text
    assert "[entries 0, 1, 2, 3]" in text
    assert "✓ 1 kept, ✗ 1 broken, ? 1 unknown" in text
    assert "✗ two (RTN2): A rule." in text
    assert "three" in text
    assert "one (RTN1)" not in text


@pytest.mark.parametrize(("result", "sign"), [(Result.PASSED, "✓ passed"), (Result.UNKNOWN, "? unknown")])
def test_the_other_results_have_their_signs(result, sign):
    text = printed(verdict(result, lost=[], ended=[], frames_per_message=None))
    assert text.startswith(sign)
    assert "frames a message" not in text


def test_much_proof_is_cut_short():
    text = printed(verdict(lost=[finding(12)]))
    assert "[entries 0, 1, 2, 3, 4, 5, 6, 7 and 4 more]" in text
    assert len(shown("x" * 1_000)) == 240


def test_what_clients_say_is_text():
    colored = printed(verdict(), force_terminal=True)
    assert "\x1b[2J" not in colored
    assert "[red]" in colored
    page = html(verdict())
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_it_is_shown_where_the_reader_is(capsys, monkeypatch):
    from IPython import display

    given = []
    monkeypatch.setattr(display, "display", lambda shown, raw: given.append(shown))
    monkeypatch.setattr(card, "_shell", lambda: types.SimpleNamespace(config={"IPKernelApp": {}}))
    card.show(verdict())
    assert capsys.readouterr().out == ""
    assert "ablykit-card" in given[0]["text/html"]
    assert given[0]["text/plain"].startswith("✗ failed")
    monkeypatch.setattr(card, "_shell", lambda: types.SimpleNamespace(config={}))
    card.show(verdict())
    assert "✗ failed" in capsys.readouterr().out


RUN = """
from ablykit.judge.card import Live
from ablykit.judge.trial import Counts
live = Live("<b>Mine</b>")
for asked in range(1000):
    live(Counts("running", asked, asked, 0, 0))
live.done()
"""


def test_a_notebook_sees_how_far_a_run_is_a_few_times_a_second():
    notebook = new_notebook(cells=[new_code_cell(RUN)])
    seen = []

    class Client(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] in ("display_data", "update_display_data"):
                seen.append((msg["msg_type"], msg["content"]["data"]))
            return super().process_message(msg, cell, cell_index)

    Client(notebook).execute()
    kinds = [kind for kind, _ in seen]
    assert kinds[0] == "display_data"
    assert 2 <= kinds.count("update_display_data") == len(kinds) - 1 < 100
    assert seen[0][1]["text/plain"] == "Judging <b>Mine</b>: starting"
    assert "&lt;b&gt;Mine" in seen[0][1]["text/html"]
    assert seen[1][1]["text/plain"] == "Judging <b>Mine</b>: running"
    assert seen[-1][1]["text/plain"] == "Judging <b>Mine</b>: done"


def test_elsewhere_nothing_is_shown_meanwhile(capsys):
    live = card.Live("Mine")
    live(Counts("running", 1, 1, 0, 0))
    live.done()
    assert capsys.readouterr().out == ""
    assert card.in_counts(Counts("running", 3, 2, 1, 4)) == "running: 3 asked, 2 ok, 1 failed, 4 got"


def test_outside_of_ipython_there_is_no_shell(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert card._shell() is None


def test_nothing_judged_is_an_empty_card():
    assert list(lines(Verdict(client="x", seed=1, storms=[]))) == []
