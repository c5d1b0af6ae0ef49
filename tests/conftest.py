"""What tests share: servers of their own, and foreign clients for them."""

import os
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import strategies as st

from ablykit.server import LocalAbly
from tests import foreign


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come last, so that what is quickly found out is found out first."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let hypothesis make its table of all characters, which takes seconds in a fresh checkout.

    Otherwise the first test that draws a text would be called too slow.
    """
    if any(item.get_closest_marker("hypothesis") for item in session.items):
        st.characters(codec="utf-8").validate()


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test talks to a real service, whatever the machine's environment says."""
    for variable in ("ABLY_API_KEY", "ABLY_ENDPOINT", "ABLY_LIMITED_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def local() -> Iterator[Callable[..., LocalAbly]]:
    """Makes servers that end with the test."""
    made: list[LocalAbly] = []

    def make(**options: object) -> LocalAbly:
        made.append(LocalAbly(**options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for ably in made:
        ably.stop()


@pytest.fixture(autouse=True)
def foreign_connections() -> Iterator[None]:
    """No test leaves a connection open."""
    yield
    for connection in list(foreign.connect.opened):
        connection.close()


@pytest.fixture
def ably(local: Callable[..., LocalAbly]) -> LocalAbly:
    return local(seed=1)


@pytest.fixture
def no_leftovers() -> Iterator[None]:
    """Fails a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def trusting(ably: LocalAbly) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ably.ca_pem)


def needs(program: str, found: str | None) -> str:
    """A program that a test needs: without it the test is skipped at home and fails in CI."""
    if found:
        return found
    if os.environ.get("CI"):
        pytest.fail(f"{program} must be there in CI")
    pytest.skip(f"{program} is not installed")
