"""A client under test that is a program: JSON Lines on its standard input and output.

It may be written in anything and do anything: print garbage, a line of ten megabytes, nothing at all; crash,
fork, never end. Each of these is reported as what it is, within a bound, and no process of it is left
behind. So that this holds, a program gets a process group of its own, which is killed as a whole in the end,
its output is read in pieces, and nothing that depends on it is awaited without a limit.
"""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from typing import cast

from ablykit.judge.client import Client, Listener, Place, Start
from ablykit.judge.lines import LONGEST_LINE, NotALine, Order, read_report

MOST_LINES = 200_000
"""How many lines a client may print in one run before it is ended."""

GRACE = 0.5
"""How long the children of a program that exited may take to do the same, in seconds."""

KEPT_ERRORS = 40
"""How many lines of its standard error are kept: the newest."""

LAST_WORDS = 1.0
"""How long to read on after a program has ended, in seconds: its children may hold its output open."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_NOT_INHERITED = ("ABLY_KEY", "ABLY_API_KEY", "ABLY_TOKEN", "ABLY_ENDPOINT", "ABLY_URL", "ABLY_REST_URL")


class Lines:
    """Splits what a program prints into lines, and holds at most one line of the longest length."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest, self._kept, self._skipping = longest, bytearray(), False

    def take(self, data: bytes) -> list[bytes | None]:
        """Return the lines that are complete by now, without their ends; None for one that was too long."""
        found: list[bytes | None] = []
        first, *rest = data.split(b"\n")
        self._add(first, found)
        for piece in rest:
            if not self._skipping:
                found.append(bytes(self._kept).rstrip(b"\r"))
            self._kept.clear()
            self._skipping = False
            self._add(piece, found)
        return found

    def _add(self, piece: bytes, found: list[bytes | None]) -> None:
        if self._skipping:
            return
        self._kept += piece
        if len(self._kept) > self._longest:
            found.append(None)
            self._kept.clear()
            self._skipping = True

    @property
    def rest(self) -> bytes:
        """What came after the last line's end."""
        return bytes(self._kept)


class Program(asyncio.SubprocessProtocol):
    """A running client program. See `client.Client`."""

    def __init__(self, command: Sequence[str], place: Place, listener: Listener) -> None:
        self.name = place.client_id
        self._command, self._place, self._listener = list(command), place, listener
        self._transport: asyncio.SubprocessTransport | None = None
        self._out, self._err = Lines(), Lines()
        self._exited, self._silent = asyncio.Event(), asyncio.Event()
        self._closing = False
        self._count = 0
        self._open_pipes = {_STDOUT, _STDERR}
        self.errors: deque[str] = deque(maxlen=KEPT_ERRORS)
        """The newest lines of its standard error."""

    async def open(self) -> None:
        """Start the program."""
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self,
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=inherited | self._place.environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._trouble("not-started", f"{self._command[0]!r} can't be started: {error}")

    def tell(self, order: Order) -> None:
        """Write an order to the program. What it doesn't read is not waited for."""
        self._closing = self._closing or order.do == "close"
        pipe = self._transport and self._transport.get_pipe_transport(_STDIN)
        if pipe and not pipe.is_closing():
            cast(asyncio.WriteTransport, pipe).write(order.line())

    async def finish(self, patience: float) -> None:
        """Wait for the program to end by itself, then end its whole process group."""
        self._closing = True
        if self._transport is None:
            return
        if not await _happens(self._exited, patience):
            self._trouble("never-exited", f"It was asked to close and had not exited {patience:g} s later")
        elif await self._leaves_children():
            self._trouble("left-behind", "It exited and left processes behind, which were killed")
        self._kill_group()
        await _happens(self._exited, LAST_WORDS)
        await _happens(self._silent, LAST_WORDS)  # a child that left the group may hold its output open
        self._transport.close()

    async def _leaves_children(self) -> bool:
        """Return whether any of its processes still run a moment after it exited."""
        assert self._transport
        deadline = asyncio.get_running_loop().time() + GRACE
        while runs(self._transport.get_pid()):
            if asyncio.get_running_loop().time() >= deadline:
                return True
            await asyncio.sleep(0.02)  # nothing tells when somebody else's child has died
        return False

    def _kill_group(self) -> None:
        """Kill all of the program's processes that are left."""
        assert self._transport
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._transport.get_pid(), signal.SIGKILL)

    # -- what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport. What the program does may be told before the call that starts it returns."""
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Read what the program prints."""
        if fd == _STDERR:
            for line in self._err.take(data):
                self._error(line)
            return
        for line in self._out.take(data):
            self._line(line)
        if self._count > MOST_LINES and not self._closing:
            self._closing = True
            self._trouble("flood", f"It printed more than {MOST_LINES:,} lines, and was ended")
            self._kill_group()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Read what came after the last line's end."""
        if fd == _STDOUT:
            self._line(self._out.rest)
        elif fd == _STDERR:
            self._error(self._err.rest)
        self._open_pipes.discard(fd)
        if not self._open_pipes:
            self._silent.set()

    def process_exited(self) -> None:
        """Say so if nobody asked for it, or if it was no good end."""
        assert self._transport
        code = self._transport.get_returncode() or 0
        asyncio.get_running_loop().create_task(self._report_end(code))

    async def _report_end(self, code: int) -> None:
        await _happens(self._silent, LAST_WORDS)  # its last line may still be on its way
        if not self._closing:
            self._trouble("crashed", f"It {_ended(code)} in the middle of the run{self._last_error()}")
        elif code and code != -signal.SIGKILL:
            self._trouble("exit-code", f"It was asked to close, and {_ended(code)}{self._last_error()}")
        self._exited.set()

    def _last_error(self) -> str:
        return f". The last line of its standard error: {self.errors[-1]}" if self.errors else ""

    def _line(self, line: bytes | None) -> None:
        self._count += 1
        if line is None:
            self._trouble("mistake", f"It printed a line of more than {LONGEST_LINE:,} bytes")
        elif line.strip():
            try:
                self._listener.hear(self.name, read_report(line))
            except NotALine as error:
                self._trouble("mistake", str(error))

    def _error(self, line: bytes | None) -> None:
        if line is None or line.strip():
            self.errors.append("(a very long line)" if line is None else line.decode("utf-8", "replace"))

    def _trouble(self, kind: str, text: str) -> None:
        self._listener.trouble(self.name, kind, text)


async def _happens(event: asyncio.Event, patience: float) -> bool:
    """Return whether something happens within so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await event.wait()
    return event.is_set()


def runs(group: int) -> bool:
    """Return whether any process of a group runs.

    A zombie counts as ended: in a container without an init process it may stay one for ever.
    """
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    found = [_state(each) for each in Path("/proc").glob("[0-9]*/stat")]
    return not found or any(mine == group and state not in "ZX" for state, mine in found)


def _state(stat: Path) -> tuple[str, int]:
    """Return a process's state and group, as Linux tells them."""
    try:
        state, _, group, *_ = stat.read_text().rpartition(")")[2].split()
    except (OSError, ValueError):  # it has gone meanwhile
        return "X", 0
    return state, int(group)


def _ended(code: int) -> str:
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def programs(command: Sequence[str]) -> Start:
    """Return what starts a program for each client."""

    def start(place: Place, listener: Listener) -> Client:
        return Program(command, place, listener)

    return start
