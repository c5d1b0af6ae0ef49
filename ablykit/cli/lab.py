"""`ablykit lab`: open the notebooks in JupyterLab."""

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
    """Open the notebooks in JupyterLab. Other arguments are passed on to JupyterLab."""
    if importlib.util.find_spec("jupyterlab") is None:
        fail("JupyterLab is not installed. Install it with: pip install 'ablykit[lab]'")
    root = _notebooks()
    os.environ.update(_lab_environment())
    from jupyterlab import labapp  # type: ignore[import-untyped]

    # JupyterLab runs in this process and handles the signals itself: after Ctrl+C it asks, and when it stops
    # it removes its files. It does not handle SIGHUP, which closing a terminal window sends: make it SIGTERM.
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
    """Return the folder of the notebooks: one that is here, or a copy made here from the package."""
    for root in (Path("notebooks"), Path(".")):
        if (root / FIRST_NOTEBOOK).exists():
            return root.resolve()
    shipped, copy = PACKAGE / "notebooks", Path("ablykit-notebooks")
    if not shipped.is_dir():
        fail(f"There is no {FIRST_NOTEBOOK} here or in ./notebooks: run this in the project's folder")
    if not copy.exists():
        try:
            shutil.copytree(shipped, copy)
        except OSError as error:
            fail(f"The notebooks can't be copied to {copy.resolve()}: {error.strerror}")
        print(f"The notebooks were copied to {copy.resolve()}: change them as you like", file=sys.stderr)
    return copy.resolve()


def _shell() -> list[str]:
    """Return the argument that sets the shell of JupyterLab's terminals.

    Without it, JupyterLab may start a login shell. On many systems that resets PATH, so `ablykit` would not
    be found.
    """
    shell = os.environ.get("SHELL")
    return [f"--ServerApp.terminado_settings=shell_command={shlex.quote(shell)}"] if shell else []


def _is_root() -> bool:
    """Return whether this process runs as root, as in many containers. JupyterLab refuses that by default."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _lab_environment() -> dict[str, str]:
    """Return the environment for JupyterLab, in whose terminals `ablykit` is a command.

    If HOME is not writable, JupyterLab's files go to a private directory, the same one each time.
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
        fail(f"There is no place for JupyterLab's files: {home} is not writable, and {error}")
    print(f"{home} is not writable, so JupyterLab keeps its files in {place}", file=sys.stderr)
    for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[variable] = str(Path(place, variable.lower()))
    return environment
