"""The verdict as a card for a reader: in a terminal, in a notebook, and as HTML.

What clients and frames say is text in it, never markup.
"""

import time
from collections.abc import Iterator
from html import escape
from typing import Any

from rich.console import Console
from rich.text import Text

from ablykit.judge.trial import Counts
from ablykit.judge.verdict import Finding, Kept, Result, RuleVerdict, StormVerdict, Verdict
from ablykit.protocol.explanation import visible

SIGNS = {
    Result.PASSED: ("✓", "green"),
    Result.FAILED: ("✗", "red"),
    Result.UNKNOWN: ("?", "yellow"),
    Kept.KEPT: ("✓", "green"),
    Kept.BROKEN: ("✗", "red"),
    Kept.UNKNOWN: ("?", "yellow"),
}
"""The sign and the color of each value. The word always stands beside them."""

SHOWN = 5
"""How many findings of one kind are listed; the result folder has all."""

UPDATED_EVERY = 0.25
"""How often a notebook's page is told how far a run is, in seconds."""

_LONGEST = 60

Line = tuple[str, str, str]
"""A line of the card: its style (a color, `dim`, `bold`, or nothing), how it begins, and its text."""


def lines(verdict: Verdict) -> Iterator[Line]:
    """Yield the card's lines."""
    for storm in verdict.storms:
        yield from _storm(storm)
    if verdict.scorecard:
        yield from _scorecard(verdict.scorecard)


def _storm(storm: StormVerdict) -> Iterator[Line]:
    sign, color = SIGNS[storm.verdict]
    yield color, f"{sign} {storm.verdict}", f"  {storm.name}, workload {storm.workload}"
    yield "", "", f"  {shown(storm.why)}"
    yield "dim", "", f"  {figures(storm)}"
    for kind, found in storm.faults.items():
        if found:
            yield "red", f"  {len(found)} {kind.replace('_', ' ')}", ""
            yield from (("", "", f"    {sentence(each)}") for each in found[:SHOWN])
            if len(found) > SHOWN:
                yield "dim", "", f"    … and {len(found) - SHOWN} more"
    for text in [*storm.ended, *storm.trouble][: 2 * SHOWN]:
        yield "yellow", "  !", f" {shown(text)}"


def _scorecard(rules: list[RuleVerdict]) -> Iterator[Line]:
    counts = {value: sum(each.verdict is value for each in rules) for value in Kept}
    told = ", ".join(f"{SIGNS[value][0]} {count} {value}" for value, count in counts.items())
    yield "bold", "Rules", f"  {told}"
    for rule in rules:
        if rule.verdict is Kept.BROKEN:
            said = f"{shown(rule.says)} {shown(rule.why)}{_entries(rule.proof)}"
            yield "red", f"  ✗ {rule.rule}", f" ({rule.clause}): {said}"
    if unknown := [rule.rule for rule in rules if rule.verdict is Kept.UNKNOWN]:
        yield "yellow", "  ? never seen to matter", f": {', '.join(unknown)}"


def figures(storm: StormVerdict) -> str:
    """Return a run's figures in words."""
    counts = storm.counts
    parts = [
        ", ".join(f"{counts[each]} {each}" for each in ("asked", "acknowledged", "failed", "got")),
        _ms("acknowledged after", storm.acknowledged_ms, "p50", "p99"),
        _ms("got after", storm.delivered_ms, "p50", "p99"),
        _ms("recovered after", storm.recovery_ms, "p50", "max"),
    ]
    if storm.frames_per_message is not None:
        parts.append(f"{storm.frames_per_message:g} frames a message")
    return "; ".join(filter(None, parts))


def _ms(what: str, values: dict[str, float | None], usual: str, worst: str) -> str:
    if values.get(usual) is None:
        return ""
    return f"{what} {values[usual]:g} ms ({worst} {values[worst]:g} ms)"


def sentence(finding: Finding) -> str:
    """Return a finding as a sentence, with the entries that prove it."""
    data = f": {shown(repr(finding.data), _LONGEST)}" if finding.data else ""
    return f"{shown(finding.says)} on {shown(finding.channel)}{data}{_entries(finding.proof)}"


def _entries(proof: list[int]) -> str:
    if not proof:
        return ""
    more = f" and {len(proof) - 8} more" if len(proof) > 8 else ""
    return f" [{'entry' if len(proof) == 1 else 'entries'} {', '.join(map(str, proof[:8]))}{more}]"


def shown(text: str, longest: int = 4 * _LONGEST) -> str:
    """Return text as a line of the card: short enough, nothing in it that moves a cursor."""
    line = visible(text.replace("\n", " "))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def print_card(verdict: Verdict, console: Console | None = None) -> None:
    """Print the card to a terminal."""
    console = console or Console(soft_wrap=True, highlight=False)
    for style, head, text in lines(verdict):
        console.print(Text(head, style=style) + Text(text, style="dim" if style == "dim" else ""))


def html(verdict: Verdict) -> str:
    """Return the card as a piece of HTML."""
    rows = "".join(
        f'<div class="{style or "plain"}"><b>{escape(head)}</b>{escape(text)}</div>'
        for style, head, text in lines(verdict)
    )
    return f'<div class="ablykit-card"><style>{_STYLE}</style>{rows}</div>'


_STYLE = (
    ".ablykit-card{font:13px/1.6 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".ablykit-card .green b{color:#2e7d32}.ablykit-card .red b{color:#c62828}"
    ".ablykit-card .yellow b{color:#9a6700}.ablykit-card .dim{opacity:.75}"
)


def in_counts(counts: Counts) -> str:
    """Return how far a run is, as a line."""
    if not counts.asked:
        return counts.phase
    told = f"{counts.asked} asked, {counts.acknowledged} ok, {counts.failed} failed, {counts.got} got"
    return f"{counts.phase}: {told}"


def show(verdict: Verdict) -> None:
    """Show the card where the reader is: in a notebook as HTML, elsewhere as text."""
    if _in_notebook():
        _display(html(verdict), "\n".join(head + text for _, head, text in lines(verdict)))
    else:
        print_card(verdict)


class Live:
    """A line in a notebook that says how far a run is, while it goes on. Elsewhere there is none."""

    def __init__(self, client: str) -> None:
        self._client = client
        self._handle: Any = self._show("starting", display_id=True) if _in_notebook() else None
        self._next = 0.0

    def __call__(self, counts: Counts) -> None:
        """Show how far the run is. This can be called from any thread, as often as there is news."""
        now = time.monotonic()
        if self._handle is not None and now >= self._next:
            self._next = now + UPDATED_EVERY
            self._show(in_counts(counts), display_id=self._handle.display_id, update=True)

    def done(self) -> None:
        """Say that the run is over."""
        if self._handle is not None:
            self._show("done", display_id=self._handle.display_id, update=True)

    def _show(self, text: str, **how: Any) -> Any:
        line = f"Judging {shown(self._client)}: {text}"
        return _display(f'<div class="ablykit-card"><style>{_STYLE}</style>{escape(line)}</div>', line, **how)


def _display(markup: str, text: str, **how: Any) -> Any:
    from IPython.display import display  # type: ignore[reportUnknownVariableType]

    return display({"text/html": markup, "text/plain": text}, raw=True, **how)


def _in_notebook() -> bool:
    return "IPKernelApp" in getattr(_shell(), "config", {})


def _shell() -> Any:
    """Return the running IPython; None outside of one, without importing it."""
    import sys

    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None
