"""Runs as a notebook's kernel starts: what to do about a name that a restart took away."""

from typing import Any

HINT = (
    "This name is made in an earlier cell. After a restart of the kernel the earlier cells must run"
    " again: choose Run, then Run All Above Selected Cell."
)


def _explain(shell: Any, kind: type, error: NameError, traceback: Any, tb_offset: Any = None) -> None:
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    print(HINT)


def _register() -> None:
    from IPython import get_ipython  # type: ignore[reportPrivateImportUsage]

    if shell := get_ipython():
        shell.set_custom_exc((NameError,), _explain)


_register()
