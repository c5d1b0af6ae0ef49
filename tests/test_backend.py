"""Which Ably the notebooks talk to."""

import pytest

import ablykit
from ablykit import backend
from ablykit.protocol import AblyError


@pytest.fixture(autouse=True)
def _end():
    yield
    if backend._current:
        backend._current.stop()
        backend._current = None


def test_without_a_key_it_is_embedded_and_says_so(capsys):
    ably = ablykit.start(seed=1)
    assert ably.is_local
    assert capsys.readouterr().out == f"This is an embedded Ably: {ably.tls_url}, key {ably.key}.\n"
    with ablykit.connect(f"{ably.tls_url}?key={ably.key}") as conn:
        assert conn.recv()["action"] == 4


def test_starting_again_ends_the_one_before():
    first = ablykit.start()
    second = ablykit.start()
    assert "stopped" in repr(first)
    assert "running" in repr(second)


def test_with_a_key_it_is_the_real_one(monkeypatch):
    monkeypatch.setenv("ABLY_API_KEY", "app.id:s3cr3t")
    ably = ablykit.start(seed=1, heartbeat_interval=50)
    assert not ably.is_local
    assert (ably.tls_url, ably.url) == (
        "wss://main.realtime.ably.net",
        "ws://main.realtime.ably.net",
    )
    assert "s3cr3t" not in repr(ably)
    with pytest.raises(AblyError, match="ABLY_LIMITED_KEY"):
        _ = ably.limited_key


@pytest.mark.parametrize("key", [None, "app.id:s3cr3t"])
def test_an_unknown_argument_is_refused_with_a_key_set_as_well(monkeypatch, key):
    if key:
        monkeypatch.setenv("ABLY_API_KEY", key)
    running = ablykit.start()
    with pytest.raises(TypeError, match=r"no argument 'nonsense'.*embedded Ably: host, .*seed"):
        ablykit.start(seed=1, nonsense=3)
    assert backend._current is running


@pytest.mark.parametrize(
    ("given", "environment", "says"),
    [
        ({}, {"ABLY_API_KEY": "app.id:s3cr3t"}, "the real Ably, because ABLY_API_KEY is set: wss://main."),
        ({"key": "app.id:s3cr3t"}, {}, "the real Ably, because you gave a key: wss://main."),
        ({}, {"ABLY_API_KEY": "app.id:s3cr3t", "ABLY_ENDPOINT": "one.example"}, "another Ably, because"),
    ],
)
def test_it_says_which_ably_it_is_and_what_that_ignores(monkeypatch, capsys, given, environment, says):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ablykit.start(**given, seed=1, heartbeat_interval=50)
    said = capsys.readouterr().out
    assert f"This is {says}" in said
    assert "key app.id:****. It ignores seed, heartbeat_interval." in said
    assert "s3cr3t" not in said


def test_an_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("ABLY_API_KEY", "app.id:s3cr3t")
    monkeypatch.setenv("ABLY_ENDPOINT", "one.example")
    monkeypatch.setenv("ABLY_LIMITED_KEY", "app.two:x")
    ably = ablykit.start(key="app.other:x", endpoint="wss://two.example:8443/")
    assert (ably.key.name, ably.tls_url) == ("app.other", "wss://two.example:8443")
    assert ably.limited_key.name == "app.two"
    assert ablykit.start().tls_url == "wss://one.example"


def test_a_malformed_key_is_refused(monkeypatch):
    monkeypatch.setenv("ABLY_API_KEY", "nonsense")
    with pytest.raises(AblyError, match="Not an API key"):
        ablykit.start()


def test_another_embedded_server_is_found_by_its_tls_port_alone(ably):
    with backend.RemoteAbly(ably.key.reveal(), ably.tls_url) as remote:
        assert (remote.tls_url, remote.url) == (ably.tls_url, ably.url)
        with ablykit.connect(f"{remote.tls_url}?key={remote.key}") as conn:
            assert conn.recv()["action"] == 4
