"""The scorecard: what a client was put through, which rules it keeps, and the frames that prove it."""

from html import escape
from typing import Any

import traitlets

from ablykit.judge import Kept, RuleVerdict, StormVerdict, Verdict
from ablykit.judge.card import SIGNS, lines, shown
from ablykit.panels.panel import Panel, script, style

MOST_PROOF = 8
"""How many entries of a row can be chosen: the first ones show how it went."""


class Scorecard(Panel):
    """A judge's verdict, with each storm and each rule as a row.

        verdict = ablykit.judge.run(Ably)
        ablykit.Scorecard(verdict)
        ablykit.FrameInspector(verdict.transcript)      # is linked with it

    A row says in a word and a sign whether a rule was kept, broken, or never put to the test. Click one of
    the numbers in it to select that frame in every linked panel. Broken rules come first.

    Raises `ValueError` for a verdict that has no recording, such as one that was made by hand.
    """

    _esm = script("scorecard.js")
    _css = style("scorecard.css")
    title = traitlets.Unicode().tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, verdict: Verdict) -> None:
        if verdict.transcript is None:
            raise ValueError("This verdict has no recording. Show one that ablykit.judge.run returned.")
        self._verdict = verdict
        super().__init__(verdict.transcript)
        self.title = f"Scorecard of {shown(verdict.client)}"
        order = (Kept.BROKEN, Kept.UNKNOWN, Kept.KEPT)
        rules = sorted(verdict.scorecard, key=lambda rule: order.index(rule.verdict))
        self.rows = [*map(_storm, verdict.storms), *map(_rule, rules)]

    def refresh(self) -> None:
        """Nothing: a verdict does not change."""

    def html(self) -> str:
        """Return the rows as a table."""
        cells = ("sign", "verdict", "name", "clause", "says")
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(row[cell])}</td>" for cell in cells) + "</tr>" for row in self.rows
        )
        return f"<div><b>{escape(self.title)}</b><table>{rows}</table></div>"

    def __str__(self) -> str:
        return "\n".join([self.title, *(head + text for _, head, text in lines(self._verdict))])


def _storm(storm: StormVerdict) -> dict[str, Any]:
    return _row(storm.verdict, f"storm {storm.name}", storm.workload, storm.why, "", storm.proof)


def _rule(rule: RuleVerdict) -> dict[str, Any]:
    return _row(rule.verdict, rule.rule, rule.clause, rule.says, rule.why, rule.proof)


def _row(verdict: Any, name: str, clause: str, says: str, why: str, proof: list[int]) -> dict[str, Any]:
    return {
        "verdict": str(verdict),
        "sign": SIGNS[verdict][0],
        "name": name,
        "clause": clause,
        "says": shown(says),
        "why": shown(why),
        "proof": proof[:MOST_PROOF],
    }
