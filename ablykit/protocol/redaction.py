"""Redaction: replace secrets by `****` in everything that is printed, recorded or logged.

`redact` takes text and `redact_binary` takes MessagePack. A secret is recognised in three ways:

- it was remembered (`credentials.remember`);
- it is in a place for secrets: a query parameter, a member of JSON or MessagePack, a header, the user of a
URL;
- it has the form of an API key or a JWT.

    redact("wss://h/?key=app.id:secret&v=5")        # 'wss://h/?key=app.id:****&v=5'

Names are compared by their meaning, however they are written: `k%65y` is `key`, and `"access\\u0054oken"` is
`accessToken`.

All of this takes time in proportion to the text, even for a text made to slow it down: no pattern goes back
over what it has matched. That is what the possessive `++` in them is for. Most frames contain no secret, and
pass after a search for a few words.

When in doubt, redact: a secret must never be shown, while a star too many does little harm.
"""

import json
import logging
import re
from collections.abc import Iterator
from urllib.parse import unquote

from ablykit.protocol.credentials import STARS, known_secrets

TOKENS = frozenset({"accesstoken", "access_token", "token", "keysecret"})
"""The names, in lower case, whose whole value is a secret."""

KEYS = frozenset({"key", "keystr"})
"""The names whose value is an API key: only its secret part is redacted."""

_MARKS = ("token", "key", "basic", "bearer", "eyj", "://", "%", "\\u")
"""A text that contains none of these, in lower case, can have no secrets except remembered ones."""

_JWT = re.compile(r"((?<![\w-])eyJ[\w-]++\.[\w-]++\.)[\w-]++")
_PARAM = re.compile(r"((?:[?&;]|^)([\w%.-]{1,60}+)=)([^&;\s\"'<>]++)")
_MEMBER = re.compile(r"([\"'])((?:[^\"'\\]|\\.){1,200}+)\1\s{0,20}+:\s{0,20}+")
_STRING = {quote_: re.compile(rf"{quote_}((?:[^{quote_}\\]|\\.)*+){quote_}") for quote_ in "\"'"}
_HEADER = re.compile(
    r"\b((?:basic|bearer)\s{1,5}+)(?=[A-Za-z+/~-]{0,500}+[0-9=._]|[A-Za-z+/~-]{20})([A-Za-z0-9+/=._~-]{8,}+)",
    re.I,
)
_USER = re.compile(r"(//[^/\s:@\"'<>?#]{1,200}+:)([^@/\s\"'<>]{1,500}+)(?=@)")
_PATH = re.compile(r"((?<!/)/[\w-]{1,60}+(?:\.|%2E)[\w-]{1,60}+(?::|%3A))([^/?#\s\"'<>]++)", re.I)
_KEY = re.compile(r"([^.:%\s]++(?:\.|%2E)[^:%\s]++(?::|%3A))(.+)", re.I | re.S)


def redact(text: str) -> str:
    """Return a text with every secret in it replaced by `****`. Of a JWT, only the signature is a secret."""
    for secret in known_secrets():
        if secret in text:
            text = text.replace(secret, STARS)
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return text
    text = _members(text)
    text = _PARAM.sub(_param, text)
    for shape in (_HEADER, _USER, _PATH):
        text = shape.sub(lambda found: found[1] + starred(found[2]), text)
    return _JWT.sub(rf"\1{re.escape(STARS)}".replace("\\*", "*"), text)


def starred(token: str) -> str:
    """Return a token redacted: stars, but a JWT keeps its header and claims, which anyone could read."""
    found = _JWT.fullmatch(token)
    return f"{found[1]}{STARS}" if found else STARS


def _as_shown(name: str, value: str) -> str:
    """Return the redacted value of a member or parameter with this name."""
    if name in TOKENS:
        return starred(value) if value else value
    found = _KEY.fullmatch(value)
    return f"{found[1]}{STARS}" if found else value


def _param(found: re.Match[str]) -> str:
    name = unquote(found[2]).lower()
    return found[1] + _as_shown(name, found[3]) if name in TOKENS | KEYS else found[0]


def _members(text: str) -> str:
    """Return a text with the values of secret members redacted, in JSON or in a printed dict."""
    parts: list[str] = []
    at = 0
    for member in _MEMBER.finditer(text):
        # A path, such as "auth.accessToken", means what its last step means.
        if member.start() < at or (name := _plain(member[2]).rpartition(".")[2]) not in TOKENS | KEYS:
            continue
        end = _end_of_list(text, member.end()) if text[member.end() : member.end() + 1] == "[" else None
        start = member.end()
        if end is not None:
            strings = re.compile(_STRING['"'].pattern).sub(
                lambda found, name=name: f'"{_as_shown(name, found[1])}"', text[start:end]
            )
            parts += [text[at:start], strings]
            at = end
        elif value := _string_at(text, start):
            mark = value[0][0]
            parts += [text[at:start], mark, _as_shown(name, value[1]), mark]
            at = value.end()
    return "".join([*parts, text[at:]])


def _string_at(text: str, at: int) -> re.Match[str] | None:
    shape = _STRING.get(text[at : at + 1])
    return shape.match(text, at) if shape else None


def _end_of_list(text: str, at: int) -> int | None:
    """Return where the list that starts here ends, if there is no list inside it. Brackets in strings don't
    count."""
    end = at + 1
    while end < len(text) and text[end] != "]":
        string = _string_at(text, end)
        end = string.end() if string else end + 1
    return end


def _plain(name: str) -> str:
    """Return a member's name without escapes, in lower case."""
    if "\\" in name:
        try:
            name = str(json.loads(f'"{name}"'))
        except ValueError:
            return name
    return name.lower()


# -- MessagePack


def redact_binary(raw: bytes) -> bytes:
    """Return MessagePack with each secret replaced by as many stars as it has bytes, so that no length
    changes."""
    for secret in map(str.encode, known_secrets()):
        raw = raw.replace(secret, b"*" * len(secret))
    lowered = raw.lower()
    if not (b"token" in lowered or b"key" in lowered):
        return raw
    shown = bytearray(raw)
    for start, end, name in _secrets_in(raw):
        value = raw[start:end].decode("latin-1")
        kept = _as_shown(name, value).removesuffix(STARS)
        if kept != value:
            shown[start:end] = kept.encode("latin-1").ljust(end - start, b"*")
    return bytes(shown)


def _secrets_in(raw: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield the start, end and name of each string or binary value that has a secret name.

    It reads MessagePack without building values, since the bytes may be cut off or not MessagePack at all.
    """
    # For each open map or array: how many values are still to come, whether it is a map, the name of the next
    # value (None while a name comes next), and the secret name that everything inside it belongs to, if any.
    open_: list[tuple[int, bool, str | None, str | None]] = []
    at = 0
    while at < len(raw):
        kind, start, end, count = _token(raw, at)
        at = end
        left, is_map, named, under = open_.pop() if open_ else (1, False, None, None)
        is_name = is_map and named is None
        own = under or (named if named in TOKENS | KEYS else None)
        text = raw[start:end].decode("latin-1").lower() if kind == "text" else ""
        if kind == "text" and own and not is_name:
            yield start, end, own
        if left > 1 or is_name:
            open_.append((left - (not is_name), is_map, text if is_name else None, under))
        if kind in ("map", "array") and count:
            open_.append((count, kind == "map", None, own))


def _token(raw: bytes, at: int) -> tuple[str, int, int, int]:
    """Return the kind of the value at `at`, the start and end of its content, and how many values it
    contains.

    A text that is cut off ends where the bytes end, and so does anything that is not MessagePack.
    """
    head = raw[at]
    if head <= 0x7F or head >= 0xE0 or head in (0xC0, 0xC1, 0xC2, 0xC3):
        return "other", at + 1, at + 1, 0
    if head <= 0x8F:
        return "map", at + 1, at + 1, head & 0x0F
    if head <= 0x9F:
        return "array", at + 1, at + 1, head & 0x0F
    if head <= 0xBF:
        return "text", at + 1, min(at + 1 + (head & 0x1F), len(raw)), 0
    kind, width, extra = _HEADS[head]
    start = at + 1 + width
    size = int.from_bytes(raw[at + 1 : start], "big")
    if kind in ("map", "array"):
        return kind, start, start, size
    end = start + (size if width else 0) + extra
    return kind, start, min(end, len(raw)), 0


_HEADS: dict[int, tuple[str, int, int]] = {
    **{0xC4 + n: ("text", 1 << n, 0) for n in range(3)},  # binary
    **{0xC7 + n: ("other", 1 << n, 1) for n in range(3)},  # extensions
    0xCA: ("other", 0, 4),
    0xCB: ("other", 0, 8),
    **{0xCC + n: ("other", 0, 1 << n) for n in range(4)},
    **{0xD0 + n: ("other", 0, 1 << n) for n in range(4)},
    **{0xD4 + n: ("other", 0, 1 + (1 << n)) for n in range(5)},
    **{0xD9 + n: ("text", 1 << n, 0) for n in range(3)},
    0xDC: ("array", 2, 0),
    0xDD: ("array", 4, 0),
    0xDE: ("map", 2, 0),
    0xDF: ("map", 4, 0),
}
"""For each first byte of a value with a length or a fixed size: its kind, how many bytes hold the length, and
how many more bytes follow."""


# -- logs


class RedactSecrets(logging.Filter):
    """A logging filter that lets every record through, with its secrets replaced by `****`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact one record and return true."""
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def quiet_logger(name: str) -> logging.Logger:
    """Return the logger with this name. It redacts secrets before any handler sees a record."""
    logger = logging.getLogger(name)
    if not any(isinstance(f, RedactSecrets) for f in logger.filters):
        logger.addFilter(RedactSecrets())
    return logger
