"""API keys and what they allow; and how their secrets are kept out of sight.

A secret is shown as `****` wherever anything is printed. A URL with the stars in it still works:
`reveal` fills them in on the way to the socket, from the keys this process was told to `remember`.
"""

import hmac
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from ablykit.protocol.channels import ChannelName
from ablykit.protocol.codec import Format, NotAFrame, read
from ablykit.protocol.errors import AblyError

STARS = "****"
"""What stands for a secret wherever it is shown."""

OPERATIONS = frozenset(
    [
        "publish",
        "subscribe",
        "presence",
        "history",
        "channel-metadata",
        "stats",
        "push-admin",
        "push-subscribe",
        "object-subscribe",
        "object-publish",
        "annotation-publish",
        "annotation-subscribe",
        "message-update-own",
        "message-update-any",
        "message-delete-own",
        "message-delete-any",
        "privileged-headers",
    ]
)
"""Everything a capability can grant, besides `*` for all of it."""


@dataclass(frozen=True)
class ApiKey:
    """An API key, `APPID.KEYID:SECRET`. Printing it never shows the secret; `reveal()` does."""

    app_id: str
    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "ApiKey":
        """The key that `text` spells. Raises `AblyError` 40005 when it is not of a key's form."""
        name, colon, secret = text.partition(":")
        app_id, dot, key_id = name.partition(".")
        if not (colon and dot and app_id and key_id and secret):
            raise AblyError(40005, f"Not an API key: {_shape(text)}; it reads APPID.KEYID:SECRET", 400)
        return cls(app_id, key_id, secret)

    @property
    def name(self) -> str:
        """The public part, `APPID.KEYID`."""
        return f"{self.app_id}.{self.key_id}"

    def matches(self, secret: str) -> bool:
        """Whether `secret` is this key's, compared in constant time."""
        return hmac.compare_digest(self.secret.encode(), secret.encode())

    def reveal(self) -> str:
        """The whole key, secret included. For the wire only, never for a screen."""
        return f"{self.name}:{self.secret}"

    def __str__(self) -> str:
        return f"{self.name}:{STARS}"

    def __repr__(self) -> str:
        return f"ApiKey('{self}')"


_ID = re.compile(r"[A-Za-z0-9_-]{6,}")


def is_id(text: str) -> bool:
    """Return whether text looks like the id of an app or a key, which Ably makes of 6 such characters."""
    return _ID.fullmatch(text) is not None


def _shape(text: str) -> str:
    """What can be said of a malformed key without repeating it."""
    if not text:
        return "it is empty"
    if ":" not in text:
        return "there is no ':' before a secret"
    if "." not in text.partition(":")[0]:
        return "there is no '.' between app and key id"
    return "a part of it is empty"


_remembered: dict[str, ApiKey] = {}
_VARIABLES = ("ABLY_API_KEY", "ABLY_LIMITED_KEY")


def remember(key: ApiKey) -> None:
    """Keep a key of one's own: from now on `redaction.redact` hides it and `reveal` can fill it in."""
    _remembered[key.name] = key
    known_secrets.cache_clear()


def forget(key: ApiKey) -> None:
    """Undo `remember`."""
    _remembered.pop(key.name, None)
    known_secrets.cache_clear()


def known_keys() -> dict[str, ApiKey]:
    """The keys this process knows, by name: those remembered, and `ABLY_API_KEY`'s."""
    known = dict(_remembered)
    for variable in _VARIABLES:
        if (text := os.environ.get(variable)) and (key := _key_in(text)):
            known.setdefault(key.name, key)
    return known


@lru_cache
def _key_in(text: str) -> ApiKey | None:
    try:
        return ApiKey.parse(text)
    except AblyError:
        return None


@lru_cache(maxsize=1)
def known_secrets() -> tuple[str, ...]:
    """Each secret as it is, and as it stands in a URL. Asked for every frame, so it is kept until a key
    is remembered or forgotten."""
    return tuple({form for key in known_keys().values() for form in (key.secret, quote(key.secret))})


def reveal(url: str, keys: dict[str, ApiKey] | None = None) -> str:
    """`url` with `APPID.KEYID:****` filled in, for a key this process (or `keys`) knows.

    Raises `AblyError` 40101 when there are stars and the key is not known.
    """
    shown = re.search(r"([?&]key=)([^&:]+):\*{4}(?=&|$)", url)
    if not shown:
        return url
    key = (known_keys() | (keys or {})).get(shown[2])
    if key is None:
        raise AblyError(40101, f"The secret of {shown[2]} is not known here: put it where the stars are")
    return f"{url[: shown.start()]}{shown[1]}{key.name}:{quote(key.secret)}{url[shown.end() :]}"


class _Shape(NamedTuple):
    """Where the stars of a resource stand."""

    any_qualifier: bool
    length: int
    """How many segments it has, without a star at its end."""
    is_open: bool
    """Whether there is one: for all that is longer."""
    fixed: tuple[int, ...]
    """Which segments are not stars."""

    @classmethod
    def of(cls, qualifier: str, base: str) -> "_Shape":
        segments = base.split(":")
        if is_open := segments[-1] == "*":
            segments.pop()
        fixed = tuple(place for place, segment in enumerate(segments) if segment != "*")
        return cls(qualifier == "*", len(segments), is_open, fixed)

    def has_room(self, length: int) -> bool:
        return length > self.length if self.is_open else length == self.length

    def key(self, qualifier: str, segments: Sequence[str]) -> tuple[str, ...]:
        """What must be the same in all that a resource of this shape covers."""
        return ("*" if self.any_qualifier else qualifier, *[segments[place] for place in self.fixed])


MOST_STEPS = 1_000_000
"""How many segments may be compared to intersect two capabilities: far less than a second's work."""


@dataclass(frozen=True)
class Capability:
    """What a key allows: resource -> operations.

    A resource is a channel name, `ns:*` for all below a namespace, `*` for all; a `*` between
    colons matches one segment. `[*]` before it matches any qualifier, such as `[meta]`.
    """

    grants: dict[str, tuple[str, ...]]

    @classmethod
    def parse(cls, value: object) -> "Capability":
        """From JSON text or a dict; None allows everything. Raises `AblyError` 40000 if malformed."""
        if value is None:
            return cls({"*": ("*",)})
        if isinstance(value, str):
            try:
                value = read(value, Format.JSON)
            except NotAFrame as error:
                raise AblyError(40000, f"A capability is JSON: {error.message}") from error
        if not isinstance(value, dict):
            raise AblyError(40000, "A capability is an object: resource -> list of operations")
        return cls({str(r): _operations(str(r), ops) for r, ops in value.items()})  # type: ignore[reportUnknownVariableType]

    def canonical(self) -> str:
        """The one way to write it: JSON with resources and operations in order, without white space."""
        ordered = {resource: sorted(self.grants[resource]) for resource in sorted(self.grants)}
        return json.dumps(ordered, separators=(",", ":"), ensure_ascii=False)

    def within(self, other: "Capability") -> "Capability":
        """What both allow: for each pair of resources of which one lies in the other, the narrower one.

        Raises `AblyError` 40000 for more than `MOST_STEPS`.
        """
        pairs = ((self, other), (other, self))
        if sum(len(narrow.grants) * wide._steps for narrow, wide in pairs) > MOST_STEPS:
            raise AblyError(
                40000, "The capability has too many resources, or too many with stars between colons"
            )
        found: dict[str, set[str]] = {}
        for narrow, wide in pairs:
            for resource, operations in narrow.grants.items():
                allowed = chain.from_iterable(map(wide.grants.__getitem__, wide._covering(*_split(resource))))
                if both := _both(set(operations), set(allowed)):
                    found.setdefault(resource, set()).update(both)
        return Capability(
            {resource: ("*",) if "*" in ops else tuple(sorted(ops)) for resource, ops in found.items()}
        )

    def matching(self, channel: ChannelName) -> "dict[str, tuple[str, ...]]":
        """The resources that match a channel, each with its operations."""
        matching = set(self._covering(channel.qualifier, channel.base))
        return {resource: ops for resource, ops in self.grants.items() if resource in matching}

    def operations(self, channel: ChannelName) -> frozenset[str]:
        """All that is allowed on a channel: the union over every resource that matches it."""
        matching = self._covering(channel.qualifier, channel.base)
        granted = frozenset(chain.from_iterable(self.grants[resource] for resource in matching))
        return OPERATIONS if "*" in granted else granted

    @cached_property
    def _by_shape(self) -> "dict[_Shape, dict[tuple[str, ...], list[str]]]":
        """The resources by where their stars stand, and by what stands elsewhere.

        So those that cover a resource are found by one look-up for each shape there is, of which a capability
        has few, and not by a comparison with each of its resources, of which it may have thousands.
        """
        found: dict[_Shape, dict[tuple[str, ...], list[str]]] = {}
        for resource in self.grants:
            qualifier, base = _split(resource)
            shape, segments = _Shape.of(qualifier, base), base.split(":")
            found.setdefault(shape, {}).setdefault(shape.key(qualifier, segments), []).append(resource)
        return found

    @property
    def _steps(self) -> int:
        """How many segments `_covering` looks at, at the most."""
        return sum(1 + len(shape.fixed) for shape in self._by_shape)

    def _covering(self, qualifier: str, base: str) -> "Iterator[str]":
        """The resources that every channel of another resource, or this one channel, is in."""
        segments = base.split(":")
        for shape, resources in self._by_shape.items():
            if shape.has_room(len(segments)):
                yield from resources.get(shape.key(qualifier, segments), ())


def _operations(resource: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise AblyError(40000, f"The operations of {resource!r} are a list, such as ['publish']")
    operations = tuple(cast("list[Any]", value))
    if not all(isinstance(operation, str) for operation in operations):
        raise AblyError(40000, f"The operations of {resource!r} are names, such as 'publish'")
    if unknown := set(operations) - OPERATIONS - {"*"}:
        raise AblyError(40000, f"Unknown operation {min(unknown)!r} for {resource!r}")
    if not operations:
        raise AblyError(40000, f"No operation for {resource!r}: leave the resource out instead")
    if "*" in operations and len(operations) > 1:
        raise AblyError(40000, f"The operations of {resource!r} are '*' alone, or are named one by one")
    return operations


def _both(one: set[str], two: set[str]) -> set[str]:
    """The operations that both sets have; `*` has all."""
    if "*" in one:
        return two
    return one if "*" in two else one & two


def _split(resource: str) -> tuple[str, str]:
    """A resource's qualifier and the rest of it."""
    if not resource.startswith("["):
        return "", resource
    qualifier, _, base = resource[1:].partition("]")
    return qualifier, base
