"""Panels beside each other."""

from ablykit.panels import FrameInspector, SideBySide


def test_two_panels_stand_side_by_side(transcript):
    both = SideBySide(FrameInspector(transcript, title="one"), FrameInspector(transcript, title="two"))
    data, _ = both._repr_mimebundle_()
    assert data["text/html"].count("<table") == 2
    assert data["text/plain"].count("CONNECTED") == 2
