"""What the judge needs of a client under test, whatever it is: a program, or an object of Python's.

The judge knows a client by this and by nothing else. A driver turns orders into whatever its client
understands and what the client does into reports. Whatever goes wrong is for the driver to say, in a sentence
and within a bound, by `trouble`: a driver never raises for its client's mistakes and never waits for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ablykit.judge.lines import Order, Report


@dataclass(frozen=True)
class Place:
    """Where a client under test connects, and as whom. `key` is None where it has to ask for tokens."""

    url: str
    rest_url: str
    client_id: str
    ca_file: str
    key: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a program finds in its environment."""
        found = {
            "ABLY_URL": self.url,
            "ABLY_REST_URL": self.rest_url,
            "ABLY_CLIENT_ID": self.client_id,
            **dict.fromkeys(("ABLY_CA_FILE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), self.ca_file),
            "ABLYKIT_JUDGE": "1",
        }
        return found if self.key is None else {**found, "ABLY_KEY": self.key}


class Listener(Protocol):
    """Where a driver tells what its client says and does. Both are called on the judge's loop."""

    def hear(self, client: str, report: Report) -> None:
        """Take a report."""
        ...

    def trouble(self, client: str, kind: str, text: str) -> None:
        """Take what is wrong with the client: a word for programs (see `history.Trouble`) and a sentence."""
        ...


class Client(Protocol):
    """A client under test."""

    @property
    def name(self) -> str:
        """Its clientId."""
        ...

    async def open(self) -> None:
        """Start it. What keeps it from starting is told as trouble."""
        ...

    def tell(self, order: Order) -> None:
        """Give it an order, without waiting for what it does."""
        ...

    async def finish(self, patience: float) -> None:
        """Wait until it has ended by itself, at most `patience` seconds, and leave nothing of it behind."""
        ...


Start = Callable[[Place, Listener], Client]
"""Makes the client for a place."""
