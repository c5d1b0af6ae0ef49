"""The notebooks: how they are made, and that their exercises can be solved, here and elsewhere."""

import re
from itertools import pairwise

import pytest

from ablykit.lessons import EXERCISES
from tests.notebook import (
    NAMES,
    NOTEBOOKS,
    ROOT,
    execute,
    exercises,
    is_exercise,
    read,
    shown,
    solution,
    solved,
    verdicts,
)

PAUSE = 2.5
"""Seconds that a reader takes before each cell, in the slow drive."""

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)


def text_of(notebook, kind="markdown"):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == kind)


@each
def test_it_has_all_that_a_notebook_here_has(path):
    notebook = read(path)
    text = text_of(notebook)
    assert re.match(rf"# {path.stem[:2]} · ", notebook.cells[0].source)
    for part in ("**After this** you", "**Time:**", "redict", "## Frames met", "**For teachers.**"):
        assert part in text
    assert re.search(r"\]\(\w\d_\w+\.ipynb\)", text), "a link onward"
    assert bool(list(exercises(notebook))) is (path.stem != "00_start_here")
    assert notebook.metadata.kernelspec.name == "python3"
    assert "simply" not in text.lower()
    assert any("instructor" in cell.metadata.get("tags", ()) for cell in notebook.cells)
    assert any("slideshow" in cell.metadata for cell in notebook.cells)


@each
def test_its_cells_are_short_and_their_output_fits_a_screen(path):
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 12
            assert all(len(line) <= 120 for line in cell.source.splitlines())
            for output in cell.outputs:
                shown = output.get("text") or output.get("data", {}).get("text/plain", "")
                assert len(shown.splitlines()) <= 50


@each
def test_links_lead_somewhere(path):
    for target, heading in re.findall(r"\]\((\w+\.ipynb)(?:#([^)]+))?\)", text_of(read(path))):
        headings = re.findall(r"^#+ (.+)$", text_of(read(path.parent / target)), re.M)
        assert not heading or heading in [each.replace(" ", "-") for each in headings]


def test_the_first_notebook_links_to_the_article_and_maps_its_steps_to_cells():
    text = text_of(read(NOTEBOOKS[0]))
    assert "](https://ably.com/blog/how-to-connect-to-ably-directly-part-1)" in text
    mapped = set(re.findall(r"\]\((\w+)\.ipynb#", text))
    assert mapped == {path.stem for path in NOTEBOOKS if path.stem < "06"}, "those of part 1"


def test_the_last_notebook_of_part_1_leads_on_to_the_panels():
    assert "**Next:** [A1" in text_of(read(ROOT / "notebooks" / "05_publish_ack.ipynb"))


def without_solution(notebook):
    """The predictions that no cell answers after the code that shows the answer, and answers to nothing."""
    found, asked, seen = [], None, False
    for cell in notebook.cells:
        if cell.cell_type == "code":
            seen = True
        elif "instructor" in cell.metadata.get("tags", ()):
            continue
        elif "**Answer:**" in cell.source:
            if not asked or not seen:
                found.append(cell.source)
            asked = None
        elif re.search("predict", cell.source, re.I):
            if asked or "**Predict" not in cell.source:
                found.append(asked or cell.source)
            asked, seen = cell.source, False
    return [*found, asked] if asked else found


@each
def test_each_prediction_is_answered_after_the_cell_that_shows_it(path):
    assert without_solution(read(path)) == []


@each
def test_a_prediction_without_its_answer_would_be_found(path):
    for answer in [cell for cell in read(path).cells if "**Answer:**" in cell.source]:
        notebook = read(path)
        notebook.cells = [cell for cell in notebook.cells if cell.id != answer.id]
        assert without_solution(notebook)


@each
def test_each_number_that_an_answer_names_is_in_the_output_above_it(path):
    shown = ""
    for cell in read(path).cells:
        if cell.cell_type == "code":
            shown += str(cell.outputs)
        elif "**Answer:**" in cell.source:
            for number in re.findall(r"\d[\d,]{2,}\d", cell.source):
                assert number in shown, f"{number} is not above: {cell.source}"
            shown = ""


@each
def test_each_solution_is_the_last_hint_as_well(path):
    notebook = read(path)
    folded = [solution(after.source).strip() for cell, after in pairwise(notebook.cells) if is_exercise(cell)]
    checked = re.findall(r'lessons\.check\("(\w+)"', text_of(notebook, "code"))
    assert folded == [EXERCISES[name].hints[-1] for name in checked]


def test_wherever_hints_are_named_the_name_works_with_ablykit_alone():
    """`lessons.hint("…")` is a NameError in a notebook, where only `ablykit` is imported."""
    pages = [(ROOT / "README.md").read_text(), *(path.read_text() for path in NOTEBOOKS)]
    called = [call for page in pages for call in re.findall(r"([\w.]*)lessons\.(?:hint|check)\(", page)]
    assert set(called) == {"ablykit."}


@each
def test_no_seeded_value_is_baked_into_its_cells(path):
    from ablykit.server import LocalAbly

    with LocalAbly(seed=1) as ably:
        seeded = {ably.key.app_id, ably.key.key_id, ably._running.service.instance, "16268808"}
    source = text_of(read(path), "code")
    assert not [value for value in seeded if value in source]


@each
def test_its_solutions_turn_the_checks_green(path):
    notebook = execute(solved(read(path)))
    assert all(verdict.startswith("✓ Right") for verdict in verdicts(notebook))


@pytest.mark.slow
@each
def test_it_shows_the_same_to_somebody_who_reads_between_its_cells(path):
    """What came in the meantime, such as heartbeats, may not answer for what a cell waits for."""
    notebook = execute(solved(read(path)), PAUSE)
    assert all(verdict.startswith("✓ Right") for verdict in verdicts(notebook))
    assert shown(notebook) == shown(read(path))


@each
def test_it_runs_against_another_ably_exercises_included(path, local):
    """What ABLY_API_KEY does: here to a second server, with ids, keys and times of its own."""
    other = local(keys=["second.key:another-secret"], heartbeat_interval=15_000)
    seen = other.transcript
    notebook = execute(
        solved(read(path)),
        ABLY_API_KEY=other.key.reveal(),
        ABLY_ENDPOINT=other.tls_url,
        ABLY_LIMITED_KEY=other.limited_key.reveal(),
    )
    assert all(verdict.startswith("✓ Right") for verdict in verdicts(notebook))
    assert "another-secret" not in str(notebook)
    assert len(seen), "it was really used"


@each
def test_a_page_made_of_it_shows_its_frames_without_a_kernel(path):
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(read(path))
    assert "model not found" not in page
    assert "widget-view+json" not in page
    panels = text_of(read(path), "code").count("ablykit.FrameInspector(")
    assert page.count('class="ablykit-static"') == panels


def test_the_recorded_talk_is_what_the_appendix_says_of_it():
    from ablykit.record.files import load

    talk = list(load(ROOT / "notebooks" / "recordings" / "two_clients.jsonl"))
    cut = next(entry for entry in talk if entry.kind == "close")
    assert (cut.number, cut.connection, str(cut.raw)) == (19, "right", "1006")
    assert [entry.connection for entry in talk if entry.kind == "open"] == ["left", "right", "right again"]
    assert {type(entry.raw) for entry in talk if entry.kind == "frame" and entry.connection == "right"} == {
        bytes
    }
    resumed = [entry for entry in talk if entry.connection == "right again" and entry.action == "MESSAGE"]
    assert [entry.frame["messages"][0]["data"] for entry in resumed] == ["You have gone quiet."]
