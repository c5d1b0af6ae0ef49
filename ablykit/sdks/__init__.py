"""Clients that are ready to be judged: this package's own, and Ably's SDKs for Python and JavaScript.

    ablykit judge ably-js
    ablykit.judge.run("ably-python")

Each is a small adapter that turns the judge's orders into calls of its SDK, and nothing else: whatever an SDK
does not do by itself is not done for it here.
"""

import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ablykit.sdks.ably_python import AblyPython
from ablykit.sdks.own import Own

ABLY_JS = Path(__file__).with_name("ably_js.cjs")


def _own() -> Callable[..., object]:
    return Own


def _ably_python() -> Callable[..., object]:
    if find_spec("ably") is None:
        raise ValueError("The package ably is not installed. Install it with: pip install ably")
    return AblyPython


def _ably_js() -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise ValueError("Node is not installed, and ably-js needs it. See https://nodejs.org")
    command = [node, str(ABLY_JS)]
    found = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False, timeout=30)
    if found.returncode:
        raise ValueError(f"The package ably is not in {Path.cwd()}. Install it there with: npm install ably")
    return command


READY: dict[str, Callable[[], Callable[..., object] | list[str]]] = {
    "ablykit": _own,
    "ably-python": _ably_python,
    "ably-js": _ably_js,
}
"""What returns the client of each name: a factory of objects, or a command. It raises `ValueError`, with what
to do, where the SDK is not installed."""
