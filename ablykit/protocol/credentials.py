"""API keys, their capabilities, and how a key's secret stays hidden.

Wherever a key is printed, its secret is `****`. A URL with these stars still works, because `reveal` replaces
them by the secret on the way to the socket. It knows the keys that this process has remembered:

    remember(ApiKey.parse("app.id:secret"))
    reveal("wss://h/?key=app.id:****")          # 'wss://h/?key=app.id:secret'
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
"""What is shown in place of a secret."""

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
"""The operations that a capability can grant; `*` grants all of them."""


@dataclass(frozen=True)
class ApiKey:
    """An API key, `APPID.KEYID:SECRET`. Printing it never shows the secret; `reveal()` does."""

    app_id: str
    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "ApiKey":
        """Return the key in a text. Raises `AblyError` 40005 if the text does not have the form of a key."""
        name, colon, secret = text.partition(":")
        app_id, dot, key_id = name.partition(".")
        if not (colon and dot and app_id and key_id and secret):
            raise AblyError(40005, f"Not an API key: {_shape(text)}. A key is APPID.KEYID:SECRET", 400)
        return cls(app_id, key_id, secret)

    @property
    def name(self) -> str:
        """The public part, `APPID.KEYID`."""
        return f"{self.app_id}.{self.key_id}"

    def matches(self, secret: str) -> bool:
        """Return whether this is the key's secret. It compares in constant time, so timing gives nothing
        away."""
        return hmac.compare_digest(self.secret.encode(), secret.encode())

    def reveal(self) -> str:
        """Return the whole key with its secret: for the wire only, never for a screen."""
        return f"{self.name}:{self.secret}"

    def __str__(self) -> str:
        return f"{self.name}:{STARS}"

    def __repr__(self) -> str:
        return f"ApiKey('{self}')"


_ID = re.compile(r"[A-Za-z0-9_-]{6,}")


def is_id(text: str) -> bool:
    """Return whether a text could be the id of an app or a key: at least 6 letters, digits, `-` or `_`."""
    return _ID.fullmatch(text) is not None


def _shape(text: str) -> str:
    """Return what is wrong with a malformed key, without repeating any of it."""
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
    """Remember a key: from now on `redaction.redact` hides its secret, and `reveal` can fill it in."""
    _remembered[key.name] = key
    known_secrets.cache_clear()


def forget(key: ApiKey) -> None:
    """Undo `remember`."""
    _remembered.pop(key.name, None)
    known_secrets.cache_clear()


def known_keys() -> dict[str, ApiKey]:
    """Return the keys that this process knows, by name: remembered ones, and those in the environment."""
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
    """Return each known secret, as it is and as a URL has it.

    The result is cached until a key is remembered or forgotten, because every frame needs it.
    """
    return tuple({form for key in known_keys().values() for form in (key.secret, quote(key.secret))})


def reveal(url: str, keys: dict[str, ApiKey] | None = None) -> str:
    """Return a URL with the secret in place of the stars in `key=APPID.KEYID:****`.

    The key must be one that this process knows, or in `keys`. Raises `AblyError` 40101 if it is not.
    """
    shown = re.search(r"([?&]key=)([^&:]+):\*{4}(?=&|$)", url)
    if not shown:
        return url
    key = (known_keys() | (keys or {})).get(shown[2])
    if key is None:
        raise AblyError(
            40101, f"The secret of the key {shown[2]} is unknown here: write it in place of the stars"
        )
    return f"{url[: shown.start()]}{shown[1]}{key.name}:{quote(key.secret)}{url[shown.end() :]}"


class _Shape(NamedTuple):
    """The shape of a resource: where its stars are."""

    any_qualifier: bool
    length: int
    """The number of segments, not counting a star at the end."""
    is_open: bool
    """Whether there is a star at the end, which covers all longer names."""
    fixed: tuple[int, ...]
    """The indexes of the segments that are not stars."""

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
        """Return what every channel that a resource of this shape covers has in common with it."""
        return ("*" if self.any_qualifier else qualifier, *[segments[place] for place in self.fixed])


MOST_STEPS = 1_000_000
"""How many segments may be compared to intersect two capabilities. This many take far less than a second."""


@dataclass(frozen=True)
class Capability:
    """The operations that a key or token allows, by resource.

    A resource is a channel name, `ns:*` for all channels of a namespace, or `*` for all channels. A `*`
    between colons matches one segment. `[*]` at the start matches any qualifier, such as `[meta]`.
    """

    grants: dict[str, tuple[str, ...]]

    @classmethod
    def parse(cls, value: object) -> "Capability":
        """Return the capability in JSON text or a dict; None allows everything. Raises `AblyError` 40000."""
        if value is None:
            return cls({"*": ("*",)})
        if isinstance(value, str):
            try:
                value = read(value, Format.JSON)
            except NotAFrame as error:
                raise AblyError(40000, f"A capability must be JSON: {error.message}") from error
        if not isinstance(value, dict):
            raise AblyError(
                40000, "A capability must be an object such as {'a-channel': ['publish', 'subscribe']}"
            )
        return cls({str(r): _operations(str(r), ops) for r, ops in value.items()})  # type: ignore[reportUnknownVariableType]

    def canonical(self) -> str:
        """Return the capability as Ably writes it: JSON without white space, resources and operations
        sorted."""
        ordered = {resource: sorted(self.grants[resource]) for resource in sorted(self.grants)}
        return json.dumps(ordered, separators=(",", ":"), ensure_ascii=False)

    def within(self, other: "Capability") -> "Capability":
        """Return what both capabilities allow: where one resource covers another, the narrower of the two.

        Raises `AblyError` 40000 if that would take more than `MOST_STEPS`.
        """
        pairs = ((self, other), (other, self))
        if sum(len(narrow.grants) * wide._steps for narrow, wide in pairs) > MOST_STEPS:
            raise AblyError(
                40000,
                "The capability has too many resources, or too many with stars between colons: use fewer",
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
        """Return the resources that match a channel, each with its operations."""
        matching = set(self._covering(channel.qualifier, channel.base))
        return {resource: ops for resource, ops in self.grants.items() if resource in matching}

    def operations(self, channel: ChannelName) -> frozenset[str]:
        """Return the operations allowed on a channel: those of all resources that match it."""
        matching = self._covering(channel.qualifier, channel.base)
        granted = frozenset(chain.from_iterable(self.grants[resource] for resource in matching))
        return OPERATIONS if "*" in granted else granted

    @cached_property
    def _by_shape(self) -> "dict[_Shape, dict[tuple[str, ...], list[str]]]":
        """The resources by their shape, and then by the segments that are not stars.

        To find the resources that cover a channel takes one look-up for each shape. A capability may have
        thousands of resources, but they have only a few shapes.
        """
        found: dict[_Shape, dict[tuple[str, ...], list[str]]] = {}
        for resource in self.grants:
            qualifier, base = _split(resource)
            shape, segments = _Shape.of(qualifier, base), base.split(":")
            found.setdefault(shape, {}).setdefault(shape.key(qualifier, segments), []).append(resource)
        return found

    @property
    def _steps(self) -> int:
        """The most segments that `_covering` looks at."""
        return sum(1 + len(shape.fixed) for shape in self._by_shape)

    def _covering(self, qualifier: str, base: str) -> "Iterator[str]":
        """Yield the resources that cover a whole other resource, or one channel, given in its parts."""
        segments = base.split(":")
        for shape, resources in self._by_shape.items():
            if shape.has_room(len(segments)):
                yield from resources.get(shape.key(qualifier, segments), ())


def _operations(resource: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise AblyError(40000, f"The operations of {resource!r} must be a list such as ['publish']")
    operations = tuple(cast("list[Any]", value))
    if not all(isinstance(operation, str) for operation in operations):
        raise AblyError(40000, f"The operations of {resource!r} must be names such as 'publish'")
    if unknown := set(operations) - OPERATIONS - {"*"}:
        known = ", ".join(sorted(OPERATIONS))
        raise AblyError(
            40000, f"Unknown operation {min(unknown)[:40]!r} for {resource!r}: the operations are {known}"
        )
    if not operations:
        raise AblyError(40000, f"No operations for {resource!r}: leave the resource out instead")
    if "*" in operations and len(operations) > 1:
        raise AblyError(
            40000, f"The operations of {resource!r} must be either '*' alone or names without '*'"
        )
    return operations


def _both(one: set[str], two: set[str]) -> set[str]:
    """Return the operations in both sets, where `*` contains all."""
    if "*" in one:
        return two
    return one if "*" in two else one & two


def _split(resource: str) -> tuple[str, str]:
    """Return a resource's qualifier, and the rest of it."""
    if not resource.startswith("["):
        return "", resource
    qualifier, _, base = resource[1:].partition("]")
    return qualifier, base
