"""Understanding a transcript: which frame answers which, and which rules were broken."""

from ablykit.analysis import rules_client, rules_service
from ablykit.analysis.comparison import Difference, compare
from ablykit.analysis.linter import RULES, Finding, Linter, Rule, lint
from ablykit.analysis.pairing import Pair, Pairing, pairs
from ablykit.analysis.search import Search, search

__all__ = [
    "RULES",
    "Difference",
    "Finding",
    "Linter",
    "Pair",
    "Pairing",
    "Rule",
    "Search",
    "compare",
    "lint",
    "pairs",
    "rules_client",
    "rules_service",
    "search",
]
