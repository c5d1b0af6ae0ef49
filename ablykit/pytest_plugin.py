"""Fixtures for anyone's test suite: `local_ably`, an embedded Ably with a fresh app for each test.

    def test_it(local_ably):
        client = my_app(**local_ably.options("ably-python"))
        ...
        assert local_ably.published("orders")[0]["data"] == "one"

The server is shared by a test run's whole process and started when the first test wants it. A test that moves
the clock (`local_ably.advance`) leaves its server behind: the next test gets one whose time is the real one.
A mark says what is different on a test's app, by the arguments of `LocalAbly.new_app`:

    @pytest.mark.ably(mutable=["doc"], limits={"max_message_size": 100})
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from ablykit.server import LocalAbly
    from ablykit.server.local_app import LocalApp


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the plugin's options in pytest's ini file."""
    parser.addini("ablykit_heartbeat_interval", "silence before a HEARTBEAT, in ms", default="15000")


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin's mark."""
    config.addinivalue_line(
        "markers", "ably(limits, mutable, persisted): what is different on the app of local_ably"
    )


@pytest.fixture(scope="session")
def _local_ably_servers(pytestconfig: pytest.Config) -> "Iterator[Callable[[], LocalAbly]]":  # pyright: ignore[reportUnusedFunction]
    from ablykit.server import LocalAbly  # not before a test wants it

    interval = int(str(pytestconfig.getini("ablykit_heartbeat_interval")))
    with ExitStack() as stack:
        servers: list[LocalAbly] = []

        def current() -> LocalAbly:
            if not servers or servers[-1].ahead:
                stack.close()
                servers.append(stack.enter_context(LocalAbly(sandbox=True, heartbeat_interval=interval)))
            return servers[-1]

        yield current


@pytest.fixture
def local_ably_server(_local_ably_servers: "Callable[[], LocalAbly]") -> "LocalAbly":
    """The server that `local_ably` makes its apps on; keys are taken without TLS too."""
    return _local_ably_servers()


@pytest.fixture
def local_ably(
    local_ably_server: "LocalAbly", monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> "Iterator[LocalApp]":
    """An app of its own, that nobody has used; its certificate is trusted by what reads SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", local_ably_server.ca_file)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", local_ably_server.ca_file)
    mark: pytest.Mark | None = cast("pytest.Item", request.node).get_closest_marker("ably")
    app = local_ably_server.new_app(**(dict[str, Any](mark.kwargs) if mark else {}))
    yield app
    app.disconnect()
