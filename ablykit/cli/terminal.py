"""Frames at a terminal: the conversation of `ablykit connect`, and the output of `ablykit show`."""

import asyncio
import contextlib
import json
import signal
import sys
import threading
from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Any, TextIO, cast

from rich.console import Console
from rich.syntax import Syntax

from ablykit.protocol import Action, NotAFrame, explain
from ablykit.protocol.codec import read
from ablykit.protocol.dissect import dissect
from ablykit.protocol.explanation import visible
from ablykit.protocol.redaction import redact
from ablykit.record import Reading
from ablykit.record import search as find
from ablykit.record.transcript import ARROWS, Transcript, line
from ablykit.wire import AsyncConnection, Frame, WireError

END_TIMEOUT = 5.0
"""How long to wait for the last answers after the input has ended, in seconds."""


class Style(StrEnum):
    """How frames are printed."""

    RAW = "raw"
    """As they arrived, one on each line."""
    PRETTY = "pretty"
    """As JSON with one member on each line."""
    EXPLAIN = "explain"
    """With an explanation of each member."""


class Printer:
    """Prints frames to a terminal or a pipe, with secrets as stars."""

    def __init__(self, style: Style, console: Console | None = None) -> None:
        self._style = style
        self._console = console or Console(soft_wrap=True)

    def frame(self, frame: Frame) -> None:
        """Print one frame that arrived."""
        if not frame:
            return self._out(redact(str(frame.raw)))
        if self._style is Style.EXPLAIN:
            return self._console.print(explain(frame), "")
        if self._style is Style.PRETTY:
            text = redact(json.dumps(frame, indent=2, ensure_ascii=False, default=repr))
            shown = "\n".join(map(visible, text.split("\n")))
            return self._console.print(Syntax(shown, "json", background_color="default"))
        raw = frame.raw if isinstance(frame.raw, str) else json.dumps(frame, default=repr)
        return self._out(redact(raw))

    def _out(self, text: str) -> None:
        shown = f"{ARROWS['in']} {visible(text)}" if self._console.is_terminal else text
        self._console.print(shown, markup=False, highlight=False)


def show_recording(
    transcript: Transcript, *, explained: bool = False, as_bytes: bool = False, search: str | None = None
) -> None:
    """Print a transcript: a line for each entry, how long its answer took, and the rules that it broke.

    Only entries that match `search` are printed. Raises `ValueError` for an invalid search.
    """
    shown = find(transcript, search or "")
    console = Console(soft_wrap=True, highlight=False)
    reading = Reading.of(transcript).read()
    for entry in shown:
        row = reading.row(entry)
        after = f"  ({row.ms:.1f} ms)" if row.ms is not None else ""
        console.print(line(entry) + after, markup=False)
        for finding in row.broken:
            console.print(f"     ! {str(finding).strip()}", style="red", markup=False)
        if explained and entry.frame:
            console.print(explain(entry.frame), "")
        if as_bytes and entry.kind == "frame":
            console.print(str(dissect(entry.raw, entry.direction)), "", markup=False)


async def converse(conn: AsyncConnection, printer: Printer, typed: AsyncGenerator[str], *, stay: bool) -> int:
    """Send each typed line, print each frame that arrives, and return the exit code.

    When the input ends, this sends a CLOSE and prints the last answers, unless `stay` is set. The exit code
    is 0 after a normal end, 1 if the connection was refused or lost.
    """
    answered = asyncio.Event()
    sending = asyncio.create_task(_send_lines(conn, typed, answered, stay=stay))
    refused = False
    try:
        async for frame in conn:
            answered.set()
            printer.frame(frame)
            sys.stdout.flush()
            refused = frame.get("action") == Action.ERROR and not frame.get("channel")
    finally:
        sending.cancel()
        await asyncio.wait([sending])  # so that a prompt can restore the terminal
    closed = await conn.wait_closed()
    if closed.code == 1000 and not refused:
        return 0
    print(f"Closed: {closed.code} {closed.reason}".rstrip(), file=sys.stderr)
    return 1


async def _send_lines(
    conn: AsyncConnection, typed: AsyncGenerator[str], answered: asyncio.Event, *, stay: bool
) -> None:
    """Send what is typed, but not before the service has sent its first frame: CONNECTED or an ERROR."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_TIMEOUT):
            await answered.wait()
    try:
        async with contextlib.aclosing(typed):
            async for line in typed:
                if line.strip():
                    await conn.send(_as_sent(line.rstrip("\r\n"), conn))
        if not stay:
            await conn.send({"action": int(Action.CLOSE)})
            await conn.wait_closed(timeout=END_TIMEOUT)
    except WireError:
        await conn.close()


def _as_sent(line: str, conn: AsyncConnection) -> str | dict[str, Any]:
    """Return what to send for a typed line: the text itself or, on a MessagePack connection, its JSON
    value."""
    if not conn.is_msgpack:
        return line
    try:
        value = read(line)
    except NotAFrame:
        return line
    return value if isinstance(value, dict) else line  # type: ignore[reportUnknownVariableType]


async def prompted() -> AsyncGenerator[str]:
    """Yield lines typed at a terminal, with editing, and with earlier lines on the arrow keys.

    Frames that are printed meanwhile appear above the line that is being typed.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout
    from prompt_toolkit.styles import Style as Look

    session = PromptSession[str](f"{ARROWS['out']} ", style=Look([("", "ansicyan")]))
    keys = session.app.input
    # Between prompts and while printing, prompt_toolkit leaves raw mode, and typed keys would be lost.
    cast(Any, keys).cooked_mode = contextlib.nullcontext
    with patch_stdout(raw=True), keys.raw_mode():
        while True:
            try:
                typed = await session.prompt_async()
            except EOFError:
                return
            except KeyboardInterrupt:  # in raw mode Ctrl+C is a key: make it the signal that it usually is
                signal.raise_signal(signal.SIGINT)
                return
            for line in typed.splitlines():  # pasted text may have several lines
                yield line


async def read_lines(source: TextIO) -> AsyncGenerator[str]:
    """Yield the lines of a file or pipe. A thread reads them, because not every platform can await a file."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def put(line: str | None) -> None:
        with contextlib.suppress(RuntimeError):  # the connection ended while a line was typed
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def run() -> None:
        try:
            for line in source:
                put(line)
        finally:
            put(None)

    threading.Thread(target=run, name="ablykit-input", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
