"""The result folder."""

import json
import re
from html.parser import HTMLParser

import pytest

from ablykit.judge.results import BEFORE, DRAWN, around, page, proven, write
from ablykit.judge.verdict import Result
from ablykit.record import Transcript, load
from tests.judge.test_card import EVIL, finding, verdict


def transcript(count=30):
    made = Transcript()
    made.record("client 1", "out", "ws://h/?clientId=ada", "open")
    for number in range(count - 1):
        made.record("client 1", "out", json.dumps({"action": 15, "channel": EVIL, "msgSerial": number}))
    return made


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.marked = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if given.get("class") == "proof":
            self.marked.append(given["id"])


def test_the_folder_has_all_of_it_and_the_proof_is_in_the_recording(tmp_path):
    judged = verdict(lost=[finding(3)], proof=[0, 1, 2])
    write(tmp_path, judged, transcript())
    assert {each.name for each in tmp_path.iterdir()} == {
        "verdict.json", "recording.jsonl", "sequence.svg", "report.html"
    }  # fmt: skip
    assert json.loads((tmp_path / "verdict.json").read_text()) == judged.as_json()
    numbers = {entry.number for entry in load(tmp_path / "recording.jsonl")}
    assert set(proven(judged)) == {0, 1, 2, 7} <= numbers
    assert (tmp_path / "sequence.svg").read_text().startswith("<svg")
    read = Reader((tmp_path / "report.html").read_text())
    assert read.marked == ["e0", "e1", "e2", "e7"]


@pytest.mark.parametrize("result", list(Result))
def test_the_page_stands_alone_and_nothing_on_it_runs(tmp_path, result):
    write(tmp_path, verdict(result), transcript())
    text = (tmp_path / "report.html").read_text()
    read = Reader(text)
    assert "script" not in read.tags
    assert all(link.startswith("data:image/svg+xml") for link in read.links)
    assert "default-src 'none'" in text
    assert not re.search(r"<[^>]*\son\w+=", text)
    assert "&lt;script&gt;" in text


def test_a_page_without_a_single_entry():
    assert "No entries" in page(verdict(), [], "<svg/>", 0)


def test_what_is_drawn_begins_a_little_before_the_first_proof():
    entries = list(transcript(1_000))
    shown, left_out = around(entries, [500, 900])
    assert (shown[0].number, len(shown), left_out) == (500 - BEFORE, DRAWN, 500 - BEFORE)
    shown, left_out = around(entries, [])
    assert (shown[-1].number, len(shown), left_out) == (999, DRAWN, 1_000 - DRAWN)
    shown, left_out = around(entries[:10], [3])
    assert (len(shown), left_out) == (10, 0)
