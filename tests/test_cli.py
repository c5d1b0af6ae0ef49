"""The command line, as a stranger uses it: at a terminal, in a pipe, in a script."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import typer

from ablykit import cli
from ablykit.analysis.search import LANGUAGE
from ablykit.recording import load
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
    one.wait_for(r"Connected to wss://.*\*\*\*\*\. Type a frame")
    one.wait_for('"action":4')
    one.type('{"action": 10}')
    one.wait_for("Missing channel identifier")
    one.type('{"action": 10, "channel": "my_channel"}')
    one.wait_for('"action":11,"flags":983040')
    one.press(b"\x04")
    one.wait_for('"action":8')
    assert one.exit_code() == 0


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
            url = terminal.wait_for(r"(wss://127\.0\.0\.1:\d+) and ws://").group(1)
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
        url = terminal.wait_for(r"(wss://127\.0\.0\.1:\d+) and ws://").group(1)
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
