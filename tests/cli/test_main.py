"""The `ablykit` command itself."""

import re

from tests.cli.running import run


def test_the_version_is_told():
    done = run("--version")
    assert re.fullmatch(r"ablykit \d+\.\d+\.\d+\S*\n", done.stdout)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_is_for_newcomers():
    done = run("--help")
    for command in ("serve", "connect", "explain", "lab"):
        assert command in done.stdout
        assert "Usage" in run(command, "--help").stdout
    assert run().returncode in (0, 2)
