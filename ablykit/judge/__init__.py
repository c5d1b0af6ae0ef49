"""The judge: puts any client of the realtime protocol on trial, whatever language it is written in.

    ablykit judge -- node client.mjs               # in a terminal
    ablykit.judge.run(MyClient)                    # in a notebook

A client is driven by a few lines of JSON (`docs/judge.md` is the contract), or is a Python object with a few
methods. It is sent to an embedded Ably through a relay that records every frame. A workload says what it is
asked to do, a storm what happens to the wire meanwhile. Afterwards the checker compares three stories: what
the client reported, what the service has in its log, and what crossed the wire.

A verdict has three values. `passed` and `failed` are sure: a failure names the entries of the recording that
prove it. `unknown` means that a run did not come to the point it was made for, which is no success.

What must never be done here: knowing how a client is built, waiting for one without a limit, and believing a
report where the log or the recording can be asked.
"""

from ablykit.judge.judging import Options, put_on_trial, run
from ablykit.judge.verdict import Kept, Result, RuleVerdict, StormVerdict, Verdict

__all__ = [
    "Kept",
    "Options",
    "Result",
    "RuleVerdict",
    "StormVerdict",
    "Verdict",
    "put_on_trial",
    "run",
]
