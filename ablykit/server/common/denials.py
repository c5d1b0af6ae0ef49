"""Denials: the reason for each refusal, kept so that a learner can ask for it later.

An error frame says little about *why* a key or token was not enough, and should not: the reason would tell a
stranger what a key allows. The service therefore keeps the reason to itself, and `LocalApp.why` looks it up
by the frame, HTTP answer or exception that carried the error.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from ablykit.protocol import ERRORS, AblyError

KEPT = 1_000
"""How many denials are remembered."""

LONGEST = 1_000
"""How many characters of each text are remembered: names and capabilities may be as long as a frame."""

ALSO = frozenset({40012, 40400})
"""Codes that are denials although their HTTP status is neither 401 nor 403."""


class Asker(Protocol):
    """What a denial records of the client that was refused."""

    @property
    def key_name(self) -> str:
        """The name of the API key that the client used, or that signed its token."""
        ...

    @property
    def is_token(self) -> bool:
        """Whether the client used a token rather than the key itself."""
        ...

    @property
    def client_id(self) -> str | None:
        """The client's clientId."""
        ...


class Denied(AblyError):
    """The error for a missing right, with the operation, the resource, and the rule that decided."""

    def __init__(self, code: int, message: str, *, resource: str, operation: str, rule: str) -> None:
        super().__init__(code, message)
        self.resource, self.operation, self.rule = resource, operation, rule


@dataclass(frozen=True)
class Denial:
    """Why something was refused: who asked, for what, and which rule decided.

    `key` is the name of the API key that the client used, or that signed its token; None if the key is
    unknown.
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
        table = "\n".join(f"{name:<11}{value}" for name, value in rows.items() if value is not None)
        return f"{self.code}: {self.message}\n{table}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show it in IPython as `print` does."""
        printer.text(str(self))


class Denials:
    """The newest denials of a service."""

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
        """Remember an error that is about to be sent, if it is a denial.

        `channel` and `serial` (a msgSerial) are those of the frame that carries the error, if it has them.
        """
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

    def find(self, refusal: object) -> Denial:
        """Return the newest denial behind a frame, an HTTP answer or an error.

        Raises `LookupError` if it is not a denial of this service, or too long ago.
        """
        frame: dict[str, Any] = cast("dict[str, Any]", refusal) if isinstance(refusal, Mapping) else {}
        code, message = _code_and_message(frame.get("error", refusal))
        looked_for = code, _short(message)
        for kept_code, said, channel, serial, denial in reversed(self._kept):
            if (
                (kept_code, said) == looked_for
                and _short(frame.get("channel", channel)) == channel
                and frame.get("msgSerial", serial) == serial
            ):
                return denial
        raise LookupError(
            "This is not a denial by this server, or it is too old. Pass a frame, an HTTP answer or an error "
            f"with a code such as 40160 that is among the server's last {KEPT} denials"
        )


def _short(text: Any) -> Any:
    """Return a text cut to the length that is remembered; anything else unchanged."""
    return f"{text[:LONGEST]}…" if isinstance(text, str) and len(text) > LONGEST else text


def _code_and_message(error: Any) -> tuple[Any, Any]:
    """Return the code and message of an error, given as a dict or an exception."""
    if isinstance(error, AblyError):
        return error.code, error.info.message
    if isinstance(error, Mapping):
        found = cast("Mapping[str, Any]", error)
        return found.get("code"), found.get("message")
    return getattr(error, "code", None), getattr(error, "message", None)
