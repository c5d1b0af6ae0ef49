"""A transcript as a diagram."""

import re
from xml.etree import ElementTree

import pytest

from ablykit.record.sequence import mermaid, svg
from ablykit.record.transcript import Transcript


@pytest.fixture
def transcript():
    made = Transcript()
    for name, direction, raw, kind in (
        ("left", "out", "wss://h/", "open"),
        ("right", "out", "wss://h/", "open"),
        ("left", "out", '{"action":10,"channel":"<img src=x onerror=alert(1)>; end\\n"}', "frame"),
        ("right", "in", '{"action":15,"channel":"c","messages":[{"data":"x"}]}', "frame"),
        ("left", "in", "1000", "close"),
    ):
        made.record(name, direction, raw, kind)
    return made


def test_every_entry_is_an_arrow_in_its_lane(transcript):
    root = ElementTree.fromstring(svg(transcript))
    ns = "{http://www.w3.org/2000/svg}"
    groups = root.findall(f"{ns}g")
    assert [g.get("data-number") for g in groups] == ["0", "1", "2", "3", "4"]
    ends = [(line.get("x1"), line.get("x2")) for g in groups if (line := g.find(f"{ns}line")) is not None]
    left, right, service = "130", "415", "700"
    assert ends == [(left, service), (right, service), (left, service), (service, right)]
    heads = [text.text for text in root.findall(f"{ns}text")]
    assert heads == ["left", "right", "service"]


def test_broken_rules_are_marked(transcript):
    assert svg(transcript).count("⚠") == 3


def test_content_is_text_in_both_languages(transcript):
    drawn, written = svg(transcript), mermaid(transcript)
    assert "<img" not in drawn + written
    assert written.count("\n") == 9, "a line break in a name makes no line"
    assert re.search(r"C0->>S: ATTACH #60;img src#61;x", written)
    assert "Note over C0,S: closed 1000" in written


def test_nothing_is_drawn_too(transcript):
    ElementTree.fromstring(svg([]))
    assert mermaid([]) == "sequenceDiagram\n    participant S as service\n"


def test_the_service_stays_in_sight_however_many_clients_there_are():
    for count in (1, 2, 3, 5):
        made = Transcript()
        for n in range(count):
            made.record(f"a client with a long name {n}", "out", '{"action":0}')
        assert int(ElementTree.fromstring(svg(made)).get("width")) <= 780, (
            "what a JupyterLab window of 1240 pixels has room for, its file list open"
        )


def test_what_a_relays_rule_did_is_a_cross_between_the_lanes():
    made = Transcript()
    made.record("left", "out", '{"action":15,"channel":"c","msgSerial":0,"messages":[{"data":"x"}]}')
    made.record("left", "in", "drop action=ACK: msgSerial 0", "fault")
    drawn = svg(made)
    assert "✕" in drawn
    assert "drop action=ACK" in drawn
    assert "Note over C0,S: fault drop action#61;ACK" in mermaid(made, left_out=1)
