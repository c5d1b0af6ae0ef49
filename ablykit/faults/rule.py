"""Fault rules as data: which thing on the wire is meant, and what is done to it.

A rule is one flat object, the same in Python, in JSON and on a command line. The first member says what is
done, some members say to what, and the rest are details:

    Rule("drop", action="ACK", nth=2)                            # the second ACK is lost
    {"do": "delay", "direction": "in", "ms": 200, "jitter": 50}
    Rule.parse("cut action=MESSAGE channel=chat:* probability=0.1")

`ACTIONS` is the whole language: each action, what it works on and which details it takes. A rule that this
table does not allow is refused when it is made, with what is allowed instead, so that a rule with a spelling
mistake can't be silently ineffective.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import msgspec

from ablykit.protocol.actions import Action
from ablykit.protocol.expression import Expression
from ablykit.protocol.redaction import redact


class On(StrEnum):
    """What a rule works on."""

    FRAME = "frame"
    """A frame in either direction. Pings, pongs and close frames of the WebSocket pass."""
    OPEN = "open"
    """A client that opens a WebSocket."""
    HTTP = "http"
    """An HTTP request beside the WebSocket."""


Side = Literal["client", "service"]

LONGEST_REASON = 123
"""How many bytes the reason in a close frame may have (RFC 6455 §5.5)."""


@dataclass(frozen=True)
class Kind:
    """An action: what it works on, the details it takes, and those it needs. `says` describes it."""

    says: str
    on: tuple[On, ...] = (On.FRAME,)
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


def _kind(says: str, *on: On, takes: str = "", needs: str = "") -> Kind:
    return Kind(says, on or (On.FRAME,), frozenset((takes + " " + needs).split()), frozenset(needs.split()))


ACTIONS: dict[str, Kind] = {
    "drop": _kind("The frame gets lost."),
    "delay": _kind(
        "It waits `ms` milliseconds, give or take `jitter`; what comes after it waits behind it.",
        On.FRAME, On.OPEN, On.HTTP, takes="jitter", needs="ms",
    ),
    "hold": _kind("The frame is held until it is released; what comes after it passes."),
    "duplicate": _kind("The frame passes, and `copies` more of it.", takes="copies"),
    "reorder": _kind("The frame is let through after the next `by` frames.", takes="by"),
    "edit": _kind("Members of the frame are changed or removed.", takes="set unset"),
    "replace": _kind("Another frame takes its place.", needs="frame"),
    "inject": _kind("The frame passes, and another is sent to one side.", takes="to", needs="frame"),
    "cut": _kind(
        "The connection ends: with a close `code`, or without a word. The frame is lost.",
        On.FRAME, On.OPEN, On.HTTP, takes="close reason",
    ),
    "silence": _kind(
        "Nothing passes any more in either direction, and the connection stays open.", On.FRAME, On.OPEN
    ),
    "refuse": _kind(
        "The connection is refused: with an HTTP `status`, or after its handshake with a close code.",
        On.OPEN, takes="status close reason",
    ),
    "throttle": _kind(
        "From then on at most `rate` bytes a second pass in this direction.", needs="rate"
    ),
    "slice": _kind("The frame's bytes arrive in pieces of `size`, `ms` apart.", takes="ms", needs="size"),
    "truncate": _kind("Only `size` bytes of the frame arrive, then the connection ends.", needs="size"),
    "corrupt": _kind("One byte of the frame's content is changed, the one at `at`.", takes="at"),
    "respond": _kind("The relay answers in the service's place.", On.HTTP, takes="body", needs="status"),
}  # fmt: skip
"""Every action by its name."""

_MATCHES: dict[str, tuple[On, ...]] = {
    "direction": (On.FRAME,),
    "action": (On.FRAME,),
    "channel": (On.FRAME,),
    "msg_serial": (On.FRAME,),
    "code": (On.FRAME,),
    "where": (On.FRAME,),
    "path": (On.OPEN, On.HTTP),
    "query": (On.OPEN, On.HTTP),
}
"""What only some things can be matched by. The other conditions (`nth`, …) apply to all."""

_DETAILS = frozenset[str]().union(*(kind.takes for kind in ACTIONS.values()))


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """A fault rule. Raises `ValueError` if the members don't fit together.

    These choose what it works on; a rule without any of them works on every frame:

    - `direction` is `out` (to the service) or `in` (to the client), `action` a frame's action, by name or
      number, `channel` a pattern such as `chat:*`, `msg_serial` and `code` (of the error) are numbers.
    - `where` is a JMESPath expression about the frame: the rule works on frames in which it finds something.
    - `path` and `query` are patterns for the URL of an HTTP request or an opening connection.
    - `client` is a pattern for the clientId in the connection's URL.
    - `nth` works only on the nth that fits, `times` on so many, `probability` (0 to 1) on some of them.

    Times are in ms, sizes in bytes, rates in bytes a second.
    """

    do: str
    on: On | None = None
    name: str = ""
    direction: Literal["in", "out"] | None = None
    action: int | str | None = None
    channel: str | None = None
    msg_serial: int | None = None
    code: int | None = None
    where: str | None = None
    path: str | None = None
    query: dict[str, str] | None = None
    client: str | None = None
    nth: int | None = None
    times: int | None = None
    probability: float | None = None
    ms: float | None = None
    jitter: float | None = None
    copies: int | None = None
    by: int | None = None
    set: dict[str, Any] | None = None
    unset: list[str] | None = None
    frame: dict[str, Any] | None = None
    to: Side | None = None
    close: int | None = None
    reason: str | None = None
    status: int | None = None
    body: Any = None
    rate: float | None = None
    size: int | None = None
    at: int | None = None

    def __post_init__(self) -> None:
        kind = ACTIONS.get(self.do)
        if kind is None:
            raise ValueError(f"There is no action {self.do!r}. There are {', '.join(ACTIONS)}")
        if self.target not in kind.on:
            raise ValueError(f"{self.do} works on {_or(kind.on)}, not on {self.target.value}")
        given = {name for name in self.__struct_fields__ if getattr(self, name) is not None}
        if missing := sorted(kind.needs - given):
            raise ValueError(f"{self.do} needs {', '.join(missing)}")
        if surplus := sorted(given & _DETAILS - kind.takes):
            takes = f"it takes {', '.join(sorted(kind.takes))}" if kind.takes else "it takes none"
            raise ValueError(f"{self.do} has no detail {surplus[0]!r}; {takes}")
        for name in sorted(given & _MATCHES.keys()):
            if self.target not in _MATCHES[name]:
                raise ValueError(
                    f"{name!r} is about {_or(_MATCHES[name])}, and this rule is about {self.target.value}"
                )
        self._check_values()

    def _check_values(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"{name} is at least {least}, not {value}")
        if self.probability is not None and self.probability > 1:
            raise ValueError(f"probability is from 0 to 1, not {self.probability}")
        if self.do == "edit" and not (self.set or self.unset):
            raise ValueError("edit needs set or unset, to say what is changed")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status is an HTTP status from 200 to 599, not {self.status}")
        if self.close is not None and not (1000 <= self.close <= 1014 or 3000 <= self.close <= 4999):
            raise ValueError(f"close is a WebSocket close code such as 1001 or 4000, not {self.close}")
        if self.close in (1004, 1005, 1006):
            raise ValueError(f"No close frame can carry {self.close}: leave close out to end without a word")
        if self.reason is not None and len(self.reason.encode()) > LONGEST_REASON:
            raise ValueError(
                f"reason has at most {LONGEST_REASON} bytes, and this one has {len(self.reason.encode())}"
            )
        _ = self.action_number
        if self.where is not None:
            try:
                Expression(self.where)
            except ValueError as error:
                raise ValueError(f"where is no JMESPath expression: {error}") from None

    @property
    def target(self) -> On:
        """What it works on: what it says, or the first thing that its action works on."""
        return ACTIONS[self.do].on[0] if self.on is None else On(self.on)

    @property
    def action_number(self) -> int | None:
        """The number of the frame's action."""
        if not isinstance(self.action, str):
            return self.action
        try:
            return Action[self.action.upper()]
        except KeyError:
            raise ValueError(
                f"There is no frame {self.action!r}. There are {', '.join(a.name for a in Action)}"
            ) from None

    def __str__(self) -> str:
        return self.name or " ".join(
            f"{k}={_short(v)}" if k != "do" else str(v) for k, v in self.as_json().items()
        )

    def as_json(self) -> dict[str, Any]:
        """Return the rule as an object of JSON."""
        return msgspec.to_builtins(self)

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Return the rule in a line of text: an object of JSON, or `DO NAME=VALUE …`.

        A value that is JSON (a number, a list, an object) is taken as that, anything else as text. Raises
        `ValueError`.
        """
        if text.lstrip().startswith("{"):
            return cls.of(_decoded(text))
        do, *words = text.split() or [""]
        members: dict[str, Any] = {"do": do}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"{word!r} is no member of a rule: write NAME=VALUE, such as action=ACK")
            members[name] = _value(value)
        return cls.of(members)

    @classmethod
    def of(cls, rule: "AnyRule") -> "Rule":
        """Return the rule in an object of JSON or in a line of text. Raises `ValueError`.

        A rule that is one already is checked as well: Python does not check the types of its members.
        """
        if isinstance(rule, str):
            return cls.parse(rule)
        try:
            if isinstance(rule, Rule):
                msgspec.convert(rule.as_json(), cls)
                return rule
            return msgspec.convert(rule, cls)
        except msgspec.ValidationError as error:
            text = str(error)
            if "unknown field" in text:
                text += f". A rule has {', '.join(cls.__struct_encode_fields__)}"
            raise ValueError(text) from None


AnyRule = Rule | Mapping[str, Any] | str
"""A rule, or what `Rule.of` makes one of."""

_LEAST: dict[str, float] = {
    "nth": 1, "times": 1, "probability": 0, "ms": 0, "jitter": 0, "copies": 1, "by": 1, "rate": 1, "size": 1,
    "at": 0,
}  # fmt: skip


def _or(targets: tuple[On, ...]) -> str:
    return " or ".join(target.value for target in targets)


def _decoded(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ValueError(f"This rule is not JSON: {error}") from None


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text


def _short(value: Any) -> str:
    text = redact(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return text if len(text) <= 40 else f"{text[:39]}…"
