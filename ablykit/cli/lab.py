"""`ablykit lab`: the notebooks in JupyterLab."""

import importlib.util
import os
import shlex
import shutil
import signal
import sys
import sysconfig
from pathlib import Path
from typing import Any, cast

import typer

from ablykit.cli.common import fail

FIRST_NOTEBOOK = "00_start_here.ipynb"


PACKAGE = Path(__file__).parent.parent


def lab(context: typer.Context) -> None:
    """Open the notebooks in JupyterLab. Further arguments go to JupyterLab."""
    if importlib.util.find_spec("jupyterlab") is None:
        fail("JupyterLab is not installed. Install it with: pip install 'ablykit[lab]'")
    root = _notebooks()
    os.environ.update(_lab_environment())
    from jupyterlab import labapp  # type: ignore[import-untyped]

    # It runs in this process, so that every signal is JupyterLab's own to answer: it asks after Ctrl+C, and
    # removes its files. A terminal window that is closed is a signal that it does not know.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda number, frame: signal.raise_signal(signal.SIGTERM))
    cast(Any, labapp).main(
        [
            f"--ServerApp.root_dir={root}",
            f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}",
            f"--LabApp.app_settings_dir={PACKAGE / 'lab_settings'}",
            *_shell(),
            *(["--allow-root"] if _is_root() else []),
            *context.args,
        ]
    )


def _notebooks() -> Path:
    """Where the notebooks are: here, or copied here from the package."""
    for root in (Path("notebooks"), Path(".")):
        if (root / FIRST_NOTEBOOK).exists():
            return root.resolve()
    shipped, copy = PACKAGE / "notebooks", Path("ablykit-notebooks")
    if not shipped.is_dir():
        fail(f"No {FIRST_NOTEBOOK} here or in ./notebooks: run this in the project's folder")
    if not copy.exists():
        try:
            shutil.copytree(shipped, copy)
        except OSError as error:
            fail(f"The notebooks can't be copied to {copy.resolve()}: {error.strerror}")
        print(f"The notebooks are yours to change in {copy.resolve()}", file=sys.stderr)
    return copy.resolve()


def _shell() -> list[str]:
    """The shell of JupyterLab's terminals, as an argument. By itself JupyterLab may start it as a login
    shell, which on many systems sets PATH anew: `ablykit` would not be found."""
    shell = os.environ.get("SHELL")
    return [f"--ServerApp.terminado_settings=shell_command={shlex.quote(shell)}"] if shell else []


def _is_root() -> bool:
    """Whether this is root, as in many containers; JupyterLab wants to be told that it is meant."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _lab_environment() -> dict[str, str]:
    """The environment for JupyterLab: `ablykit` is a command in its terminals.

    Where HOME can't be written, its files go elsewhere, to the same place each time.
    """
    from ablykit.machine.runtime import private_directory

    environment = {"PYTHONSTARTUP": str(PACKAGE / "lab_settings" / "startup.py")} | os.environ
    environment["PATH"] = os.pathsep.join(
        [sysconfig.get_path("scripts"), environment.get("PATH") or os.defpath]
    )
    home = Path(environment.get("HOME") or "~").expanduser()
    if os.access(home, os.W_OK):
        return environment
    try:
        place = private_directory() / "jupyter"
    except OSError as error:
        fail(f"There is no place for JupyterLab's files: {home} can't be written, and {error}")
    print(f"{home} can't be written; JupyterLab keeps its files in {place}", file=sys.stderr)
    for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[variable] = str(Path(place, variable.lower()))
    return environment
