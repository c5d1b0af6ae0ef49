"""`ablykit relay`, `record`, `show`, `diff` and `replay`: recordings made, read, compared and sent again."""

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
    told_to_stop,
    wait,
    warn_of_others,
)

if TYPE_CHECKING:
    from ablykit.record import Transcript


def relay(
    to: Annotated[str, typer.Option(metavar="URL", help="Where frames go on to, ws:// or wss://.")],
    host: Host = "127.0.0.1",
    port: Port = 0,
    tls_port: TlsPort = 0,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all that passes into a recording.")
    ] = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Stand between any client and any Ably, and show each frame that passes, until Ctrl+C."""
    told = told_to_stop()
    where: dict[str, Any] = {"host": host, "port": port, "tls_port": tls_port}
    _relay(told, to, record, show=True, **where, **allowed(allow_host, allow_origin))


def record(
    file: Annotated[Path, typer.Argument(help="Where the recording goes, as it happens.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where frames go on to; without it, an embedded Ably is started."),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    tls_port: TlsPort = 0,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Record what any client says to any Ably, and is answered, until Ctrl+C; nothing is shown."""
    from ablykit.server import LocalAbly

    told, doors = told_to_stop(), allowed(allow_host, allow_origin)
    where: dict[str, Any] = {"host": host, "port": port, "tls_port": tls_port}
    if to is not None:
        return _relay(told, to, file, show=False, **where, **doors)
    with LocalAbly(**doors) as ably:
        print(f"An embedded Ably is behind it; its key: {ably.key}", file=sys.stderr)
        return _relay(told, ably.tls_url, file, show=False, **where, **doors)


class WithSearchTerms(TyperCommand):
    """A command whose help ends with the search language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, and the language below it."""
        from rich.console import Console
        from rich.table import Table

        from ablykit.record.search import LANGUAGE

        super().format_help(ctx, formatter)
        table = Table(box=None, show_header=False)
        for example, says in LANGUAGE:
            table.add_row(example, says)
        Console().print(" What --search finds; with several terms, only what all of them find:\n", table, "")


def show(
    file: Annotated[Path, typer.Argument(help="A recording, as ablykit relay --record writes it.")],
    explain: Annotated[bool, typer.Option("--explain", help="Each frame explained.")] = False,
    har: Annotated[bool, typer.Option("--har", help="As HAR, for browsers' tools.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="As a sequence diagram, drawn.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a sequence diagram, in text.")] = False,
    as_bytes: Annotated[bool, typer.Option("--bytes", help="Each frame's bytes too, in hex.")] = False,
    search: Annotated[
        str | None,
        typer.Option(metavar="TERMS", help="Only what these find, such as 'dir:in is:error'. See below."),
    ] = None,
) -> None:
    """Print a recording: a line for each frame, the time its answer took, and rules that were broken."""
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
    second: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Compare two recordings, ids and times aside. The exit code is 1 when they differ."""
    from ablykit.record import compare

    differences = compare(_load(first), _load(second))
    for difference in differences:
        print(difference)
    raise typer.Exit(1 if differences else 0)


def replay(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="wss://HOST/?key=…; without it, an embedded Ably is started."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the new talk into a recording.")
    ] = None,
) -> None:
    """Send a recording's client side again, and print what is answered otherwise than then.

    The exit code is 1 when anything differs, ids and times aside.
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
    print(f"{len(again)} entries, {len(differences) or 'no'} difference(s)", file=sys.stderr)
    raise typer.Exit(1 if differences else 0)


def _relay(told: threading.Event, to: str, record: Path | None, *, show: bool, **options: Any) -> None:
    """Run a relay until `told` to stop, that shows what passes or writes it down."""
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
            told.set()

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
        wait(told)
        running.stop()
        if recorder:
            print(f"{recorder.count} entries are in {record}", file=sys.stderr)
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
    """Nobody reads what is printed any more; what is still to be flushed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
