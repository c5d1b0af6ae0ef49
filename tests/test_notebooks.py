"""The notebooks: how they are made, and that their exercises can be solved, here and elsewhere."""

import re

import pytest

from tests.notebook import NAMES, NOTEBOOKS, ROOT, execute, exercises, read, solved, verdicts

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
    assert re.search(r"\]\(\d\d_\w+\.ipynb\)", text), "a link onward"
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
    for target in re.findall(r"\]\((\w+\.ipynb)\)", text_of(read(path))):
        assert (path.parent / target).exists()


@each
def test_no_seeded_value_is_baked_into_its_cells(path):
    from ablykit.server import LocalAbly

    with LocalAbly(seed=1) as ably:
        seeded = {ably.key.app_id, ably.key.key_id, ably._service.instance, "16268808"}
    source = text_of(read(path), "code")
    assert not [value for value in seeded if value in source]


@each
def test_its_solutions_turn_the_checks_green(path):
    notebook = execute(solved(read(path)))
    assert all(verdict.startswith("✓ Right") for verdict in verdicts(notebook))


@each
def test_it_runs_against_another_ably_exercises_included(path, local):
    """What ABLY_API_KEY does: here to a second server, with ids, keys and times of its own."""
    other = local(keys=["second.key:another-secret"], heartbeat_interval=15_000)
    notebook = execute(
        solved(read(path)),
        ABLY_API_KEY=other.key.reveal(),
        ABLY_ENDPOINT=other.tls_url,
        ABLY_LIMITED_KEY=other.limited_key.reveal(),
    )
    assert all(verdict.startswith("✓ Right") for verdict in verdicts(notebook))
    assert "another-secret" not in str(notebook)
    assert next(other._service.names) > 1, "it was really used"


@each
def test_a_page_made_of_it_shows_its_frames_without_a_kernel(path):
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(read(path))
    assert "model not found" not in page
    assert "widget-view+json" not in page
    panels = text_of(read(path), "code").count("ablykit.FrameInspector(")
    assert page.count('class="ablykit-static"') == panels


def test_the_recorded_talk_is_what_the_appendix_says_of_it():
    from ablykit.recording import load

    talk = list(load(ROOT / "notebooks" / "recordings" / "two_clients.jsonl"))
    cut = next(entry for entry in talk if entry.kind == "close")
    assert (cut.number, cut.connection, str(cut.raw)) == (19, "right", "1006")
    assert [entry.connection for entry in talk if entry.kind == "open"] == ["left", "right", "right again"]
    assert {type(entry.raw) for entry in talk if entry.kind == "frame" and entry.connection == "right"} == {
        bytes
    }
    resumed = [entry for entry in talk if entry.connection == "right again" and entry.action == "MESSAGE"]
    assert [entry.frame["messages"][0]["data"] for entry in resumed] == ["You have gone quiet."]
