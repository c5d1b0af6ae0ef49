"""What crossed the wire: written down, kept in files, and understood.

    transcript = load("session.jsonl")
    for finding in lint(transcript):
        print(finding)

A `Transcript` holds entries. Pairs say which frame answers which, the linter says which rules of the protocol
were broken, the comparison what differs between two transcripts, the search finds entries, and the sequence
draws them. Nothing here knows a panel, a socket or a server.
"""

from ablykit.record import rules_client, rules_service  # they fill RULES
from ablykit.record.comparison import Difference, compare
from ablykit.record.files import NotARecording, Recorder, har, load, save
from ablykit.record.linter import RULES, Finding, Linter, Rule
from ablykit.record.pairing import Pair, Pairing
from ablykit.record.reading import Reading, lint, pairs
from ablykit.record.search import Search, search
from ablykit.record.transcript import Entry, Transcript

__all__ = [
    "RULES",
    "Difference",
    "Entry",
    "Finding",
    "Linter",
    "NotARecording",
    "Pair",
    "Pairing",
    "Reading",
    "Recorder",
    "Rule",
    "Search",
    "Transcript",
    "compare",
    "har",
    "lint",
    "load",
    "pairs",
    "rules_client",
    "rules_service",
    "save",
    "search",
]
