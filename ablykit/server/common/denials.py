"""Why something was refused: each denial as it was decided, to be asked for by the frame that told it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from ablykit.protocol import ERRORS, AblyError

KEPT = 1_000
"""How many denials are remembered."""

LONGEST = 1_000
"""How many characters of each of their texts are: names and capabilities may be as long as a frame."""

ALSO = frozenset({40012, 40400})
"""Denials whose HTTP status (neither 401 nor 403) does not say that they are."""


class Asker(Protocol):
    """What is told of whoever was refused."""

    @property
    def key_name(self) -> str:
        """The name of the API key that was used, itself or to sign a token."""
        ...

    @property
    def is_token(self) -> bool:
        """Whether it came with a token, not with the key itself."""
        ...

    @property
    def client_id(self) -> str | None:
        """The clientId it goes by."""
        ...


class Denied(AblyError):
    """A refusal for want of a right: of what on which resource, and the rule that decided it."""

    def __init__(self, code: int, message: str, *, resource: str, operation: str, rule: str) -> None:
        super().__init__(code, message)
        self.resource, self.operation, self.rule = resource, operation, rule


@dataclass(frozen=True)
class Denial:
    """A refusal, traced: who asked, for what, and which rule decided.

    `key` is the name of the API key that was used, itself or to sign a token; None where none was known.
    """

    code: int
    message: str
    key: str | None
    by_token: bool
    client_id: str | None
    resource: str | None
    operation: str | None
    rule: str

    def __str__(self) -> str:
        by = f"{self.key}, by a token" if self.by_token else self.key
        rows = {
            "key": by,
            "clientId": self.client_id,
            "resource": self.resource,
            "operation": self.operation,
            "rule": self.rule,
        }
        told = "\n".join(f"{name:<11}{value}" for name, value in rows.items() if value is not None)
        return f"{self.code}: {self.message}\n{told}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How IPython prints it."""
        printer.text(str(self))


class Denials:
    """The denials of a service, the newest of them."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, str | None, str | None, int | None, Denial]] = deque(maxlen=KEPT)

    def note(
        self,
        error: AblyError,
        identity: Asker | None = None,
        *,
        channel: str | None = None,
        serial: int | None = None,
    ) -> None:
        """Remember an error that is sent, if it is a denial; in a frame of this channel and msgSerial."""
        if error.status not in (401, 403) and error.code not in ALSO:
            return
        denied = error if isinstance(error, Denied) else None
        denial = Denial(
            error.code,
            _short(error.message),
            identity.key_name if identity else None,
            identity.is_token if identity else False,
            _short(identity.client_id) if identity else None,
            _short(denied.resource if denied else channel),
            denied.operation if denied else None,
            _short(denied.rule if denied else ERRORS[error.code][1]),
        )
        self._kept.append((error.code, _short(error.info.message), _short(channel), serial, denial))

    def find(self, told: object) -> Denial:
        """The newest denial that a frame, an HTTP answer or an error tells of.

        Raises `LookupError` where that is none of this service's.
        """
        frame: dict[str, Any] = cast("dict[str, Any]", told) if isinstance(told, Mapping) else {}
        code, message = _code_and_message(frame.get("error", told))
        looked_for = code, _short(message)
        for kept_code, said, channel, serial, denial in reversed(self._kept):
            if (
                (kept_code, said) == looked_for
                and _short(frame.get("channel", channel)) == channel
                and frame.get("msgSerial", serial) == serial
            ):
                return denial
        raise LookupError(
            "That tells of no denial of this server's: such a thing has an error with a code as 40160 in it, "
            f"and is one of the last {KEPT}"
        )


def _short(text: Any) -> Any:
    """A text as it is remembered, and looked for: no longer than need be."""
    return f"{text[:LONGEST]}…" if isinstance(text, str) and len(text) > LONGEST else text


def _code_and_message(error: Any) -> tuple[Any, Any]:
    """The code and message of an error, as a dict or as an exception."""
    if isinstance(error, AblyError):
        return error.code, error.info.message
    if isinstance(error, Mapping):
        found = cast("Mapping[str, Any]", error)
        return found.get("code"), found.get("message")
    return getattr(error, "code", None), getattr(error, "message", None)
