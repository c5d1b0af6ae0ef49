"""The lines that a judge and a client under test exchange: one JSON object each (see `docs/judge.md`).

What the judge says is an `Order`, what a client says a `Report`. `read_report` turns a line into a report, or
raises `NotALine` with a sentence for the client's author. Members that are not known are ignored, so that
clients and judges of different ages understand each other.
"""

from typing import Any

import msgspec

PROTOCOL = 1
"""The version of the contract; it is sent with `start`."""

LONGEST_LINE = 1024 * 1024
"""How many bytes a line may have."""

STATES = ("connecting", "connected", "disconnected", "suspended", "closing", "closed", "failed")
"""The states of a connection that a client may report."""

_DEEDS = ("attach", "detach", "publish", "enter", "leave")
_WITH_ID = ("publish", "enter", "leave")
_SHOWN = 120


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the judge asks a client to do."""

    do: str
    id: int | None = None
    channel: str | None = None
    data: str | None = None
    token: str | None = None
    protocol: int | None = None

    def line(self) -> bytes:
        """Return the order as it is written to the client."""
        return msgspec.json.encode(self) + b"\n"


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client says. One member says which kind it is: the first of those that are set."""

    state: str | None = None
    did: str | None = None
    got: str | None = None
    members: list[str] | None = None
    need_token: bool = False
    log: str | None = None
    id: int | None = None
    channel: str | None = None
    data: str | None = None
    ok: bool | None = None
    code: int | None = None
    sender: str | None = msgspec.field(default=None, name="from")


class NotALine(ValueError):
    """A line that the contract does not know; the message says what is wrong with it."""


_reports = msgspec.json.Decoder(Report)


def read_report(line: bytes) -> Report:
    """Return what a line says. Raises `NotALine`."""
    try:
        report = _reports.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotALine(f"This line is not one of the contract's ({error}): {shown(line)}") from None
    if wrong := what_is_wrong(report):
        raise NotALine(f"{wrong}: {shown(line)}")
    return report


def what_is_wrong(report: Report) -> str | None:
    """Return what a report lacks to be one of the contract's; None for a good one."""
    if report.state is not None and report.state not in STATES:
        return f"No connection is {report.state!r}; the states are {', '.join(STATES)}"
    if report.did is not None:
        return _wrong_deed(report)
    if report.got is not None and report.data is None:
        return "A message that was got has data, which is a string"
    if report.members is not None and report.id is None:
        return "The members need the id of the question that they answer"
    return None


def _wrong_deed(report: Report) -> str | None:
    if report.did not in _DEEDS:
        return f"Nobody was asked to {report.did!r}; what can be done is {', '.join(_DEEDS)}"
    if report.did in _WITH_ID and (report.id is None or report.ok is None):
        return f"A report on {report.did} needs the id of the order, and whether it is ok"
    if report.did not in _WITH_ID and report.channel is None:
        return f"A report on {report.did} needs the channel"
    return None


def shown(line: bytes) -> str:
    """Return a line for a reader: cut to fit, with whatever is not printable made visible."""
    decoded = line[:_SHOWN].decode("utf-8", "backslashreplace")
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in decoded)
    return text if len(line) <= _SHOWN else f"{text}… ({len(line):,} bytes)"


def as_json(value: Order | Report) -> Any:
    """Return an order or a report as an object of JSON."""
    return msgspec.to_builtins(value)
