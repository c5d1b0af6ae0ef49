"""`ablykit connect` and `ablykit explain`: talk to an Ably by hand, and look up what its frames mean."""

import asyncio
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer

from ablykit.cli.common import fail, in_words

if TYPE_CHECKING:
    from ablykit.cli.terminal import Printer


def connect(
    url: Annotated[
        str | None,
        typer.Argument(help="wss://HOST/?key=…; without a URL, an embedded Ably is started."),
    ] = None,
    pretty: Annotated[bool, typer.Option("--pretty", help="Print each member on its own line.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Explain every member.")] = False,
    stay: Annotated[bool, typer.Option("--stay", help="Keep listening after the input has ended.")] = False,
    ca_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A CA certificate to trust (PEM).")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record everything that crosses the wire.")
    ] = None,
) -> None:
    """Talk to an Ably by hand: each line you type is sent, and each frame that arrives is printed.

    An embedded Ably on this machine is trusted, and stars in place of its key's secret are filled
    in. Ctrl+D ends the connection. The exit code is 0 after a normal end, and 1 if the connection
    was refused or lost.
    """
    from ablykit.cli.terminal import Printer, Style
    from ablykit.protocol import AblyError
    from ablykit.wire import WireError

    style = Style.EXPLAIN if explain else Style.PRETTY if pretty else Style.RAW
    try:
        code = asyncio.run(_connect(url, Printer(style), stay=stay, ca_file=ca_file, record=record))
    except (WireError, AblyError, OSError) as error:
        fail(in_words(error))
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


def explain(
    what: Annotated[
        list[str],
        typer.Argument(help="Actions, flags, error codes, their names, members, or frames."),
    ],
) -> None:
    """Explain something in the protocol, such as 11, 983040, 40160, msgSerial or '{"action":10}'."""
    from rich.console import Console

    from ablykit.protocol import AblyError
    from ablykit.protocol import explain as explained

    for thing in what:
        try:
            found = explained(thing)
        except (KeyError, AblyError) as error:
            fail(str(error.args[0] if isinstance(error, KeyError) else error))
        Console().print(found)


async def _connect(
    url: str | None, printer: "Printer", *, stay: bool, ca_file: str | None, record: Path | None
) -> int:
    from contextlib import ExitStack

    from ablykit.cli.terminal import converse, prompted, read_lines
    from ablykit.record.files import Recorder
    from ablykit.record.transcript import Transcript
    from ablykit.server import LocalAbly
    from ablykit.wire import connect_async

    with ExitStack() as stack:
        if url is None:
            ably = stack.enter_context(LocalAbly())
            url = f"{ably.tls_url}/?key={ably.key}"
        transcript = Transcript()
        recorder = stack.enter_context(Recorder(transcript, record)) if record else None
        async with await connect_async(url, ca_file=ca_file, transcript=transcript) as conn:
            source = standard_input()
            at_terminal = source.isatty()
            if at_terminal:
                print(f"Connected to {conn.url}\nType a frame; press Ctrl+D to end.", file=sys.stderr)
            typed = prompted() if at_terminal and sys.stdout.isatty() else read_lines(source)
            code = await converse(conn, printer, typed, stay=stay)
        return code or int(recorder is not None and recorder.failure is not None)


def standard_input() -> TextIO:
    """Return standard input, ready for bytes that are not UTF-8; an empty one if it is closed (`<&-`)."""
    source = cast("TextIO | None", sys.stdin) or io.StringIO()
    if reconfigure := getattr(source, "reconfigure", None):
        reconfigure(errors="replace")
    return source
