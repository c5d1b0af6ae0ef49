"""Judge the clients that are ready, and print a table: `python -m tests.bench.judged [NODE_FOLDER]`.

`NODE_FOLDER` is where `npm install ably` was run; without one, ably-js is left out. The table is the one in
docs/judge.md.
"""

import contextlib
import io
import os
import sys

from ablykit import judge
from ablykit.judge import Kept

WORKLOADS = ("messages", "presence", "tokens")


def row(name: str) -> str:
    """Judge a client by all workloads, and return its row."""
    with contextlib.redirect_stdout(io.StringIO()):
        verdicts = {
            workload: judge.run(name, workload=workload, time=3, rules=workload == "messages")
            for workload in WORKLOADS
        }
    results = [str(verdicts[workload].storms[0].verdict) for workload in WORKLOADS]
    rules = verdicts["messages"].scorecard
    counts = [str(sum(rule.verdict is value for rule in rules)) for value in Kept]
    broken = ", ".join(f"`{rule.rule}`" for rule in rules if rule.verdict is Kept.BROKEN) or "none"
    cost = verdicts["messages"].storms[0].frames_per_message
    return f"| `{name}` | {' | '.join([*results, counts[0], counts[2]])} | {broken} | {cost:.2f} |"


def main(*folders: str) -> None:
    """Print the table."""
    names = ["ablykit", "ably-python"]
    if folders:
        os.chdir(folders[0])
        names.append("ably-js")
    print("| client | messages | presence | tokens | kept | unknown | broken | frames a message |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        print(row(name), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
