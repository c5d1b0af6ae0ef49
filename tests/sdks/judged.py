"""A client that is ready, judged: shortly, and as a whole."""

from ablykit import judge
from ablykit.judge import Kept

BY_DESIGN = {
    "ablykit": {},
    "ably-python": {
        "silent-after-detach": "it hands over whatever comes for a channel, in whichever state that is",
    },
    "ably-js": {
        "closed-after-closed": "it says closed as soon as it has sent CLOSE",
    },
}
"""The rules that each client breaks on purpose, and what it does instead."""

NEVER_ASKED = {"key-without-tls", "frame-too-large", "message-ids", "foreign-client-id", "message-too-large"}
"""Rules that need TLS, an application that asks for something odd, or a client that doesn't refuse it."""


def passes(name, workload):
    """Check that a client loses, repeats and reorders nothing on a calm line."""
    verdict = judge.run(name, workload=workload, time=1, clients=2, rules=False)
    run = verdict.storms[0]
    assert (str(run.verdict), run.why, run.trouble) == ("passed", run.why, [])
    assert not any(run.faults.values())
    assert run.counts["acknowledged"] == run.counts["asked"] > 10


def keeps_its_rules(name):
    """Check that a client keeps every rule but those that it breaks on purpose."""
    verdict = judge.run(name, time=1, clients=2)
    broken = {rule.rule: rule.why for rule in verdict.scorecard if rule.verdict is Kept.BROKEN}
    assert broken.keys() == BY_DESIGN[name].keys(), broken
    unknown = {rule.rule for rule in verdict.scorecard if rule.verdict is Kept.UNKNOWN}
    assert unknown <= NEVER_ASKED, unknown
