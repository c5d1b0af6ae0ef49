"""`ablykit serve`, as a stranger uses it: at a terminal, in a pipe, in a script."""

import json
import os
import signal
import socket

import pytest

from ablykit.cli.serve import _limits
from tests.cli.running import run


def test_serve_json_tells_all_a_program_needs_in_its_first_line(serving):
    facts, process = serving("--seed", "1")
    assert set(facts) == {"url", "tls_url", "key", "ca_file"}
    assert os.path.exists(facts["ca_file"])
    done = run("connect", f"{facts['tls_url']}/?key={facts['key']}", "--pretty", stdin='{"action":0}\n')
    assert done.returncode == 0
    assert '"action": 0' in done.stdout
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0
    assert not os.path.exists(facts["ca_file"])


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_cleanly(serving, sent):
    _, process = serving()
    process.send_signal(sent)
    assert process.wait(timeout=10) == 0


def test_serve_takes_its_options(serving):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    facts, _ = serving(
        "--port", str(port), "--key", "app.one:secret-one", "--key", "app.two:secret-two", "--sandbox",
        "--heartbeat-interval", "1234", "--limit", "max_message_size=77", "--limit", "max_inbound_rate=7",
        "--mutable", "doc", "--persisted", "kept", "--enforce-rates",
    )  # fmt: skip
    assert facts["url"] == f"ws://127.0.0.1:{port}"
    assert facts["key"] == "app.one:secret-one"
    done = run("connect", f"{facts['url']}/?key=app.two:secret-two")
    details = json.loads(done.stdout.splitlines()[0])["connectionDetails"]
    assert (details["maxIdleInterval"], details["maxMessageSize"], details["maxInboundRate"]) == (1234, 77, 7)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("nonsense=5", "There is no limit 'nonsense'"),
        ("retention", "NAME=NUMBER"),
        ("retention=x", "NAME=NUMBER"),
    ],
)
def test_serve_refuses_a_limit_that_is_none(limit, said):
    done = run("serve", "--limit", limit)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_has_a_banner_with_a_line_to_paste(terminal):
    one = terminal("serve")
    line = one.wait_for(r'ablykit connect "(wss://127\.0\.0\.1:\d+/\?key=[\w.]+:\*\*\*\*)"').group(1)
    done = run("connect", line, stdin='{"action":10,"channel":"c"}\n')
    assert [json.loads(answer)["action"] for answer in done.stdout.splitlines()] == [4, 11, 8]
    one.press(b"\x03")
    assert one.exit_code() == 0
    assert "Traceback" not in one.seen


def test_a_server_that_is_open_to_the_network_says_so_and_where(terminal):
    for arguments in (["serve"], ["relay", "--to", "ws://127.0.0.1:1"]):
        said = terminal(*arguments, "--host", "0.0.0.0").wait_for(
            r"open to the network\. Other machines can reach it at wss://(\S+):\d+ and ws://\1:\d+"
        )
        assert not said.group(1).startswith(("127.", "0.0.0.0"))


def test_a_server_that_only_this_machine_reaches_warns_of_nothing(terminal):
    one = terminal("serve")
    one.wait_for("serve --json prints")
    assert "network" not in one.seen


def test_serve_says_when_a_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--key", "nonsense"], 1, "Not an API key"),
        (["--key", "a.b:c", "--key", "a.b:d"], 1, "has a key named a.b already"),
        (["--port", "99999999"], 1, "port"),
        (["--port", "x"], 2, "valid"),
        (["--heartbeat-interval", "1"], 2, "10"),
        (["--host", "no.such.host.invalid"], 1, "no.such.host.invalid"),
    ],
)
def test_serve_refuses_bad_options_in_plain_words(arguments, code, says):
    done = run("serve", *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "limit", ["retention", "retention=x", "retention=0", "retention=-1", "=", "retention=²"]
)
def test_a_limit_is_a_name_and_a_number_above_zero(limit):
    with pytest.raises(ValueError, match="NAME=NUMBER"):
        _limits([limit])
    assert _limits(["retention=5", "memory=7"]) == {"retention": 5, "memory": 7}
