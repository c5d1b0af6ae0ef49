"""The result folder: `verdict.json` for programs, `report.html` for readers, and the recording that proves
it.

    verdict.json       the verdict, in the contract's shape
    recording.jsonl    every frame; the verdict's `proof` has the numbers of its entries
    sequence.svg       the frames around the first fault as a diagram, or the last ones
    report.html        all of it on one page that opens without a network

What frames and clients say is text on the page, never markup, and the page runs no script.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from ablykit.judge.card import SIGNS, html
from ablykit.judge.verdict import RuleVerdict, Verdict
from ablykit.record import Entry, Transcript, save, sequence
from ablykit.record.transcript import line

DRAWN = 300
"""How many entries are drawn and listed on the page at most."""

BEFORE = 20
"""How many entries before the first fault are drawn."""


def write(folder: Path, verdict: Verdict, transcript: Transcript) -> None:
    """Write the result folder. Raises `OSError`."""
    entries = list(transcript)
    save(entries, folder / "recording.jsonl")
    (folder / "verdict.json").write_text(json.dumps(verdict.as_json(), indent=1, ensure_ascii=False), "utf-8")
    proof = proven(verdict)
    shown, left_out = around(entries, proof)
    drawing = sequence.svg(shown, left_out=left_out, broken=set(proof))
    (folder / "sequence.svg").write_text(drawing, "utf-8")
    (folder / "report.html").write_text(page(verdict, shown, drawing, len(entries)), "utf-8")


def proven(verdict: Verdict) -> list[int]:
    """Return the numbers of all entries that prove something, lowest first."""
    proofs = [*(storm.proof for storm in verdict.storms), *(rule.proof for rule in verdict.scorecard)]
    return sorted({number for proof in proofs for number in proof})


def around(entries: Sequence[Entry], proof: Sequence[int]) -> tuple[Sequence[Entry], int]:
    """Return the entries to show and how many before them are left out: from a little before the first proof
    on; without a proof, the last ones."""
    first = next((n for n, entry in enumerate(entries) if proof and entry.number >= proof[0] - BEFORE), None)
    begin = max(len(entries) - DRAWN, 0) if first is None else first
    return entries[begin : begin + DRAWN], begin


def page(verdict: Verdict, shown: Sequence[Entry], drawing: str, count: int) -> str:
    """Return the report as a page of HTML."""
    proof = set(proven(verdict))
    rows = "".join(_row(entry, entry.number in proof) for entry in shown)
    image = quote(drawing, safe=" +=:/,;()")
    title = f"Verdict on {escape(verdict.client)}"
    listed = f"Entries {shown[0].number} to {shown[-1].number}" if shown else "No entries"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>Seed {verdict.seed}</p>{html(verdict)}"
        f"{_rules(verdict.scorecard)}<h2>On the wire</h2><p>{listed} of the {count:,} in recording.jsonl; "
        f"▶ marks those that prove something above.</p><table>{rows}</table><h2>Sequence</h2>"
        f'<img alt="Sequence of the frames listed above" src="data:image/svg+xml;charset=utf-8,{image}">'
        "</body></html>"
    )


def _row(entry: Entry, is_proof: bool) -> str:
    mark, css = ("▶", ' class="proof"') if is_proof else ("", "")
    return (
        f'<tr id="e{entry.number}"{css}><td>{mark}</td><td>{escape(entry.connection)}</td>'
        f"<td><code>{escape(line(entry))}</code></td></tr>"
    )


def _rules(rules: Sequence[RuleVerdict]) -> str:
    rows = "".join(
        f"<tr><td>{SIGNS[rule.verdict][0]} {rule.verdict}</td><td>{escape(rule.rule)}</td>"
        f"<td>{escape(rule.clause)}</td><td>{escape(rule.says)} {escape(rule.why)}</td></tr>"
        for rule in rules
    )
    return f"<h2>Rules</h2><table>{rows}</table>" if rows else ""


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color-scheme:light dark}"
    "table{border-collapse:collapse}td{padding:.1rem .6rem;vertical-align:top;border-bottom:1px solid #8884}"
    "code{overflow-wrap:anywhere}.proof{background:#c6282822}img{max-width:100%}"
)
