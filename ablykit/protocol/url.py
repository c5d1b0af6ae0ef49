"""The URL of a connection and the parameters in its query (RTN2)."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from ablykit.protocol.codec import Format
from ablykit.protocol.errors import AblyError

DEFAULT_ENDPOINT = "main.realtime.ably.net"
"""The host of the real Ably (REC1a)."""


@dataclass(frozen=True)
class ConnectionParams:
    """The parameters of a connection. Absent parameters have their defaults."""

    key: str | None = None
    access_token: str | None = None
    client_id: str | None = None
    format: Format = Format.JSON
    heartbeats: bool = True
    echo: bool = True
    v: int | None = None
    agent: str | None = None
    resume: str | None = None
    recover: str | None = None
    remain_present_for: int = 15_000

    @property
    def modern(self) -> bool:
        """Whether the client speaks protocol v2 or later. Everywhere in the kit, *modern* means this.

        A connection without `v`, or with `v=1`, gets the protocol as it was in 2021: that is what the
        article sends, and what one types by hand.
        """
        return self.v is not None and self.v >= 2


def parse_query(query: str) -> ConnectionParams:
    """Return the parameters in the query of a connection's URL. Unknown parameters are ignored.

    Raises `AblyError` 40003 for an invalid value, 40017 for an invalid protocol version.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    return ConnectionParams(
        key=given.get("key"),
        access_token=given.get("accessToken", given.get("access_token")),
        client_id=given.get("clientId"),
        format=_format(given.get("format", "json")),
        heartbeats=_boolean("heartbeats", given.get("heartbeats", "true")),
        echo=_boolean("echo", given.get("echo", "true")),
        v=version_of(given["v"]) if "v" in given else None,
        agent=given.get("agent", given.get("lib")),
        resume=given.get("resume"),
        recover=given.get("recover"),
        remain_present_for=_milliseconds("remainPresentFor", given.get("remainPresentFor", "15000")),
    )


def format_of(query: str) -> Format:
    """Return the format in a query, which may be otherwise invalid; JSON unless it is MessagePack."""
    asked = dict(parse_qsl(query, keep_blank_values=True)).get("format")
    return Format.MSGPACK if asked == Format.MSGPACK.value else Format.JSON


def connection_url(base: str, **params: Any) -> str:
    """Return the URL `base` with parameters added to its query, in the given order.

    Values may be text, numbers, booleans or an `ApiKey`, whose secret is written as stars (see
    `credentials.reveal`).
    """
    parts = urlsplit(base)
    added = "&".join(f"{name}={_write(value)}" for name, value in params.items())
    query = "&".join(filter(None, (parts.query, added)))
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def _write(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else quote(str(value), safe=":*,")


def _format(text: str) -> Format:
    try:
        return Format(text)
    except ValueError:
        raise AblyError(40003, f"format must be json or msgpack, not {text[:40]!r}") from None


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise AblyError(40003, f"{name} must be true or false, not {text[:40]!r}")
    return text.lower() == "true"


def version_of(text: str) -> int:
    """Return a protocol version as a number (CSV2). Raises `AblyError` 40017 for text that is not a
    version."""
    major, dot, minor = text.partition(".")  # versions up to 1.2 had two parts
    parts = (major, minor) if dot else (major,)
    is_number = all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts)
    if not is_number or int(major) < 1:
        raise AblyError(40017, f"v must be a protocol version of 1 or above, not {text[:40]!r}", 400)
    return int(major)


def _milliseconds(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise AblyError(40003, f"{name} must be a number of milliseconds, not {text[:40]!r}")
    return int(text)
