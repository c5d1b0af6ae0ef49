"""A client that is a program, and everything that one may do wrong."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablykit.judge import program
from ablykit.judge.lines import LONGEST_LINE, Order, Report
from ablykit.judge.program import Lines, Program, programs
from tests.judge.listening import PLACE, Heard

ECHO = """
import json, sys
def say(**report):
    print(json.dumps(report), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "close":
        break
    say(log=order["do"])
"""


async def drive(code, *orders, until=lambda heard: True, patience=5.0):
    """Run a program of these lines, give it orders, and let it finish; return what it said and was."""
    heard = Heard()
    client = programs([sys.executable, "-S", "-c", code])(PLACE, heard)
    await client.open()
    for order in orders:
        client.tell(Order(order))
    await heard.until(lambda: until(heard))
    client.tell(Order("close"))
    await client.finish(patience)
    return heard, client


def run(*arguments, **options):
    return asyncio.run(drive(*arguments, **options))[0]


def is_gone(pid):
    """Whether a process that was killed is gone. It may take a moment to die."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if program._state(Path(f"/proc/{pid}/stat"))[0] in "ZX":
            return True
        time.sleep(0.01)
    return False


def test_a_good_client_is_heard_and_ends_by_itself():
    heard = run(ECHO, "start", "attach", until=lambda heard: len(heard.reports) == 2)
    assert heard.reports == [Report(log="start"), Report(log="attach")]
    assert heard.troubles == []


def test_it_has_its_place_in_the_environment_and_no_one_elses_key(monkeypatch):
    monkeypatch.setenv("ABLY_API_KEY", "somebody's")
    code = """
import json, os
print(json.dumps({"log": " ".join(f"{k}={v}" for k, v in os.environ.items() if "ABLY" in k)}))
"""
    (report,) = run(code, until=lambda heard: heard.reports).reports
    assert set(report.log.split()) == {
        f"{name}={value}" for name, value in PLACE.environment.items() if "ABLY" in name
    }


def test_garbage_is_a_mistake_each_and_the_client_goes_on():
    code = f"""
import sys
sys.stdout.buffer.write(b'hello\\n\\n   \\n\\xff\\xfe\\n[1]\\n{{"did":"publish"}}\\r\\n')
sys.stdout.flush()
{ECHO}"""
    heard = run(code, "start", until=lambda heard: heard.reports)
    assert heard.kinds == ["mistake"] * 4
    assert ": hello" in heard.troubles[0][1]
    assert r"\xff\xfe" in heard.troubles[1][1]
    assert heard.reports == [Report(log="start")]


def test_a_line_of_ten_megabytes_is_one_mistake_and_the_next_is_read():
    code = f"""
print("x" * 10_000_000, flush=True)
{ECHO}"""
    heard = run(code, "start", until=lambda heard: heard.reports)
    assert heard.troubles == [("mistake", f"It printed a line of more than {LONGEST_LINE:,} bytes")]
    assert heard.reports == [Report(log="start")]


def test_a_last_line_without_an_end_is_read():
    heard = run("print('{\"log\":\"bye\"}', end='')", until=lambda heard: heard.troubles)
    assert heard.reports == [Report(log="bye")]


def test_a_crash_is_told_with_its_last_words():
    code = "import sys; print('one\\ntwo', file=sys.stderr); sys.exit(7)"
    heard = run(code, until=lambda heard: heard.troubles)
    assert heard.troubles == [
        ("crashed", "It exited with 7 in the middle of the run. The last line of its standard error: two")
    ]


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40")])
def test_a_signal_is_told_by_its_name(number, name):
    heard = run(f"import os; os.kill(os.getpid(), {number})", until=lambda heard: heard.troubles)
    ((kind, text),) = heard.troubles
    assert kind == "crashed"
    assert name in text


def test_one_that_ends_before_it_is_known_to_have_started_is_told():
    """Its last words and its end may be reported before the call that starts it returns."""

    async def drive():
        loop, heard = asyncio.get_running_loop(), Heard()
        start = loop.subprocess_exec

        async def slowly(*arguments, **options):
            transport, protocol = await start(*arguments, **options)
            while transport.get_returncode() is None or not heard.reports:
                await asyncio.sleep(0.005)
            return transport, protocol

        loop.subprocess_exec = slowly
        client = programs([sys.executable, "-S", "-c", 'print(\'{"log":"bye"}\')'])(PLACE, heard)
        await client.open()
        await heard.until(lambda: heard.troubles)
        await client.finish(5)
        return heard

    heard = asyncio.run(drive())
    assert (heard.reports, heard.kinds) == ([Report(log="bye")], ["crashed"])


def test_an_end_that_is_not_zero_is_told():
    heard = run("import sys; sys.stdin.readline(); sys.exit(3)")
    assert heard.troubles == [("exit-code", "It was asked to close, and exited with 3")]


def test_one_that_never_ends_is_killed():
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"log":"%d"}' % os.getpid(), flush=True)
while True: time.sleep(1)
"""
    heard = run(code, until=lambda heard: heard.reports, patience=0.3)
    assert heard.troubles == [("never-exited", "It was asked to close and had not exited 0.3 s later")]
    assert is_gone(int(heard.reports[0].log))


FORKS = """
import os, sys, time
if child := os.fork():
    print('{"log":"%d"}' % child, flush=True)
    sys.stdin.readline()
else:
    """


def test_a_child_that_stays_behind_is_killed_and_told():
    heard = run(f"{FORKS}time.sleep(100)", until=lambda heard: heard.reports)
    assert heard.troubles == [("left-behind", "It exited and left processes behind, which were killed")]
    assert is_gone(int(heard.reports[0].log))


def test_a_child_in_a_session_of_its_own_holds_nothing_up(monkeypatch):
    """It left the group and can't be known to be the client's. Its hold on the output must not matter."""
    monkeypatch.setattr(program, "LAST_WORDS", 0.2)
    heard = run(f"{FORKS}os.setsid(); time.sleep(100)", until=lambda heard: heard.reports)
    os.kill(int(heard.reports[0].log), 9)  # raises if it is gone, which would mean that it was waited for
    assert heard.troubles == []


def test_one_that_does_not_read_holds_nothing_up():
    orders = ["x" * 100_000] * 50
    heard = run("import time; time.sleep(100)", *orders, patience=0.2)
    assert heard.kinds == ["never-exited"]


def test_one_that_prints_without_end_is_ended(monkeypatch):
    monkeypatch.setattr(program, "MOST_LINES", 1_000)
    heard = run("while True: print('{}')", until=lambda heard: heard.troubles)
    assert heard.troubles == [("flood", "It printed more than 1,000 lines, and was ended")]


def test_of_its_standard_error_the_newest_lines_are_kept():
    code = (
        "import sys\nfor n in range(100): print(n, file=sys.stderr)\nprint('x' * 2_000_000, file=sys.stderr)"
    )
    heard, client = asyncio.run(drive(code, until=lambda heard: heard.troubles))
    assert heard.kinds == ["crashed"]
    assert list(client.errors)[-2:] == ["99", "(a very long line)"]
    assert len(client.errors) == program.KEPT_ERRORS


@pytest.mark.parametrize("command", [["/nowhere/at/all"], ["a\0b"]])
def test_what_can_not_be_started_is_told(command):
    async def drive():
        heard = Heard()
        client = Program(command, PLACE, heard)
        await client.open()
        client.tell(Order("start"))
        await client.finish(1)
        return heard

    ((kind, text),) = asyncio.run(drive()).troubles
    assert kind == "not-started"
    assert "can't be started" in text


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_are_the_same_however_they_come_in_pieces(whole, data):
    text = b"".join(line + b"\n" for line in whole)
    lines, found, place = Lines(longest=10), [], 0
    while place < len(text):
        size = data.draw(st.integers(1, len(text)))
        found += lines.take(text[place : place + size])
        place += size
    assert found == [None if len(line) > 10 else line.rstrip(b"\r") for line in whole]
    assert lines.rest == b""


def test_what_is_no_group_does_not_run():
    assert program.runs(os.getpgid(0))
    assert not program.runs(2**22)
