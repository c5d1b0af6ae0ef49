"""What is left of a panel where its kernel is gone."""

from nbformat.v4 import new_code_cell, new_notebook

from ablykit.panels import ConnectionPanel, SideBySide
from ablykit.panels.face import WIDGET
from tests.notebook import execute

MADE = """
import ablykit
t = ablykit.Transcript()
ablykit.FrameInspector(t)
"""


def outputs(*cells):
    notebook = execute(new_notebook(cells=[new_code_cell(cell) for cell in cells]))
    return [[output.data for output in cell.outputs] for cell in notebook.cells]


def test_a_face_is_an_output_of_its_own_before_the_widget():
    (face, widget), (both, _) = outputs(MADE, "ablykit.SideBySide(ablykit.Sequence(t), ablykit.Presence(t))")
    assert "<b>Frames</b>" in face["text/html"]
    assert face["text/plain"] == "(nothing yet)"
    assert list(widget) == [WIDGET]
    assert 'alt="Sequence of frames"' in both["text/html"]


def test_a_face_is_brought_up_to_date_after_each_cell():
    said = """t.record("a", "in", '{"action":0}');"""
    (face, _), _, _ = outputs(MADE, said, said)
    assert face["text/html"].count("HEARTBEAT") == 2


def test_only_the_newest_faces_are_brought_up_to_date():
    first, *_, last = outputs(MADE, *["ablykit.FrameInspector(t)"] * 20, """t.record("a", "in", "x");""")[:-1]
    assert "not a frame" not in first[0]["text/html"]
    assert "not a frame" in last[0]["text/html"]


def test_hosts_that_ask_for_one_bundle_get_all_in_one(transcript):
    data, _ = SideBySide(ConnectionPanel(transcript))._repr_mimebundle_()
    assert set(data) == {WIDGET, "text/html", "text/plain"}
