"""`ablykit connect` and `explain`: at a terminal, in a pipe, in a script."""

import json
import subprocess

import pytest

from tests.cli.running import ABLYKIT, run


def test_connect_alone_brings_its_own_server():
    done = run("connect", stdin='{"action":10,"channel":"c"}\nnonsense\n')
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["action"] for answer in answers] == [4, 11, 9, 8]
    assert (done.returncode, done.stderr) == (0, "")


def test_connect_at_a_terminal_is_a_conversation(terminal):
    one = terminal("connect")
    one.wait_for(r"Connected to wss://.*\*\*\*\*\s+Type a frame")
    one.wait_for('"action":4')
    one.type('{"action": 10}')
    one.wait_for("Missing channel identifier")
    one.type('{"action": 10, "channel": "my_channel"}')
    one.wait_for('"action":11,"flags":983040')
    one.press(b"\x04")
    one.wait_for('"action":8')
    assert one.exit_code() == 0


def test_what_is_typed_can_be_edited_fetched_again_and_told_from_what_came(terminal):
    one = terminal("connect")
    one.wait_for('← {"action":4')
    one.type('{"action":10,"channel":"cd"}')
    one.wait_for('← {"action":11.*"channel":"cd"')
    one.press(b"\x1b[A" + b"\x1b[D" * 2 + b"\x7f\r")  # up, twice left, backspace, enter
    one.wait_for('← {"action":11.*"channel":"c"')
    assert "→ " in one.seen
    one.press(b"\x04")
    assert one.exit_code() == 0


def test_lines_that_are_pasted_together_are_sent_one_by_one(terminal):
    one = terminal("connect")
    one.wait_for('← {"action":4')
    one.press(b'\x1b[200~{"action":10,"channel":"a"}\n{"action":10,"channel":"b"}\x1b[201~\r')
    one.wait_for('← {"action":11.*"channel":"a".*← {"action":11.*"channel":"b"')


def test_connect_takes_whatever_bytes_its_input_has(ably):
    url = f"{ably.tls_url}/?key={ably.key}"
    done = subprocess.run(
        [*ABLYKIT, "connect", url], input=b"\xff\xfe\n\x00\n", capture_output=True, timeout=60, check=False
    )
    assert [json.loads(line)["action"] for line in done.stdout.splitlines()] == [4, 9, 9, 8]
    assert (done.returncode, done.stderr) == (0, b"")
    closed = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&-', *ABLYKIT, "connect", url],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (closed.returncode, closed.stderr) == (0, "")


def test_connect_ends_on_ctrl_c(terminal):
    one = terminal("connect", "--pretty")
    one.wait_for('"maxIdleInterval": 15000')
    one.press(b"\x03")
    assert one.exit_code() == 130
    assert "Traceback" not in one.seen


def test_connect_explains(terminal):
    done = run("connect", "--explain", stdin='{"action":10,"channel":"c"}\n')
    assert "CONNECTED (action 4)" in done.stdout
    assert "PRESENCE_SUBSCRIBE" in done.stdout


def test_a_refusal_has_an_exit_code(ably):
    done = run("connect", ably.tls_url)
    assert json.loads(done.stdout)["error"]["code"] == 40101
    assert (done.returncode, done.stderr) == (1, "Closed: 1000 40101\n")


def test_a_lost_connection_has_an_exit_code(ably):
    process = subprocess.Popen(
        [*ABLYKIT, "connect", "--stay", f"{ably.tls_url}/?key={ably.key}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert json.loads(process.stdout.readline())["action"] == 4
    ably.disconnect_all()
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (1, "Closed: 1006\n")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("wss://127.0.0.1:1", "Nothing answers"),
        ("nonsense", "Not a WebSocket URL"),
        ("wss://127.0.0.1:1/?key=a.b:****", "is unknown here"),
    ],
)
def test_what_can_not_be_connected_to_is_told_in_plain_words(url, says):
    done = run("connect", url)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_messagepack_is_shown_and_typed_as_json(ably):
    done = run(
        "connect",
        f"{ably.tls_url}/?key={ably.key}&format=msgpack",
        stdin='{"action":0,"id":"x"}\nnonsense\n',
    )
    assert [json.loads(line)["action"] for line in done.stdout.splitlines()] == [4, 0, 9, 8]


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("11", "ATTACHED (action 11)"),
        ("983040", "PRESENCE_SUBSCRIBE"),
        ("40160", "capability_denied"),
        ('{"action":10}', "ATTACH (action 10)"),
        ("channelSerial", "TR4c"),
    ],
)
def test_explain_explains(what, says):
    done = run("explain", what)
    assert says in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("what", ["nonsense", "{", "123456789"])
def test_explain_says_when_there_is_nothing_to_explain(what):
    done = run("explain", what)
    assert done.returncode == 1
    assert done.stderr.startswith("ablykit: ")
    assert "Traceback" not in done.stderr


def test_explain_asks_what_a_typo_meant():
    assert "Did you mean ATTACHED" in run("explain", "ATACHED").stderr
