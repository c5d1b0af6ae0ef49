"""Errors as the service sends them: a code, an HTTP status, a message, and a page to read about it."""

from ablykit.protocol.catalogue import ERRORS
from ablykit.protocol.frames import ErrorInfo

_STATUS = {
    10000: 200,
    20000: 400,
    80002: 503,
    80003: 503,
    80014: 504,
    90007: 504,
    50003: 504,
    50004: 503,
    50005: 503,
}
"""The HTTP statuses of codes whose first three digits are not their status."""


def status_of(code: int) -> int:
    """Return the HTTP status of an error code: its first three digits if they are a status."""
    if code in _STATUS:
        return _STATUS[code]
    head = code // 100
    return head if 40000 <= code < 60000 and head in (*range(400, 430), *range(500, 505)) else 400


def href(code: int) -> str:
    """Return the URL of the public page about an error code (TI5)."""
    return f"https://help.ably.io/error/{code}"


def error_info(code: int, message: str | None = None, status: int | None = None) -> ErrorInfo:
    """Return an ErrorInfo as the service sends it, with the page to read at the end of its message.

    Without `message`, the message is the title that the catalogue has.
    """
    text = message or title_of(code)
    return ErrorInfo(
        message=f"{text}. (See {href(code)} for help.)",
        code=code,
        status_code=status or status_of(code),
        href=href(code),
    )


def title_of(code: int) -> str:
    """Return the title of an error code, such as `Capability denied`."""
    entry = ERRORS.get(code)
    return entry[0].replace("_", " ").capitalize() if entry else f"Error {code}"


class AblyError(Exception):
    """An error with a code of the catalogue.

    `code` and `status` (the HTTP status) are as on the wire. `message` says what was wrong, where, and what
    to do next.
    """

    def __init__(self, code: int, message: str, status: int | None = None) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status or status_of(code)

    @property
    def info(self) -> ErrorInfo:
        """The ErrorInfo of this error, as a frame carries it."""
        return error_info(self.code, self.message, self.status)

    def __str__(self) -> str:
        return f"{self.message} (code {self.code}; see {href(self.code)})"
