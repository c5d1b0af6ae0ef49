"""A pytest plugin with the fixture `local_ably`: an embedded Ably with a new app for each test.

    def test_it(local_ably):
        client = my_app(**local_ably.options("ably-python"))
        ...
        assert local_ably.published("orders")[0]["data"] == "one"

The server starts when the first test asks for it, and all tests of a process share it. A test that moves the
clock (`local_ably.advance`) uses its server up: the next test gets a new one, with the real time. A mark sets
options for a test's app, which are the arguments of `LocalAbly.new_app`:

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
    parser.addini(
        "ablykit_heartbeat_interval", "how long to stay silent before a HEARTBEAT, in ms", default="15000"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin's mark."""
    config.addinivalue_line("markers", "ably(limits, mutable, persisted): options for the app of local_ably")


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
    """The server on which `local_ably` makes its apps. It accepts keys without TLS."""
    return _local_ably_servers()


@pytest.fixture
def local_ably(
    local_ably_server: "LocalAbly", monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> "Iterator[LocalApp]":
    """A new app for this test. Programs that read SSL_CERT_FILE trust its certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", local_ably_server.ca_file)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", local_ably_server.ca_file)
    mark: pytest.Mark | None = cast("pytest.Item", request.node).get_closest_marker("ably")
    app = local_ably_server.new_app(**(dict[str, Any](mark.kwargs) if mark else {}))
    yield app
    app.disconnect()
