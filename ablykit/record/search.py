"""The search language: terms and words, and after `?` a JMESPath expression.

    action:MESSAGE dir:in channel:chat* size>1k hello ?messages[?name=='greeting']

`ablykit show --search` asks it here. The inspector's page asks its rows by itself, in `panels/search.js`, so
that 100,000 of them are searched while one types; only the expression is asked here for it. `TERMS` is the
language as data for both, and `tests/search_examples.json` holds both to the same answers.
"""

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from ablykit.protocol.expression import Expression
from ablykit.record.reading import lint, pairs
from ablykit.record.transcript import Entry, Transcript


class Term(NamedTuple):
    """A key that can be searched by."""

    key: str
    example: str
    says: str
    """What the example finds."""
    another: str = ""
    """A second example, named in errors."""
    values: tuple[str, ...] = ()
    """The possible values; empty if any value is possible."""
    signs: str = ":"
    """The operators that may stand between key and value."""


TERMS = (
    Term("action", "action:MESSAGE", "Frames with this action."),
    Term("channel", "channel:chat*", "Frames about this channel. * stands for any characters."),
    Term("code", "code:40160", "Frames with this error code.", another="code:401*"),
    Term("dir", "dir:in", "What was received; dir:out finds what was sent.", values=("in", "out")),
    Term("from", "from:client*", "What this connection sent and received, by its name."),
    Term("is", "is:broken", "Frames that break a rule.", values=("broken", "error", "unanswered", "ping")),
    Term(
        "size",
        "size>1k",
        "Frames of more than 1,024 bytes; size<200 finds those of fewer than 200.",
        "size<200",
        (),
        "<>",
    ),
)

LANGUAGE = (
    *((term.example, term.says) for term in TERMS),
    ("is:error", "Frames that carry an error."),
    ("is:unanswered", "Frames that still wait for their answer."),
    ("is:ping", "WebSocket pings and pongs, which panels hide until asked for them."),
    ("hello", "Frames with this text in their action, channel or summary."),
    ('"two words"', "Text with spaces or a colon in it: put it in quotes."),
    ("-dir:in", "A minus before any of these finds everything else."),
    ("?error.code", "Frames in which a JMESPath expression finds something. It comes last."),
)
"""The search language for help texts: an example, and what it finds."""

_WORD = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')
_TERM = re.compile(r"([a-z]+)([:<>])(?!//)(.*)", re.IGNORECASE | re.DOTALL)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([km]?)", re.IGNORECASE | re.ASCII)
_CODE = re.compile(r"[\d*]+", re.ASCII)
_UNITS = {"": 1, "k": 1024, "m": 1024**2}


@dataclass(frozen=True)
class Known:
    """What an entry alone can't say: the numbers of those that break a rule, and of those unanswered."""

    broken: Container[int] = ()
    waiting: Container[int] = ()


Test = Callable[[Entry, Known], bool]


class Search:
    """A search as it was typed. It finds an entry when each of its parts does.

    Raises `ValueError`, saying what to write instead, for an unknown key, a value that its key can't
    have, and text after `?` that is no JMESPath expression.
    """

    def __init__(self, typed: str) -> None:
        self._tests: list[Test] = []
        self.expression = ""
        """The expression after the `?`."""
        for found in _WORD.finditer(typed):
            word = found[0]
            if word.startswith("?"):
                self.expression = typed[found.start() + 1 :].strip()
                break
            self._tests.append(_without(_test(word[1:])) if word[0] == "-" and word[1:] else _test(word))
        if self.expression:
            self._tests.append(_in_frame(self.expression))

    def finds(self, entry: Entry, known: Known = Known()) -> bool:
        """Return whether the search finds an entry."""
        return all(test(entry, known) for test in self._tests)


def search(entries: Iterable[Entry], typed: str) -> list[Entry]:
    """Return the entries of a transcript that a search finds. Raises `ValueError`, as `Search` does."""
    asked, source = Search(typed), entries if isinstance(entries, Transcript) else list(entries)
    waiting = {pair.ask.number for pair in pairs(source) if pair.answer is None}
    known = Known({finding.entry.number for finding in lint(source)}, waiting)
    return [entry for entry in source if asked.finds(entry, known)]


def error_code(entry: Entry) -> int | str | None:
    """Return the code of the error that a frame carries; None without an error."""
    error: Any = (entry.frame or {}).get("error")
    code: Any = error.get("code") if isinstance(error, dict) else None  # type: ignore[reportUnknownMemberType]
    return code if isinstance(code, int | str) else None


def _test(word: str) -> Test:
    parts, text = _TERM.fullmatch(word), word.replace('"', "")
    if parts is None:  # a word, or a URL
        return _has_text(text)
    key, sign, value = parts[1].lower(), parts[2], parts[3].replace('"', "")
    term = next((term for term in TERMS if term.key == key), None)
    if term is None:
        if sign != ":":
            return _has_text(text)
        keys = ", ".join(term.key for term in TERMS)
        raise ValueError(
            f"There is no search key {key}. The keys are {keys}. "
            f'To search for the text, put it in quotes: "{text}"'
        )
    if sign not in term.signs or not value:
        _refuse(text, term)
    return _MAKE[key](sign, value, term, text)


def _refuse(text: str, term: Term) -> NoReturn:
    examples = [f"{term.key}:{value}" for value in term.values] or [term.example, term.another]
    raise ValueError(f"{text} can't be searched for. Write {' or '.join(filter(None, examples))}")


def _without(test: Test) -> Test:
    return lambda entry, known: not test(entry, known)


def _has_text(text: str) -> Test:
    low = text.lower()
    return lambda entry, _: low in f"{entry.action} {entry.channel} {entry.summary}".lower()


def _in_frame(text: str) -> Test:
    try:
        expression = Expression(text)
    except ValueError as error:
        said = str(error).removeprefix("Invalid jmespath expression: ")
        raise ValueError(f"Not a JMESPath expression: {said}") from None
    return lambda entry, _: bool(entry.frame) and expression.finds(entry.frame)


def _like(of: Callable[[Entry], str]) -> Callable[[str, str, Term, str], Test]:
    """Return a test of an entry by a pattern, in which * stands for anything."""

    def make(_: str, pattern: str, term: Term, text: str) -> Test:
        whole = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE | re.DOTALL).fullmatch
        if term.values and not any(map(whole, term.values)):
            _refuse(text, term)
        return lambda entry, _: whole(of(entry)) is not None

    return make


def _code(sign: str, value: str, term: Term, text: str) -> Test:
    if not _CODE.fullmatch(value):
        _refuse(text, term)
    return _like(lambda entry: "" if (code := error_code(entry)) is None else str(code))(
        sign, value, term, text
    )


def _is(_: str, value: str, term: Term, text: str) -> Test:
    return _STATES.get(value.lower()) or _refuse(text, term)


def _size(sign: str, value: str, term: Term, text: str) -> Test:
    number = _SIZE.fullmatch(value) or _refuse(text, term)
    limit = float(number[1]) * _UNITS[number[2].lower()]
    if sign == ">":
        return lambda entry, _: entry.kind == "frame" and entry.size > limit
    return lambda entry, _: entry.kind == "frame" and entry.size < limit


_STATES: dict[str, Test] = {
    "broken": lambda entry, known: entry.number in known.broken,
    "error": lambda entry, _: error_code(entry) is not None,
    "unanswered": lambda entry, known: entry.number in known.waiting,
    "ping": lambda entry, _: entry.is_ping,
}

_MAKE: dict[str, Callable[[str, str, Term, str], Test]] = {
    "action": _like(lambda entry: entry.action),
    "channel": _like(lambda entry: entry.channel),
    "code": _code,
    "dir": _like(lambda entry: entry.direction),
    "from": _like(lambda entry: entry.connection),
    "is": _is,
    "size": _size,
}
