"""Channel names: what they may look like, and what stands in the brackets before them."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl

from ablykit.protocol.errors import AblyError

LONGEST = 2_048
"""The most characters in a name. Ably's documentation advises to stay below that: names are put in URLs."""

_SHAPE = re.compile(r"\[([^\]?]*)(?:\?([^\]]*))?\](.*)", re.S)


@dataclass(frozen=True)
class ChannelName:
    """A channel's name, taken apart: `[qualifier?params]base`."""

    base: str
    qualifier: str = ""
    params: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    filter: str = ""
    """The expression in `[filter=BASE64]`: only messages it finds are wanted; empty for all."""

    @classmethod
    @lru_cache(maxsize=1_000)  # each publish names its channel, and most name one of a few
    def parse(cls, name: str) -> "ChannelName":
        """Return the parts of `name`. Raises `AblyError` 40010 when it breaks a naming rule."""
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
            raise _invalid(name, "'*' stands for all channels and names none")
        if "\n" in name or "\r" in name:
            raise _invalid(name, "it contains a line break")
        given = dict(parse_qsl(params, keep_blank_values=True))
        if qualifier.startswith("filter="):
            return cls(base, "", given, _filter(name, qualifier.removeprefix("filter=")))
        return cls(base, qualifier, given)

    @property
    def is_meta(self) -> bool:
        """Whether it is a metachannel, which only the service publishes on."""
        return self.qualifier == "meta"

    @property
    def identity(self) -> str:
        """The name of the channel itself: params are a client's own business."""
        return f"[{self.qualifier}]{self.base}" if self.qualifier else self.base


def _filter(name: str, text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:  # binascii.Error, what is not ASCII, and bytes that are not UTF-8
        raise _invalid(name, "its filter is no text in base64") from None


def _invalid(name: str, why: str) -> AblyError:
    return AblyError(40010, f"Invalid channel name {name[:80]!r}: {why}")
