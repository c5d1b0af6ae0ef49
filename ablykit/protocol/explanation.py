"""`explain`: say in plain sentences what a frame, a number or a name of the protocol means.

`explain` makes an `Explanation` with a list of `Row`s. Text for a terminal and HTML for a notebook are two
renderings of the same rows. The sentences come from `meanings` and `catalogue`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from ablykit.protocol import anatomy, meanings
from ablykit.protocol.actions import Action, Flag, name_of
from ablykit.protocol.catalogue import ERRORS
from ablykit.protocol.codec import NotAFrame, plain, read
from ablykit.protocol.errors import href, status_of, title_of
from ablykit.protocol.frames import TYPES, Wire
from ablykit.protocol.meanings import Meaning
from ablykit.protocol.redaction import redact, starred

if TYPE_CHECKING:
    from rich.console import RenderableType

NOT_KNOWN = Meaning("The protocol has no such member; it is carried along as it came.")
_LONGEST = 400

NUMBERS: dict[tuple[str, str], tuple[type[IntEnum], dict[Any, Meaning]]] = {
    ("ProtocolMessage", "action"): (Action, meanings.ACTIONS),
    ("Message", "action"): (meanings.MessageAction, meanings.MESSAGE_ACTIONS),
    ("PresenceMessage", "action"): (meanings.PresenceAction, meanings.PRESENCE_ACTIONS),
    ("Annotation", "action"): (meanings.AnnotationAction, meanings.ANNOTATION_ACTIONS),
}
"""The members whose numbers have names."""

INSIDE: dict[tuple[str, str], str] = {
    ("ProtocolMessage", "connectionDetails"): "ConnectionDetails",
    ("ProtocolMessage", "error"): "ErrorInfo",
    ("ProtocolMessage", "messages"): "Message",
    ("ProtocolMessage", "presence"): "PresenceMessage",
    ("ProtocolMessage", "annotations"): "Annotation",
    ("ProtocolMessage", "auth"): "AuthDetails",
    ("ProtocolMessage", "res"): "PublishResult",
    ("ErrorInfo", "cause"): "ErrorInfo",
    ("Message", "version"): "MessageVersion",
    ("Message", "annotations"): "MessageAnnotations",
}
"""The type of each member that holds one or more frames' parts."""


@dataclass(frozen=True)
class Row:
    """One line of an explanation: a name, a value as text, what it means, and how deep it is nested."""

    name: str
    value: str
    meaning: Meaning
    depth: int = 0


@dataclass(frozen=True)
class Explanation:
    """An explanation. `print` it, show it in a notebook, or read its `rows`."""

    title: str
    sentence: str
    rows: tuple[Row, ...] = ()

    def __str__(self) -> str:
        from rich.console import Console

        out = StringIO()
        console = Console(file=out, width=100, color_system=None, force_jupyter=False)
        console.print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    __repr__ = __str__

    def __rich__(self) -> "RenderableType":
        """Return what rich prints in a terminal."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(style="green", overflow="fold", max_width=36)
        table.add_column()
        for row in self.rows:
            note = Text(row.meaning.sentence)
            note.append(f"  {_detail(row.meaning)}", style="dim")
            table.add_row(Text("  " * row.depth + visible(row.name)), Text(visible(row.value)), note)
        head = Text(visible(self.title), style="bold").append(f"  {self.sentence}", style="not bold")
        return Group(head, table)

    def _repr_html_(self) -> str:
        return f"<style>{_CSS}</style>{self.html()}"

    def html(self) -> str:
        """Return the explanation as an HTML fragment. Values are escaped: they are never markup."""
        rows = "".join(
            f'<tr><th scope="row" {_LEFT}>{_INDENT * row.depth}{_text(row.name)}</th>'
            f"<td {_LEFT}>{f'<code>{_text(row.value)}</code>' if row.value else ''}</td><td {_LEFT}>"
            f"{_text(row.meaning.sentence)} <small>{_text(_detail(row.meaning))}</small></td></tr>"
            for row in self.rows
        )
        return (
            f'<div class="ablykit-explain"><p><b>{_text(self.title)}</b> {_text(self.sentence)}</p>'
            f"<table>{rows}</table></div>"
        )


_INDENT, _LEFT = "\u00a0" * 4, 'style="text-align:left"'
"""Indentation that works without a style sheet: JupyterLab drops the sheet of a notebook that is not trusted.

It uses non-breaking spaces, and aligns cells to the left, which JupyterLab's own style does not.
"""

_CSS = (
    ".ablykit-explain table{border-collapse:collapse;font-size:90%}"
    ".ablykit-explain th,.ablykit-explain td{vertical-align:top;"
    "padding:.15em .5em;border-top:1px solid color-mix(in srgb,currentColor 18%,transparent)}"
    ".ablykit-explain th{font-weight:600;white-space:nowrap}"
    ".ablykit-explain code{word-break:break-all;background:none}"
    ".ablykit-explain small{opacity:.75;white-space:nowrap}"
)


def explain(what: Any, *, max_message_size: int | None = None) -> Explanation:
    """Return an explanation of something in the protocol.

    `what` is a frame (a dict, a typed frame, or text or bytes as they crossed the wire), an action, a value
    of `flags`, an error code, or the name of any of these or of a member. With `max_message_size`, in bytes,
    the size of each message is compared with it.

    Raises `KeyError` for a name that the protocol does not have, `NotAFrame` for text that is not a frame.
    """
    if isinstance(what, Wire):
        return _frame(plain(what), type(what).__name__, max_message_size)
    if isinstance(what, dict):
        return _frame(cast("dict[str, Any]", what), "ProtocolMessage", max_message_size)
    if isinstance(what, Flag):
        return _flags(int(what))
    if isinstance(what, int):
        return _number(int(what))
    if isinstance(what, bytes) or what.lstrip().startswith(("{", "[")):
        value = read(what)
        if not isinstance(value, dict):
            raise NotAFrame(40000, "A frame is an object with an action")
        return _frame(cast("dict[str, Any]", value), "ProtocolMessage", max_message_size)
    text = what.strip()
    return _number(int(text)) if text.isascii() and text.isdigit() else _name(text)


def summary(frame: dict[str, Any]) -> str:
    """Return a frame in a few words, for a list of frames."""
    return "; ".join(filter(None, _summary(frame)))


def visible(text: str) -> str:
    """Return a text with control and direction characters as escapes, so that it can't disguise itself."""
    if text.isprintable():  # nearly all text is, and panels ask for every cell
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _summary(frame: dict[str, Any]) -> Iterator[str]:
    error = frame.get("error")
    if isinstance(error, dict):
        error = cast("dict[str, Any]", error)
        yield f"{error.get('code')} {str(error.get('message')).partition(' (See')[0]}"
    if isinstance(serial := frame.get("msgSerial"), int):
        count = frame.get("count")
        yield f"msgSerial {serial}" + (
            f" and {count - 1} more" if isinstance(count, int) and count > 1 else ""
        )
    for message in _dicts(frame.get("messages")):
        data = message.get("data", {k: v for k, v in message.items() if k not in meanings.MEMBERS["Message"]})
        name = message.get("name")
        yield f"{name}: {_brief(data)}" if name is not None else _brief(data)
    for member in _dicts(frame.get("presence")):
        yield f"{_enum_name('PresenceMessage', member.get('action'))} {member.get('clientId', '')}"
    if isinstance(flags := frame.get("flags"), int):
        yield ", ".join(name for name, _, _ in flag_bits(flags))
    if frame.get("action") == Action.CONNECTED:
        yield f"connection {frame.get('connectionId')}"
    if frame.get("action") == Action.HEARTBEAT and frame.get("id"):
        yield f"id {frame['id']}"


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else in_hex(value) if isinstance(value, bytes) else _json(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _dicts(value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def flag_bits(flags: int) -> list[tuple[str, int, Meaning]]:
    """Return the name, number and meaning of each bit set in `flags`. An unknown bit is named `bit N`."""
    bits: list[tuple[str, int, Meaning]] = []
    for bit in range(max(flags, 0).bit_length()):
        if flags >> bit & 1:
            known = Flag(1 << bit) if (1 << bit) in Flag.__members__.values() else None
            meaning = meanings.FLAGS[known] if known else Meaning("The protocol has no such flag.")
            bits.append((str(known.name) if known else f"bit {bit}", bit, meaning))
    return bits


def _frame(frame: dict[str, Any], type_name: str, limit: int | None = None) -> Explanation:
    rows = tuple(_members(type_name, frame, 0, limit))
    if type_name != "ProtocolMessage":
        return Explanation(type_name, "", rows)
    action = frame.get("action")
    if not isinstance(action, int) or isinstance(action, bool):
        return Explanation("No action", "A frame needs one: a number that says what it is for.", rows)
    meaning = _meaning_of_number("ProtocolMessage", "action", action)
    return Explanation(f"{name_of(action)} (action {action})", meaning.sentence, rows)


def _members(type_name: str, frame: dict[str, Any], depth: int, limit: int | None = None) -> Iterator[Row]:
    known = meanings.MEMBERS[type_name]
    for name, value in frame.items():
        meaning = known.get(name, NOT_KNOWN)
        inside = INSIDE.get((type_name, name))
        if (type_name, name) in NUMBERS and isinstance(value, int):
            said = _meaning_of_number(type_name, name, value) if depth else meaning
            yield Row(name, f"{value} = {_enum_name(type_name, value)}", said, depth)
        elif inside and isinstance(value, dict):
            yield Row(name, "", meaning, depth)
            yield from _members(inside, cast("dict[str, Any]", value), depth + 1)
        elif inside and isinstance(value, list):
            yield Row(name, f"[{len(cast('list[Any]', value))}]", meaning, depth)
            for index, item in enumerate(_dicts(value)):
                yield Row(f"{name}[{index}]", "", Meaning(""), depth + 1)
                yield from _members(inside, item, depth + 2)
                if inside == "Message" and limit:
                    for n, part in enumerate(anatomy.weight(item, limit)):
                        yield Row(*part, depth + 2 + (n > 0))
        else:
            yield Row(name, _value(name, value), meaning, depth)
            for part in anatomy.parts(type_name, name, value, frame.get("connectionId")):
                yield Row(part.name, redact(part.value), part.meaning, depth + 1)
            if name == "flags" and isinstance(value, int):
                for title, bit, said in flag_bits(value):
                    yield Row(title, f"{1 << bit}", said._replace(unit=f"bit {bit}"), depth + 1)
            if (type_name, name) == ("ErrorInfo", "code") and value in ERRORS:
                yield Row(ERRORS[value][0], "", Meaning(ERRORS[value][1]), depth + 1)


def _meaning_of_number(type_name: str, member: str, value: int) -> Meaning:
    enum, said = NUMBERS[type_name, member]
    try:
        return said[enum(value)]
    except ValueError:
        return Meaning("The protocol has no such action; a client ignores it.", "RTF1")


def _enum_name(type_name: str, value: Any) -> str:
    if type_name == "ProtocolMessage" and isinstance(value, int):
        return name_of(value)
    try:
        return NUMBERS[type_name, "action"][0](value).name
    except ValueError:
        return f"action {value}"


def _number(number: int) -> Explanation:
    if number in ERRORS:
        return _error(number)
    if number in Action.__members__.values():
        found = _action(Action(number))
        if number in Flag.__members__.values():
            also = ", ".join(name for name, _, _ in flag_bits(number))
            row = Row("as flags", str(number), Meaning(f"{also}."))
            return Explanation(found.title, found.sentence, (*found.rows, row))
        return found
    if number > 0 and all(1 << bit in Flag.__members__.values() for _, bit, _ in flag_bits(number)):
        return _flags(number)
    raise KeyError(f"{number} is not an action, flag or error code of the protocol")


def _action(action: Action) -> Explanation:
    meaning = meanings.ACTIONS[action]
    row = Row("action", str(int(action)), meaning._replace(sentence="What a frame carries to say so."))
    return Explanation(f"{action.name} (action {int(action)})", meaning.sentence, (row,))


def _flags(flags: int) -> Explanation:
    rows = [
        Row(name, f"{1 << bit}", meaning._replace(unit=f"bit {bit}"))
        for name, bit, meaning in flag_bits(flags)
    ]
    return Explanation(f"flags {flags}", f"{flags:#x}, with these bits set:", tuple(rows))


def _error(code: int) -> Explanation:
    identifier, sentence = ERRORS[code]
    rows = (
        Row("code", str(code), Meaning(identifier)),
        Row("statusCode", str(status_of(code)), Meaning("Its kind, as an HTTP status.", "TI1")),
        Row("href", href(code), Meaning("A page that says more about it.", "TI4")),
    )
    return Explanation(f"Error {code}: {title_of(code)}", sentence, rows)


def _name(text: str) -> Explanation:
    key = text.replace("-", "_")
    if key.upper() in Action.__members__:
        found = _action(Action[key.upper()])
        if key.upper() in Flag.__members__:
            flag = _flags(int(Flag[key.upper()]))
            return Explanation(found.title, found.sentence, (*found.rows, *flag.rows))
        return found
    if key.upper() in Flag.__members__:
        return _flags(int(Flag[key.upper()]))
    for code, (identifier, _) in ERRORS.items():
        if identifier == key.lower():
            return _error(code)
    rows = tuple(
        Row(f"{type.__name__}.{name}", "", meaning)
        for type in TYPES
        for name, meaning in meanings.MEMBERS[type.__name__].items()
        if name.lower() == text.lower()
    )
    if not rows:
        raise KeyError(
            f"{text!r} is not an action, flag, member or error of the protocol{_did_you_mean(text)}"
        )
    return Explanation(rows[0].name.partition(".")[2], "A member of frames.", rows)


def _did_you_mean(text: str) -> str:
    """Return a question for the end of an error, if some name of the protocol is similar to `text`."""
    names = [*Action.__members__, *Flag.__members__, *(identifier for identifier, _ in ERRORS.values())]
    names += [name for type in TYPES for name in meanings.MEMBERS[type.__name__]]
    known = {name.lower(): name for name in names}
    found = get_close_matches(text.lower().replace("-", "_"), known, n=3, cutoff=0.7)
    return f". Did you mean {' or '.join(known[name] for name in found)}?" if found else ""


def _value(name: str, value: Any) -> str:
    if name == "accessToken":
        return starred(str(value))
    if isinstance(value, bytes):
        return in_hex(value)
    text = value if isinstance(value, str) else _json(value)
    if isinstance(value, int) and not isinstance(value, bool):
        text += _in_words(name, value)
    text = redact(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _in_words(name: str, value: int) -> str:
    """Return a time as a date, a duration in seconds or a size in KiB; empty for other numbers."""
    if name == "timestamp":
        moment = anatomy.clock(value)
        return f" = {moment}" if moment else ""
    if name in ("connectionStateTtl", "maxIdleInterval", "objectsGCGracePeriod"):
        return f" = {value / 1000:g} s"
    if name in ("maxMessageSize", "maxFrameSize") and value >= 1024:
        return f" = {value / 1024:g} KiB"
    return ""


def in_hex(value: Any) -> str:
    """Return how many bytes there are and the first 16 in hex. Any other value is returned as its `repr`."""
    if not isinstance(value, bytes):
        return repr(value)
    if not value:
        return "empty"
    count = "1 byte" if len(value) == 1 else f"{len(value)} bytes"
    return f"{count}: {value[:16].hex(' ')}{' …' if len(value) > 16 else ''}"


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=in_hex)
    except (ValueError, RecursionError, TypeError):
        return repr(value)


def _detail(meaning: Meaning) -> str:
    return " · ".join(filter(None, (meaning.unit, meaning.clause)))


def _text(value: str) -> str:
    return escape(visible(value))
