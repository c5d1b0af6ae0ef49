"""What can be typed while a server runs."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ablykit.cli.controls import _lines, obey
from tests.cli.running import run
from tests.terminal import Terminal


def test_its_clock_is_moved(ably):
    assert obey(ably, "advance 60")["ahead"] == 60
    assert obey(ably, "  advance\t0.5 ")["said"] == "The server's clock is now 60.5 s ahead."
    assert ably.ahead == 60.5


@pytest.mark.parametrize(
    "line", ["advance", "advance x", "advance -1", "advance nan", "advance inf", "advance 1 2", "advance 1s"]
)
def test_a_clock_that_cannot_be_moved_so_stays(ably, line):
    assert "such as: advance 60" in obey(ably, line)["error"]
    assert ably.ahead == 0


def test_another_word_is_answered_with_what_there_is(ably):
    assert (
        obey(ably, "<b>stop</b> now")["error"]
        == "There is no control '<b>stop</b>'. There is: advance SECONDS"
    )
    assert obey(ably, "  ") is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\n\n", ["a\r", ""]),
        (b"no end", ["no end"]),
        (b"\xff\n", ["\ufffd"]),
        (b"x" * 10_000 + b"\nadvance 1\n", ["x" * 10_000, "advance 1"]),
    ],
)
def test_lines_are_read_whatever_is_written(written, read):
    ours, theirs = os.pipe()
    os.write(theirs, written)
    os.close(theirs)
    lines = list(_lines(ours))
    os.close(ours)
    assert "".join(lines) == "".join(read)
    assert lines[-1:] == read[-1:]


def test_a_program_writes_to_the_server_that_it_started(serving):
    _, process = serving(stdin=subprocess.PIPE)
    answers = []
    for line in ("advance 60\n", "\n", "advance\n", "advance 40\n"):
        process.stdin.write(line)
        process.stdin.flush()
        if line.strip():
            answers.append(json.loads(process.stdout.readline()))
    assert [answer.get("ahead") for answer in answers] == [60, None, 100]
    assert "such as: advance 60" in answers[1]["error"]
    process.stdin.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_somebody_types_it_at_a_terminal(terminal):
    one = terminal("serve")
    one.wait_for("Press Ctrl\\+C")
    one.type("advance 90")
    one.wait_for("The server's clock is now 90 s ahead")
    one.press(b"\x03")
    assert one.exit_code() == 0


def test_a_server_in_the_background_of_a_terminal_goes_on(tmp_path):
    """It may not be stopped for reading from a terminal that is somebody else's."""
    shell = Terminal("/bin/sh", "-i", env={"PS1": "", "ENV": ""})
    try:
        shell.type(f"set -m; {sys.executable} -m ablykit serve --json > {tmp_path}/facts &")
        shell.type(f"until [ -s {tmp_path}/facts ]; do :; done; echo it has begun | tr a-z A-Z")
        shell.wait_for("IT HAS BEGUN")
        facts = json.loads((tmp_path / "facts").read_text())
        done = run("connect", f"{facts['tls_url']}/?key={facts['key']}", stdin='{"action":0}\n')
        assert '{"action":0}' in done.stdout
        shell.type("jobs; kill %1; wait; exit")
        shell.wait_for("Running")
        shell.exit_code()
    finally:
        shell.close()
