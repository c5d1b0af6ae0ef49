"""The command line, as a stranger uses it: at a terminal, in a pipe, in a script."""

import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
import time

import httpx
import pytest
import typer

from ablykit import cli, wire
from ablykit.analysis.search import LANGUAGE
from ablykit.recording import load
from tests.foreign import connect
from tests.notebook import ROOT
from tests.terminal import Terminal

ABLYKIT = (sys.executable, "-m", "ablykit")


def run(*arguments, stdin="", **options):
    return subprocess.run(
        [*ABLYKIT, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.fixture
def terminal():
    opened = []

    def make(*arguments, **options):
        opened.append(Terminal(*ABLYKIT, *arguments, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def serving():
    """A server started as a program: its facts, and the process."""
    started = []

    def make(*arguments):
        process = subprocess.Popen(
            [*ABLYKIT, "serve", "--json", *arguments], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return json.loads(process.stdout.readline()), process

    yield make
    for process in started:
        process.kill()
        process.wait()


# -- serve


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
            r"open to the network\. Other machines reach it at wss://(\S+):\d+ and ws://\1:\d+"
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
        (["--key", "a.b:c", "--key", "a.b:d"], 1, "two keys of the name a.b"),
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


# -- connect


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
        ("wss://127.0.0.1:1/?key=a.b:****", "not known here"),
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


# -- relay, record, show, diff, replay


def test_at_a_terminal_it_shows_records_and_the_recording_can_be_read(ably, tmp_path):
    files = tmp_path / "one", tmp_path / "two"
    for file in files:
        terminal = Terminal(*ABLYKIT, "relay", "--to", ably.tls_url, "--record", str(file))
        try:
            url = terminal.wait_for(r"connect to  (wss://127\.0\.0\.1:\d+)").group(1)
            typed = '{"action":10,"channel":"c"}\n{"action":15,"channel":"c","msgSerial":0,"messages":[{"data":5}]}\n'
            done = run("connect", f"{url}/?key={ably.key}&heartbeats=false", stdin=typed)
            assert done.returncode == 0
            terminal.wait_for(r"← CLOSED")
            terminal.press(b"\x03")
            assert terminal.exit_code() == 0
        finally:
            terminal.close()
    shown = run("show", str(files[0])).stdout
    assert "← ATTACHED     c PRESENCE, PUBLISH, SUBSCRIBE, PRESENCE_SUBSCRIBE  (" in shown
    assert re.search(r"! \d client: data-kind \(RSL4a\)", shown)
    assert "May publish messages." in run("show", "--explain", str(files[0])).stdout
    assert json.loads(run("show", "--har", str(files[0])).stdout)["log"]["entries"]
    assert run("show", "--svg", str(files[0])).stdout.startswith("<svg")
    assert run("show", "--mermaid", str(files[0])).stdout.startswith("sequenceDiagram\n")
    assert ably.key.secret not in files[0].read_text() + shown
    assert run("diff", *map(str, files)).returncode == 0
    differs = run("diff", str(files[0]), str(_cut(files[1], tmp_path)))
    assert (differs.returncode, differs.stdout[:1]) == (1, "-")


def _cut(file, place):
    shorter = place / "shorter"
    shorter.write_text("\n".join(file.read_text().splitlines()[:-2]) + "\n")
    return shorter


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "/nowhere"),
        ("show", sys.executable),
        ("diff", "/nowhere", "/nowhere"),
        ("relay", "--to", "nonsense"),
    ],
)
def test_what_can_not_be_read_or_reached_is_told_in_plain_words(arguments):
    done = subprocess.run([*ABLYKIT, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ablykit: ")
    assert "Traceback" not in done.stderr


def test_record_writes_as_it_happens_with_an_ably_of_its_own_behind_it(tmp_path):
    file, own = tmp_path / "talk.jsonl", tmp_path / "own.jsonl"
    terminal = Terminal(*ABLYKIT, "record", str(file))
    try:
        key = terminal.wait_for(r"its key: (\S+)").group(1)
        url = terminal.wait_for(r"connect to  (wss://127\.0\.0\.1:\d+)").group(1)
        typed = '{"action":10,"channel":"c"}\n'
        done = run(
            "connect", f"{url}/?key={key}&heartbeats=false&format=msgpack", "--record", str(own), stdin=typed
        )
        assert done.returncode == 0, done.stderr
        while_written = [entry.action for entry in load(file)]
        assert {"ATTACH", "ATTACHED"} <= set(while_written), "it can be read while it is written"
        terminal.press(b"\x03")
        terminal.wait_for(r"\d+ entries are in")
        assert terminal.exit_code() == 0
        assert "ATTACHED" not in terminal.seen
    finally:
        terminal.close()
    assert run("diff", str(file), str(own)).stdout == ""
    found = run("show", "--search", "?flags", "--bytes", str(file)).stdout
    assert found.splitlines()[0].split()[1:3] == ["←", "ATTACHED"]
    assert "FIN, opcode 2: binary" in found
    assert '"channelSerial"' in found
    assert "CONNECTED" not in found
    for typed in ("?[", "chanel:c"):
        wrong = run("show", "--search", typed, str(file))
        assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)
        assert wrong.stderr.startswith(
            ("ablykit: Not a JMESPath expression: ", "ablykit: There is no search key chanel.")
        )
    nothing = run("show", "--search", "?channel < `3`", str(file))
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "")


def test_the_help_of_show_lists_the_search_language():
    shown = " ".join(run("show", "--help").stdout.split())
    for example, says in LANGUAGE:
        assert f"{example} {says}" in shown


def recording(place, *numbers):
    """A recording with entries of these numbers; None stands for half a line."""
    entry = (
        '{"number":%d,"at":1.0,"connection":"a","direction":"in","kind":"frame","text":"{\\"action\\":0}"}'
    )
    lines = [entry[:40] if number is None else entry % number for number in numbers]
    place.write_text("\n".join(['{"format":"ablykit-recording","version":1}', *lines]))
    return str(place)


def test_a_damaged_recording_is_shown_up_to_the_damage_and_says_so(tmp_path):
    file = recording(tmp_path / "r", 0, 1, 4, None)
    done = run("show", file)
    assert re.findall(r"^ +(\d+) ←", done.stdout, re.M) == ["0", "1", "4"]
    assert f"ablykit: {file} is damaged in line 5" in done.stderr
    assert "The 3 entries before it are good" in done.stderr
    assert "2 entries are missing: 2 to 3" in done.stderr
    assert done.returncode == 0


def test_on_a_full_disk_record_says_so_at_once_and_leaves_a_good_recording(ably, tmp_path):
    file = tmp_path / "r"
    process = subprocess.Popen(
        [*ABLYKIT, "record", str(file), "--to", ably.tls_url], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )  # fmt: skip
    with process:
        url = re.search(r"wss://\S+", process.stderr.readline()).group()
        typed = '{"action":10,"channel":"c"}\n' * 30
        done = run("connect", f"{url}/?key={ably.key}", stdin=typed)
        assert [json.loads(line)["action"] for line in done.stdout.splitlines()] == [4, *[11] * 30, 8]
        said = next(line for line in process.stderr if "can't be written" in line)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 1
    entries = load(file)
    assert entries.notes == []
    assert (
        f"{file} can't be written any more: File too large. It has the first {len(entries)} entries" in said
    )


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["relay", "record"])
def test_stopped_under_traffic_it_ends_without_a_traceback(ably, tmp_path, sent, command):
    arguments = [command, "--to", ably.tls_url, *([str(tmp_path / "r")] if command == "record" else [])]
    process = subprocess.Popen(
        [*ABLYKIT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    url = re.search(r"wss://\S+", process.stderr.readline()).group()
    with wire.open(f"{url}?key={ably.key}") as conn:
        conn.recv("CONNECTED")
        conn.send(*[{"action": 0}] * 50)
        process.send_signal(sent)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Error" not in errors


def test_an_output_that_nobody_reads_on_ends_the_command_quietly(ably, tmp_path):
    file = recording(tmp_path / "r", *range(3000))
    for command in (
        f"show {file}",
        f"show {file} --har",
        f"show {file} --mermaid",
        "explain 11 40160",
        f"diff {file} {file}x",
    ):
        done = _in_a_pipe(f"{command} | head -c 1")
        assert done.stderr == "" or command.startswith("diff"), command
    relay = subprocess.Popen(
        ["bash", "-c", f"{shlex.join(ABLYKIT)} relay --to {ably.tls_url} | head -n 1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    url = re.search(r"wss://\S+", relay.stderr.readline()).group()
    run("connect", f"{url}/?key={ably.key}", stdin='{"action":0}\n' * 5)
    _, errors = relay.communicate(timeout=20)
    assert "Error" not in errors


def _in_a_pipe(command):
    return subprocess.run(
        ["bash", "-c", f"{shlex.join(ABLYKIT)} {command}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "search",
    [
        "name<`",
        "?" + "[" * 2000,
        "?" + "(" * 500,
        "?abs('x')",
        "?floor(`1e999`)",
        "? a < 'b'",
        "\x00",
        "?" + "!" * 5000,
        "size>x",
        "?sort(@)",
    ],
)
def test_a_search_never_ends_in_a_traceback(tmp_path, search):
    file = recording(tmp_path / "r", 0, 1)
    code = f"import sys; from ablykit.cli import main; sys.argv = ['ablykit', 'show', {file!r}, '--search', {search!r}]; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr


def test_a_relay_is_not_given_a_key_and_does_not_print_one():
    done = run("relay", "--to", "wss://127.0.0.1:1/?key=a.b:s3cr3t")
    assert done.returncode == 1
    assert "Give it wss://127.0.0.1:1" in done.stderr
    assert "s3cr3t" not in done.stderr


def test_record_says_when_its_file_can_not_be_written(tmp_path):
    done = run("record", str(tmp_path / "no" / "such" / "folder"))
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_replay_says_the_clients_side_again_and_what_is_answered_otherwise(ably, tmp_path):
    file, again = tmp_path / "r.jsonl", tmp_path / "again.jsonl"
    typed = (
        '{"action":10,"channel":"c"}\n{"action":15,"channel":"c","msgSerial":0,"messages":[{"data":"x"}]}\n'
    )
    url = f"{ably.tls_url}/?key={ably.key}&heartbeats=false"
    assert run("connect", url, "--record", str(file), stdin=typed).returncode == 0
    done = run("replay", str(file), "--record", str(again))
    assert (done.returncode, done.stdout) == (0, "")
    assert "no difference" in done.stderr
    assert run("diff", str(file), str(again)).returncode == 0
    done = run("replay", str(file), "--to", f"{ably.tls_url}?key={ably.limited_key}")
    assert done.returncode == 1
    assert "+ ← ERROR" in done.stdout
    done = run("replay", str(file), "--to", "ws://127.0.0.1:1")
    assert done.returncode == 1
    assert "Nothing answers" in done.stderr


# -- explain, lab, help


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


def test_lab_without_notebooks_or_a_place_for_them_says_what_to_do(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("lab", "--version", cwd=empty)
    shipped = "ablykit-notebooks" in done.stderr
    assert shipped or "run this in the project's folder" in done.stderr


def test_the_version_is_told():
    done = run("--version")
    assert re.fullmatch(r"ablykit \d+\.\d+\.\d+\S*\n", done.stdout)
    assert (done.returncode, done.stderr) == (0, "")


def test_explain_asks_what_a_typo_meant():
    assert "Did you mean ATTACHED" in run("explain", "ATACHED").stderr


def test_help_is_for_newcomers():
    done = run("--help")
    for command in ("serve", "connect", "explain", "lab"):
        assert command in done.stdout
        assert "Usage" in run(command, "--help").stdout
    assert run().returncode in (0, 2)


def test_lab_starts_jupyterlab_with_the_notebooks_and_takes_its_arguments(tmp_path):
    done = run("lab", "--version", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+\.\d+.*\n", done.stdout)
    assert done.stderr == "", "such as JupyterLab's own yarn, which a package.json above .venv can break"


@pytest.fixture
def lab(terminal, tmp_path):
    """JupyterLab as `ablykit lab` starts it: its terminal, its facts, and what it leaves."""
    runtime = tmp_path / "runtime"
    one = terminal(
        "lab", "--no-browser", "--port", "0",
        env={"JUPYTER_RUNTIME_DIR": str(runtime), "SHELL": "/bin/sh", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    one.wait_for(r"token=\w+", timeout=60)
    deadline = time.monotonic() + 20
    while not (files := list(runtime.glob("jpserver-*.json"))) or not files[0].read_text().endswith("}"):
        assert time.monotonic() < deadline, "JupyterLab did not write down where it runs"
        time.sleep(0.01)

    def left():
        return [path.name for path in runtime.iterdir() if path.name != "jupyter_cookie_secret"]

    return one, json.loads(files[0].read_text()), left


def test_lab_asks_after_one_ctrl_c_and_ends_with_nothing_left(lab):
    one, _, left = lab
    one.press(b"\x03")
    one.wait_for(r"Shut down this Jupyter server \(y/\[n\]\)\?")
    assert one.process.poll() is None, "it waits for the answer"
    one.type("y")
    assert one.exit_code() == 0
    assert left() == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_lab_ends_with_its_program_and_leaves_nothing(lab, sent):
    one, facts, left = lab
    assert facts["pid"] == one.process.pid, "no signal can miss it"
    one.process.send_signal(sent)
    assert one.exit_code() == 0
    assert left() == []


def test_ablykit_is_a_command_in_the_terminals_of_lab(lab):
    _, facts, _ = lab
    token = {"token": facts["token"]}
    name = httpx.post(f"{facts['url']}api/terminals", params=token).json()["name"]
    url = f"{facts['url'].replace('http', 'ws')}terminals/websocket/{name}?token={facts['token']}"
    with connect(url) as shell:
        shell.send(json.dumps(["stdin", "command -v ablykit\r"]))
        said = ""
        while f"{sysconfig.get_path('scripts')}/ablykit" not in said:
            said += json.loads(shell.recv(timeout=20))[-1] or ""


def test_lab_in_a_home_that_can_not_be_written_keeps_its_files_elsewhere(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path / "none"), "TMPDIR": str(tmp_path)}
    done = run("lab", "--version", cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"JupyterLab keeps its files in {tmp_path}" in done.stderr


def test_notebooks_that_came_with_the_package_are_copied_once(tmp_path, monkeypatch, capsys):
    shipped = tmp_path / "package"
    (shipped / "notebooks").mkdir(parents=True)
    (shipped / "notebooks" / cli.FIRST_NOTEBOOK).write_text("{}")
    monkeypatch.setattr(cli, "HERE", shipped)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    copy = cli._notebooks()
    assert (copy / cli.FIRST_NOTEBOOK).read_text() == "{}"
    assert "yours to change" in capsys.readouterr().err
    (copy / cli.FIRST_NOTEBOOK).write_text("mine")
    assert cli._notebooks() == copy
    assert (copy / cli.FIRST_NOTEBOOK).read_text() == "mine"
    monkeypatch.chdir(copy)
    assert cli._notebooks() == copy
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    monkeypatch.chdir(blocked)
    monkeypatch.setattr(cli.shutil, "copytree", _not_allowed)
    with pytest.raises(typer.Exit):
        cli._notebooks()
    assert "can't be copied" in capsys.readouterr().err


def _not_allowed(*arguments):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    "limit", ["retention", "retention=x", "retention=0", "retention=-1", "=", "retention=²"]
)
def test_a_limit_is_a_name_and_a_number_above_zero(limit):
    with pytest.raises(ValueError, match="NAME=NUMBER"):
        cli._limits([limit])
    assert cli._limits(["retention=5", "memory=7"]) == {"retention": 5, "memory": 7}
