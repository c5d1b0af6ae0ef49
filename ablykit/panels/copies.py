"""A frame as text to copy: a notebook cell, a shell command or a Python dict."""

import re
from pprint import pformat
from shlex import quote
from typing import Any

from ablykit.record.transcript import Entry

WIDTH = 88


def copies(entry: Entry, url: str | None = None) -> dict[str, str]:
    """Return the forms in which a frame can be copied, by name. `url` is that of its connection."""
    if entry.kind != "frame":
        return {"command": f"ablykit connect {quote(str(entry.raw))}"} if entry.kind == "open" else {}
    frame = entry.frame
    as_dict = pformat(frame if frame is not None else entry.raw, width=WIDTH, sort_dicts=False)
    if entry.direction == "in":
        cell = f'conn.recv("{entry.action}")' if frame else "conn.recv()"
        return {"cell": cell, "Python dict": as_dict}
    return {"cell": f"conn.send({as_dict})", "Python dict": as_dict, **_commands(entry.text, url)}


def _commands(text: str, url: str | None) -> dict[str, str]:
    if url is None:
        return {}
    whole = re.sub(r"([?&]key=)[^&]*", r"\1$ABLY_API_KEY", url)
    return {
        "ablykit connect": f"echo {quote(text)} | ablykit connect {quote(url)}",
        "websocat": f'echo {quote(text)} | websocat -n "{whole}"',
    }


def url_of(entries: Any, connection: str) -> str | None:
    """Return the URL of a connection; None if the transcript no longer has it."""
    return next((str(e.raw) for e in entries if e.kind == "open" and e.connection == connection), None)
