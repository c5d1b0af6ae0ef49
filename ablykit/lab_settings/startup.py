"""Run when a notebook's kernel starts: make a NameError say what to do about it."""

from typing import Any

EARLIER_CELL = (
    "No cell that has run so far defines this name. If an earlier cell does, run it first, as after every"
    " restart of the kernel: choose Run, then Run All Above Selected Cell."
)
IN_THE_PACKAGE = "{name} is part of the package: write ablykit.{name}."


def _advice(error: NameError) -> str:
    """Return what to do about the name: the package may have it, or an earlier cell defines it."""
    import ablykit

    if error.name in ablykit.__all__:
        return IN_THE_PACKAGE.format(name=error.name)
    return EARLIER_CELL


def _explain(shell: Any, kind: type, error: NameError, traceback: Any, tb_offset: Any = None) -> None:
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    print(_advice(error))


def _register() -> None:
    from IPython import get_ipython  # type: ignore[reportPrivateImportUsage]

    if shell := get_ipython():
        shell.set_custom_exc((NameError,), _explain)


_register()
