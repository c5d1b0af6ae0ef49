"""What can be typed while `ablykit serve` runs: one control a line, on its standard input.

    advance 3600

A program that started the server writes the same line, and reads the answer from standard output: a
sentence, or with `--json` one JSON object a line.
"""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ablykit.server import LocalAbly

STANDARD_INPUT = 0
_READ_AT_ONCE = 4096
_LONGEST = 1000
"""How long a line can be, in bytes. The rest of a longer one is another line, and no control."""


def obey_lines(ably: "LocalAbly", *, as_json: bool) -> None:
    """Do what each line of the standard input asks for, on a thread of its own."""
    # A process in the background that reads from its terminal would be stopped by this signal.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    def read() -> None:
        for line in _lines(STANDARD_INPUT):
            answer = obey(ably, line)
            if answer is not None:
                with contextlib.suppress(OSError):  # nobody may be reading
                    print(
                        json.dumps(answer) if as_json else answer.get("error") or answer["said"], flush=True
                    )

    threading.Thread(target=read, name="ablykit-controls", daemon=True).start()


def obey(ably: "LocalAbly", line: str) -> dict[str, object] | None:
    """Do what a line asks for, and return what to say about it; None for an empty line."""
    name, *arguments = line.split() or [""]
    if not name:
        return None
    if name not in CONTROLS:
        return {"error": f"There is no control {name!r}. There is: advance SECONDS"}
    return CONTROLS[name](ably, *arguments)


def _advance(ably: "LocalAbly", *arguments: str) -> dict[str, object]:
    try:
        (given,) = arguments
        ably.advance(float(given))
    except ValueError:
        return {"error": "advance takes the number of seconds to move the clock forward, such as: advance 60"}
    return {"said": f"The server's clock is now {ably.ahead:g} s ahead.", "ahead": ably.ahead}


CONTROLS: dict[str, Callable[..., dict[str, object]]] = {"advance": _advance}
"""What does each control, by its name."""


def _lines(file: int) -> Iterator[str]:
    """Yield the lines of a file until it ends.

    It is read below Python's own buffers. A daemon thread that holds the lock of one when the program ends
    makes Python abort.
    """
    rest = b""
    with contextlib.suppress(OSError):
        while more := os.read(file, _READ_AT_ONCE):
            *lines, rest = (rest + more).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if len(rest) > _LONGEST:
                yield rest.decode(errors="replace")
                rest = b""
    if rest:
        yield rest.decode(errors="replace")
