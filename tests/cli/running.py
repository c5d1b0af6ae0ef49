"""The command as a program."""

import subprocess
import sys

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
