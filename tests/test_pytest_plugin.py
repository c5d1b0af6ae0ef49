"""The plugin, in a test run of its own."""

import pytest

pytest_plugins = ["pytester"]

USE = """
    import os, httpx, pytest

    def publish(ably, data):
        url = ably.url.replace("ws", "http", 1)
        return httpx.post(f"{url}/channels/c/messages", json={"data": data}, auth=tuple(ably.key.reveal().split(":")))
"""


@pytest.fixture
def run(pytester):
    def run(source, *arguments, ini=""):
        pytester.makepyfile(USE + source)
        pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest_inprocess("-p", "no:nbval", "-p", "no:randomly", "-n", "0", *arguments)

    return run


def test_each_test_has_an_app_that_nobody_has_used_on_a_server_that_all_share(run):
    run("""
    seen = []

    @pytest.mark.parametrize("n", [1, 2])
    def test_it(local_ably, n):
        assert local_ably.published("c") == []
        assert publish(local_ably, n and str(n)).status_code == 201
        assert [m["data"] for m in local_ably.published("c")] == [str(n)]
        seen.append((local_ably.url, local_ably.key.app_id))

    def test_after():
        assert len({url for url, app in seen}) == 1
        assert len({app for url, app in seen}) == 2
    """).assert_outcomes(passed=3)


def test_a_mark_says_what_is_different_on_an_app(run):
    run("""
    @pytest.mark.ably(limits={"max_message_size": 5}, mutable=["doc"])
    def test_small(local_ably):
        assert publish(local_ably, "too much").json()["error"]["code"] == 40009

    def test_as_usual(local_ably):
        assert publish(local_ably, "not too much").status_code == 201

    @pytest.mark.ably(limits={"nonsense": 5})
    def test_wrong(local_ably):
        pass
    """).assert_outcomes(passed=2, errors=1)


def test_the_certificate_is_trusted_by_what_reads_the_environment_until_the_tests_end(run, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    run("""
    def test_it(local_ably):
        for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
            assert os.environ[name] == local_ably.ca_file

    def test_after():
        assert "SSL_CERT_FILE" not in os.environ
    """).assert_outcomes(passed=2)


def test_the_silence_before_a_heartbeat_can_be_set(run):
    run(
        """
    from ablykit import wire

    def test_it(local_ably):
        with wire.connect(f"{local_ably.url}?key={local_ably.key.reveal()}") as conn:
            assert conn.recv("CONNECTED")["connectionDetails"]["maxIdleInterval"] == 1234
    """,
        ini="ablykit_heartbeat_interval = 1234",
    ).assert_outcomes(passed=1)


def test_a_test_that_moves_the_clock_leaves_its_server_behind(run):
    run("""
    seen = []

    @pytest.mark.parametrize("n", range(4))
    def test_it(local_ably, n):
        assert local_ably.ahead == 0
        seen.append(local_ably.url)
        if n == 1:
            local_ably.advance(3600)

    def test_after():
        assert seen[0] == seen[1]
        assert seen[2] == seen[3]
    """).assert_outcomes(passed=5)


def test_its_mark_is_told_of(pytester):
    assert (
        "@pytest.mark.ably(limits, mutable, persisted)"
        in pytester.runpytest_inprocess("--markers").stdout.str()
    )
