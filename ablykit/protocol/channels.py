"""Channel names: the rules for them, and the qualifier and params in the brackets before them."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl

from ablykit.protocol.errors import AblyError

LONGEST = 2_048
"""The most characters in a name. Ably's documentation advises to stay below this, since names go into
URLs."""

_SHAPE = re.compile(r"\[([^\]?]*)(?:\?([^\]]*))?\](.*)", re.S)


@dataclass(frozen=True)
class ChannelName:
    """A channel's name in its parts: `[qualifier?params]base`."""

    base: str
    qualifier: str = ""
    params: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    filter: str = ""
    """The expression in `[filter=BASE64]`, which lets only some messages through; empty without a filter."""

    @classmethod
    @lru_cache(maxsize=1_000)  # every publish names its channel, usually one of a few
    def parse(cls, name: str) -> "ChannelName":
        """Return a channel name in its parts. Raises `AblyError` 40010 if it breaks a rule."""
        if len(name) > LONGEST:
            raise _invalid(name, f"it is longer than {LONGEST} characters")
        qualifier, params, base = "", "", name
        if name.startswith("["):
            shape = _SHAPE.fullmatch(name)
            if shape is None:
                raise _invalid(name, "its '[' is never closed")
            qualifier, params, base = shape[1], shape[2] or "", shape[3]
        if not base:
            raise _invalid(name, "it is empty")
        if base.startswith(":"):
            raise _invalid(name, "it starts with ':'")
        if base == "*":
            raise _invalid(name, "'*' means all channels in a capability, and is no channel's name")
        if "\n" in name or "\r" in name:
            raise _invalid(name, "it contains a line break")
        given = dict(parse_qsl(params, keep_blank_values=True))
        if qualifier.startswith("filter="):
            return cls(base, "", given, _filter(name, qualifier.removeprefix("filter=")))
        return cls(base, qualifier, given)

    @property
    def is_meta(self) -> bool:
        """Whether it is a metachannel, on which only the service publishes."""
        return self.qualifier == "meta"

    @property
    def identity(self) -> str:
        """The name of the channel itself, without the params, which concern one attachment only."""
        return f"[{self.qualifier}]{self.base}" if self.qualifier else self.base


def _filter(name: str, text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:  # binascii.Error, what is not ASCII, and bytes that are not UTF-8
        raise _invalid(name, "its filter must be text encoded as base64") from None


def _invalid(name: str, why: str) -> AblyError:
    return AblyError(40010, f"Invalid channel name {name[:80]!r}: {why}")
