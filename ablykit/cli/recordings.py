"""`ablykit relay`, `record`, `show`, `diff` and `replay`: make, read, compare and replay recordings."""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ablykit.cli.common import (
    AllowHost,
    AllowOrigin,
    Host,
    Port,
    TlsPort,
    allowed,
    fail,
    in_words,
    stop_signal,
    wait,
    warn_of_others,
)

if TYPE_CHECKING:
    from ablykit.record import Transcript


def relay(
    to: Annotated[str, typer.Option(metavar="URL", help="The Ably to forward to, ws:// or wss://.")],
    host: Host = "127.0.0.1",
    port: Port = 0,
    tls_port: TlsPort = 0,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record everything that passes.")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help='A fault, such as "drop action=ACK nth=2", or one in JSON. It can be repeated.',
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the chances of rules with a probability.")] = 0,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Stand between any client and any Ably, and show each frame that passes, until Ctrl+C.

    With rules, frames get lost, late, doubled or changed on their way. docs/faults.md has all of them.
    """
    stop = stop_signal()
    where: dict[str, Any] = {
        "host": host,
        "port": port,
        "tls_port": tls_port,
        "rules": rule or (),
        "seed": seed,
    }
    _relay(stop, to, record, show=True, **where, **allowed(allow_host, allow_origin))


def record(
    file: Annotated[Path, typer.Argument(help="The file to write, as frames pass.")],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The Ably to forward to; without a URL, an embedded Ably is started."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    tls_port: TlsPort = 0,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Record every frame between any client and any Ably, until Ctrl+C, without showing it."""
    from ablykit.server import LocalAbly

    stop, doors = stop_signal(), allowed(allow_host, allow_origin)
    where: dict[str, Any] = {"host": host, "port": port, "tls_port": tls_port}
    if to is not None:
        return _relay(stop, to, file, show=False, **where, **doors)
    with LocalAbly(**doors) as ably:
        print(f"Behind the relay is an embedded Ably with the key {ably.key}", file=sys.stderr)
        return _relay(stop, ably.tls_url, file, show=False, **where, **doors)


class WithSearchTerms(TyperCommand):
    """A command whose help ends with the search language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, followed by the search language."""
        from rich.console import Console
        from rich.table import Table

        from ablykit.record.search import LANGUAGE

        super().format_help(ctx, formatter)
        table = Table(box=None, show_header=False)
        for example, says in LANGUAGE:
            table.add_row(example, says)
        Console().print(" Search terms (an entry must match all that you give):\n", table, "")


def show(
    file: Annotated[Path, typer.Argument(help="A recording, as ablykit record writes it.")],
    explain: Annotated[bool, typer.Option("--explain", help="Explain each frame.")] = False,
    har: Annotated[bool, typer.Option("--har", help="Print HAR, for a browser's tools.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="Print a sequence diagram as SVG.")] = False,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a sequence diagram as Mermaid text.")
    ] = False,
    as_bytes: Annotated[bool, typer.Option("--bytes", help="Print each frame's bytes in hex too.")] = False,
    search: Annotated[
        str | None,
        typer.Option(
            metavar="TERMS", help="Print only what these find, such as 'dir:in is:error'. See below."
        ),
    ] = None,
) -> None:
    """Print a recording: each frame, how long its answer took, and the rules that it broke."""
    from ablykit.cli.terminal import show_recording
    from ablykit.record import files, sequence

    transcript = _load(file)
    if har:
        print(json.dumps(files.har(transcript)))
    elif svg:
        print(sequence.svg(transcript))
    elif mermaid:
        print(sequence.mermaid(transcript), end="")
    else:
        try:
            show_recording(transcript, explained=explain, as_bytes=as_bytes, search=search)
        except ValueError as error:
            fail(str(error))


def diff(
    first: Annotated[Path, typer.Argument(help="A recording.")],
    second: Annotated[Path, typer.Argument(help="Another recording.")],
) -> None:
    """Compare two recordings, except for ids and times. The exit code is 1 if they differ."""
    from ablykit.record import compare

    differences = compare(_load(first), _load(second))
    for difference in differences:
        print(difference)
    raise typer.Exit(1 if differences else 0)


def replay(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="wss://HOST/?key=…; without a URL, an embedded Ably is started."),
    ] = None,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Record the new session.")] = None,
) -> None:
    """Send the client side of a recording again, and print how the answers differ from it.

    Ids and times don't count. The exit code is 1 if anything else differs.
    """
    from ablykit.protocol import AblyError
    from ablykit.record import compare
    from ablykit.record.files import save
    from ablykit.relay.replay import resend
    from ablykit.server import LocalAbly
    from ablykit.wire import WireError

    recorded = _load(file)
    try:
        if to is not None:
            again = asyncio.run(resend(recorded, to))
        else:
            with LocalAbly() as ably:
                again = asyncio.run(resend(recorded, f"{ably.tls_url}/?key={ably.key}"))
    except (WireError, AblyError, OSError) as error:
        fail(in_words(error))
    if record:
        save(again, record)
    differences = compare(recorded, again)
    for difference in differences:
        print(difference)
    count = len(differences)
    plural = "difference" if count == 1 else "differences"
    print(f"{len(again)} entries, {count or 'no'} {plural}", file=sys.stderr)
    raise typer.Exit(1 if differences else 0)


def _relay(stop: threading.Event, to: str, record: Path | None, *, show: bool, **options: Any) -> None:
    """Run a relay that shows or records what passes, until `stop` is set."""
    from contextlib import ExitStack

    from ablykit.protocol.redaction import redact
    from ablykit.record.files import Recorder
    from ablykit.record.transcript import Entry, line
    from ablykit.relay.relay import Relay

    def show_line(entry: Entry) -> None:
        try:
            print(line(entry), flush=True)
        except BrokenPipeError:
            _print_no_more()
            stop.set()

    with ExitStack() as stack:
        try:
            running = stack.enter_context(Relay(to, **options))
            recorder = stack.enter_context(Recorder(running.transcript, record)) if record else None
        except (OSError, ValueError, OverflowError) as error:
            fail(in_words(error))
        print(
            f"Clients connect to  {running.tls_url}\n"
            f"     or without TLS  {running.url}\n"
            f"     they reach      {redact(to)}\n"
            f"     CA file         {running.ca_file}",
            file=sys.stderr,
        )
        warn_of_others(running.host, running.port, running.tls_port)
        if show:
            running.transcript.listen(show_line)
        wait(stop)
        running.stop()
        if recorder:
            print(f"{recorder.count} entries were written to {record}", file=sys.stderr)
            if recorder.failure:
                raise typer.Exit(1)


def _load(file: Path) -> "Transcript":
    from ablykit.record.files import NotARecording, load

    try:
        loaded = load(file)
    except (OSError, NotARecording) as error:
        fail(in_words(error))
    for note in loaded.notes:
        print(f"ablykit: {note}", file=sys.stderr)
    return loaded


def _print_no_more() -> None:
    """Send further output nowhere, because nobody reads it any more.

    Without this, Python would report the broken pipe once more when it flushes standard output at the end.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
