"""The verdict as a card for a reader: in a terminal, in a notebook, and as HTML.

What clients and frames say is text in it, never markup.
"""

from collections.abc import Iterator
from html import escape
from typing import Any

from rich.console import Console
from rich.text import Text

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
    data = f": {shown(repr(finding.data))}" if finding.data else ""
    return f"{shown(finding.says)} on {shown(finding.channel)}{data}{_entries(finding.proof)}"


def _entries(proof: list[int]) -> str:
    if not proof:
        return ""
    more = f" and {len(proof) - 8} more" if len(proof) > 8 else ""
    return f" [{'entry' if len(proof) == 1 else 'entries'} {', '.join(map(str, proof[:8]))}{more}]"


def shown(text: str) -> str:
    """Return text as a line of the card: short enough, nothing in it that moves a cursor."""
    line = visible(text.replace("\n", " "))
    return line if len(line) <= 4 * _LONGEST else f"{line[: 4 * _LONGEST - 1]}…"


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


def show(verdict: Verdict) -> None:
    """Show the card where the reader is: in a notebook as HTML, elsewhere as text."""
    shell: Any = _shell()
    if shell is not None and "IPKernelApp" in getattr(shell, "config", {}):
        from IPython.display import HTML, display  # type: ignore[reportUnknownVariableType]

        display(HTML(html(verdict)))
    else:
        print_card(verdict)


def _shell() -> Any:
    """Return the running IPython; None outside of one, without importing it."""
    import sys

    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None
