"""Understanding a transcript: which frame answers which, and which rules were broken."""

from ablykit.analysis import rules_client, rules_service
from ablykit.analysis.comparison import Difference, compare
from ablykit.analysis.linter import RULES, Finding, Linter, Rule, lint
from ablykit.analysis.pairing import Pair, Pairing, pairs

__all__ = [
    "RULES",
    "Difference",
    "Finding",
    "Linter",
    "Pair",
    "Pairing",
    "Rule",
    "compare",
    "lint",
    "pairs",
    "rules_client",
    "rules_service",
]
