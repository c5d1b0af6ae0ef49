"""Recordings at the command line: made, read, searched, compared, sent again."""

import json
import re
import resource
import shlex
import signal
import subprocess
import sys

import pytest

from ablykit import wire
from ablykit.record.files import load
from ablykit.record.search import LANGUAGE
from tests.cli.running import ABLYKIT, run
from tests.terminal import Terminal


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


def test_a_relay_loses_what_its_rules_say(ably):
    terminal = Terminal(
        *ABLYKIT, "relay", "--to", ably.tls_url, "--rule", "drop action=HEARTBEAT direction=in nth=1"
    )
    try:
        url = terminal.wait_for(r"connect to  (wss://127\.0\.0\.1:\d+)").group(1)
        with wire.connect(f"{url}/?key={ably.key}&heartbeats=false") as conn:
            conn.send({"action": 0, "id": "1"}, {"action": 0, "id": "2"})
            assert conn.recv("HEARTBEAT")["id"] == "2"
        terminal.wait_for(r"← fault +drop")
        terminal.press(b"\x03")
        assert terminal.exit_code() == 0
    finally:
        terminal.close()


def test_a_rule_that_means_nothing_is_refused(ably):
    done = run("relay", "--to", ably.tls_url, "--rule", "explode")
    assert done.returncode == 1
    assert "There is no action 'explode'. There are drop" in " ".join(done.stderr.split())


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
        key = terminal.wait_for(r"with the key (\S+)").group(1)
        url = terminal.wait_for(r"connect to  (wss://127\.0\.0\.1:\d+)").group(1)
        typed = '{"action":10,"channel":"c"}\n'
        done = run(
            "connect", f"{url}/?key={key}&heartbeats=false&format=msgpack", "--record", str(own), stdin=typed
        )
        assert done.returncode == 0, done.stderr
        while_written = [entry.action for entry in load(file)]
        assert {"ATTACH", "ATTACHED"} <= set(while_written), "it can be read while it is written"
        terminal.press(b"\x03")
        terminal.wait_for(r"\d+ entries were written to")
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
    with wire.connect(f"{url}?key={ably.key}") as conn:
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
    code = f"import sys; from ablykit.cli.main import main; sys.argv = ['ablykit', 'show', {file!r}, '--search', {search!r}]; main()"
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
