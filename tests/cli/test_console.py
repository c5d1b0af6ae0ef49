"""`ablykit console`, at a terminal and in a script."""

import re
import time

import pytest

from ablykit.cli import console
from tests.cli.running import run

KEYS = "a\nm hello there\ne\nl\nd\nq\n"


@pytest.fixture
def sdk(tmp_path):
    """A file with an SDK of plain functions."""
    path = tmp_path / "my_sdk.py"
    path.write_text(
        "import json, threading\n"
        "from websockets.sync.client import connect\n"
        "class Ably:\n"
        "    def __init__(self, url, key, client_id, on_message):\n"
        "        self.url = f'{url}/?key={key}&clientId={client_id}&v=5'\n"
        "    def connect(self):\n"
        "        self.ws = connect(self.url); self.ws.recv()\n"
        "    def attach(self, channel):\n"
        "        self.ws.send(json.dumps({'action': 10, 'channel': channel})); self.ws.recv()\n"
        "    def close(self): self.ws.close()\n"
        "class Broken: pass\n"
    )
    return path


def badges(text):
    return re.findall(r"[→←] +(WebSocket \w+|[A-Z]+)", text)


def test_a_script_presses_keys_and_sees_each_frame():
    done = run("console", "--client-id", "ada", "--channel", "c", stdin=KEYS)
    assert (done.returncode, done.stderr) == (0, "")
    shown = badges(done.stdout)
    assert [shown[0], shown[1], shown[-1]] == ["WebSocket open", "CONNECTED", "WebSocket close"]
    order = ["ATTACH", "ATTACHED", "MESSAGE", "ACK", "PRESENCE", "DETACH", "DETACHED", "CLOSE", "CLOSED"]
    assert [shown.index(badge) for badge in order] == sorted(shown.index(badge) for badge in order)
    assert "hello there" in done.stdout
    assert "ENTER ada" in done.stdout
    assert ":****" in done.stdout


def test_the_input_may_end_without_a_q_and_an_unknown_key_is_said():
    done = run("console", stdin="a\n\nz\n")
    assert done.returncode == 0
    assert "There is no key 'z'. The keys are a, d, m, e, l and q." in done.stdout
    assert badges(done.stdout)[-1] == "WebSocket close"


def test_a_file_brings_its_own_sdk(sdk):
    done = run("console", str(sdk), stdin="a\nm hi\n")
    assert "ATTACHED" in done.stdout
    assert "m (message) was refused. publish raised AttributeError" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("none.py", None, "none.py: there is no such Python file"),
        ("folder", None, "folder: there is no such Python file"),
        ("wrong.py", "class X:\n  pass\n pass", "wrong.py, line 3: unindent does not match"),
        ("raises.py", "1 / 0", "raises.py can't be run: ZeroDivisionError: division by zero"),
        ("empty.py", "", "empty.py has no class Ably; it has no class at all"),
        ("other.py", "class Other: pass", "other.py has no class Ably; it has Other: give"),
        ("number.py", "Ably = 3", "Give the class int itself"),
    ],
)
def test_a_file_that_is_no_sdk_is_refused_in_words(tmp_path, name, text, says):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    done = run("console", str(path), stdin="q\n")
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_class_that_is_no_sdk_is_said_to_be_none(sdk):
    done = run("console", f"{sdk}:Broken", stdin="a\nq\n")
    assert "There is no connection: TypeError" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_it_connects_to_a_running_ably_by_its_url_with_stars(ably):
    url, seen = f"{ably.tls_url}/?key={ably.key}", ably.transcript
    assert "ATTACHED" in run("console", "--url", url, stdin="a\n").stdout
    assert len(seen), "it was really used"
    for wrong in ("ws://h/?key=a.b:c", "wss://h/", "nonsense"):
        done = run("console", "--url", wrong, stdin="a\n")
        assert (done.returncode, "--url must be wss://HOST" in done.stderr) == (1, True)


def test_the_key_of_the_environment_is_used(ably, monkeypatch):
    monkeypatch.setenv("ABLY_API_KEY", ably.key.reveal())
    monkeypatch.setenv("ABLY_ENDPOINT", ably.tls_url)
    assert "ATTACHED" in run("console", stdin="a\n").stdout
    assert console._ably(None).tls_url == ably.tls_url


def test_heartbeats_are_shown_only_when_asked_for(local, terminal):
    ably = local(heartbeat_interval=50)
    url, seen = f"{ably.tls_url}/?key={ably.key}", ably.transcript
    one = terminal("console", "--url", url, "--heartbeats")
    one.wait_for("HEARTBEAT")
    one.press(b"q")
    one.exit_code()
    other = terminal("console", "--url", url, "--no-heartbeats", "--client-id", "other")
    other.wait_for("connected")
    came = len(seen)
    while not any(entry.action == "HEARTBEAT" for entry in list(seen)[came:]):
        time.sleep(0.01)
    other.press(b"a")
    other.wait_for("ATTACHED")
    assert "HEARTBEAT" not in other.seen


def test_somebody_presses_keys_at_a_terminal(terminal):
    one = terminal("console", "--channel", "lobby")
    one.wait_for("connected · lobby")
    one.press(b"a")
    one.wait_for("ATTACHED")
    one.press(b"x")
    one.press(b"m")
    one.wait_for("Enter sends")
    one.press(b"quick a message\r")
    one.wait_for("MESSAGE.*quick a message")
    one.press(b"m")
    one.wait_for("Enter sends")
    one.press(b"never mind\x1b")
    one.wait_for("connected · lobby")
    one.press(b"e")
    one.wait_for("ENTER me")
    one.press(b"q")
    assert one.exit_code() == 0
    assert "CLOSED" in one.seen
    assert "Traceback" not in one.seen
    assert not re.search("MESSAGE[^\n]*never mind", one.seen)


@pytest.mark.parametrize("key", [b"\x03", b"\x04"])
def test_ctrl_c_and_ctrl_d_end_it_as_well(terminal, key):
    one = terminal("console")
    one.wait_for("connected")
    one.press(key)
    assert one.exit_code() == 0
    assert "Traceback" not in one.seen
