"""The scorecard: rows, words, and the frames that prove them."""

import pytest

from ablykit import judge
from ablykit.judge import Verdict
from ablykit.panels import FrameInspector, Scorecard
from tests.lessons.minimal import minimal_sdk


@pytest.fixture(scope="module")
def verdict():
    return judge.run(
        minimal_sdk().Copy,
        time=0.5,
        clients=2,
        rules=["serial-not-rising", "ok-only-after-ack", "serial-start"],
    )


def test_a_row_says_what_became_of_a_storm_or_a_rule(verdict):
    rows = {row["name"]: row for row in Scorecard(verdict).rows}
    assert list(rows) == ["storm calm", "serial-not-rising", "ok-only-after-ack", "serial-start"]
    assert [row["sign"] + row["verdict"] for row in rows.values()] == [
        "✗failed",
        "✗broken",
        "✗broken",
        "✓kept",
    ]
    assert rows["ok-only-after-ack"]["clause"] == "RTN7a"
    assert 0 < len(rows["serial-not-rising"]["proof"]) <= 8


def test_a_frame_that_is_chosen_is_selected_in_a_linked_inspector(verdict):
    panel, inspector = Scorecard(verdict), FrameInspector(verdict.transcript)
    proof = next(row["proof"][0] for row in panel.rows if row["name"] == "serial-not-rising")
    panel.selected = proof
    assert inspector.selected == proof
    assert verdict.transcript.since(proof)[0].action == "MESSAGE"


def test_it_is_text_and_html_without_a_page(verdict):
    panel = Scorecard(verdict)
    panel.refresh()
    assert str(panel).startswith("Scorecard of Copy\n✗ failed  calm, workload messages")
    assert "<td>ok-only-after-ack</td>" in panel.html()
    assert "<td>broken</td>" in panel.html()


def test_a_verdict_without_a_recording_can_not_be_shown():
    with pytest.raises(ValueError, match=r"Show one that ablykit\.judge\.run returned"):
        Scorecard(Verdict(client="x", seed=1, storms=[]))


def test_a_recording_is_no_part_of_the_verdict_as_json(verdict):
    assert verdict.transcript is not None
    assert "transcript" not in verdict.as_json()
