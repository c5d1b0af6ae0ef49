"""`ablykit judge`: a client is put on trial."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ablykit.cli.common import in_words

if TYPE_CHECKING:
    from ablykit.judge.trial import Counts

WRONG_USAGE = 2


def judge(
    command: Annotated[
        list[str],
        typer.Argument(
            help="What starts one client, after --; or ablykit, ably-python or ably-js, which are ready."
        ),
    ],
    workload: Annotated[str, typer.Option(help="messages, presence or tokens.")] = "messages",
    storm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What happens to the wire; all for each. Repeatable."),
    ] = None,
    clients: Annotated[int, typer.Option(metavar="N", help="How many take part.")] = 3,
    rate: Annotated[float, typer.Option(metavar="R", help="Steps a second, of all together.")] = 20.0,
    time: Annotated[float, typer.Option(metavar="S", help="For how many seconds.")] = 5.0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same steps on every run.")] = 1,
    tls: Annotated[bool, typer.Option("--tls", help="Send clients to wss://.")] = False,
    rules: Annotated[bool, typer.Option(help="Try each rule in a scene that could break it.")] = True,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The result folder.")] = Path("ablykit-verdict"),
) -> None:
    """Judge a client in any language: see docs/judge.md for the few lines that it has to understand.

    Exit codes: 0 passed, 1 failed, 3 unknown (the client never came so far), 2 wrong usage.
    """
    from rich.console import Console

    from ablykit.judge.card import in_counts, print_card
    from ablykit.judge.judging import Options, put_on_trial, starting
    from ablykit.judge.storms import STORMS
    from ablykit.judge.workloads import Setting

    storms = tuple(STORMS) if storm and "all" in storm else tuple(storm or ["calm"])
    options = Options(workload, storms, Setting(clients, rate, time, seed), tls, rules)
    try:
        options.check()
        with Console(stderr=True).status("Starting") as status:

            def show(counts: "Counts") -> None:
                status.update(in_counts(counts))

            with starting(_client(command)) as (start, name):
                verdict = put_on_trial(start, name, options, out=out, progress=show)
    except (OSError, ValueError) as error:
        print(f"ablykit: {in_words(error)}", file=sys.stderr)
        raise typer.Exit(WRONG_USAGE) from None
    print_card(verdict)
    print(f"\nReport: {out / 'report.html'}")
    raise typer.Exit(verdict.exit_code)


def _client(command: list[str]) -> list[str] | str:
    """Return a command, or the name of a client that is ready: a single word that is no program's."""
    alone = len(command) == 1 and shutil.which(command[0]) is None
    return command[0] if alone else command
