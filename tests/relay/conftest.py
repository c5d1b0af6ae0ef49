"""Relays between a client and a service, in both formats: the embedded Ably, and a service that is not this project's."""

import pytest

from ablykit.relay import Relay
from ablykit.server import LocalAbly
from tests.relay.lab import Lab
from tests.relay.plain_service import plain_service


@pytest.fixture(scope="module")
def services():
    """The embedded Ably, as a sandbox that takes a key without TLS, and a service that knows nothing of it."""
    with LocalAbly(seed=1, sandbox=True) as ably, plain_service() as url:
        yield {"embedded": (ably.url, f"key={ably.key.reveal()}"), "another": (url, "key=none")}


@pytest.fixture(params=["embedded", "another"])
def service(request, services):
    return services[request.param]


@pytest.fixture(params=["json", "msgpack"])
def lab(request, service):
    url, query = service
    with Relay(url, seed=1) as relay:
        yield Lab(relay, f"{query}&v=5&heartbeats=false&format={request.param}")
