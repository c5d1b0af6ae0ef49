"""What a kernel says when a cell uses a name that isn't defined."""

import runpy

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ablykit.lab_settings import startup


@pytest.fixture
def run(capsys):
    shell = InteractiveShell.instance()

    def run(code):
        runpy.run_path(startup.__file__)
        shell.run_cell(code, store_history=False)
        return capsys.readouterr().out

    yield run
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_a_name_that_is_not_there_yet_is_explained(run):
    said = run("print(made_in_an_earlier_cell)")
    assert "NameError" in said
    assert "Run All Above Selected Cell" in said


def test_a_name_of_the_package_is_said_to_be_one(run):
    """`lessons.hint("kind")`, where only `ablykit` is imported: no earlier cell would help."""
    said = run('import ablykit\nlessons.hint("kind")')
    assert "write ablykit.lessons." in said
    assert "Run All Above" not in said


def test_any_other_error_is_shown_as_it_is(run):
    said = run("1 / 0")
    assert "ZeroDivisionError" in said
    assert "Run All Above" not in said


def test_outside_of_a_kernel_nothing_happens():
    assert not InteractiveShell.initialized()
    runpy.run_path(startup.__file__)
    assert not InteractiveShell.initialized()
