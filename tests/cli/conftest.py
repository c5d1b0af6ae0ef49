"""The command at a terminal, and a server started by it."""

import json
import subprocess

import pytest

from tests.cli.running import ABLYKIT
from tests.terminal import Terminal


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

    def make(*arguments, **options):
        process = subprocess.Popen(
            [*ABLYKIT, "serve", "--json", *arguments], stdout=subprocess.PIPE, text=True, **options
        )
        started.append(process)
        return json.loads(process.stdout.readline()), process

    yield make
    for process in started:
        process.kill()
        process.wait()
