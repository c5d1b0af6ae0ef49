"""`ablykit lab`: it starts JupyterLab, and leaves nothing behind."""

import json
import os
import re
import signal
import sysconfig
import tempfile
import time

import httpx
import pytest
import typer

from ablykit.cli import lab as lab_command
from tests.cli.running import run
from tests.foreign import connect
from tests.notebook import ROOT


def test_lab_without_notebooks_or_a_place_for_them_says_what_to_do(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("lab", "--version", cwd=empty)
    shipped = "ablykit-notebooks" in done.stderr
    assert shipped or "run this in the project's folder" in done.stderr


def test_lab_starts_jupyterlab_with_the_notebooks_and_takes_its_arguments(tmp_path):
    done = run("lab", "--version", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+\.\d+.*\n", done.stdout)
    assert done.stderr == "", "such as JupyterLab's own yarn, which a package.json above .venv can break"


@pytest.fixture
def lab(terminal, tmp_path):
    """JupyterLab as `ablykit lab` starts it: its terminal, its facts, and what it leaves."""
    runtime = tmp_path / "runtime"
    one = terminal(
        "lab", "--no-browser", "--port", "0",
        env={"JUPYTER_RUNTIME_DIR": str(runtime), "SHELL": "/bin/sh", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    one.wait_for(r"token=\w+", timeout=60)
    deadline = time.monotonic() + 20
    while not (files := list(runtime.glob("jpserver-*.json"))) or not files[0].read_text().endswith("}"):
        assert time.monotonic() < deadline, "JupyterLab did not write down where it runs"
        time.sleep(0.01)

    def left():
        return [path.name for path in runtime.iterdir() if path.name != "jupyter_cookie_secret"]

    return one, json.loads(files[0].read_text()), left


def test_lab_asks_after_one_ctrl_c_and_ends_with_nothing_left(lab):
    one, _, left = lab
    one.press(b"\x03")
    one.wait_for(r"Shut down this Jupyter server \(y/\[n\]\)\?")
    assert one.process.poll() is None, "it waits for the answer"
    one.type("y")
    assert one.exit_code() == 0
    assert left() == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_lab_ends_with_its_program_and_leaves_nothing(lab, sent):
    one, facts, left = lab
    assert facts["pid"] == one.process.pid, "no signal can miss it"
    one.process.send_signal(sent)
    assert one.exit_code() == 0
    assert left() == []


def test_ablykit_is_a_command_in_the_terminals_of_lab(lab):
    _, facts, _ = lab
    token = {"token": facts["token"]}
    name = httpx.post(f"{facts['url']}api/terminals", params=token).json()["name"]
    url = f"{facts['url'].replace('http', 'ws')}terminals/websocket/{name}?token={facts['token']}"
    with connect(url) as shell:
        shell.send(json.dumps(["stdin", "command -v ablykit\r"]))
        said = ""
        while f"{sysconfig.get_path('scripts')}/ablykit" not in said:
            said += json.loads(shell.recv(timeout=20))[-1] or ""


def test_lab_in_a_home_that_can_not_be_written_keeps_its_files_elsewhere(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path / "none"), "TMPDIR": str(tmp_path)}
    done = run("lab", "--version", cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"JupyterLab keeps its files in {tmp_path}" in done.stderr


def test_notebooks_that_came_with_the_package_are_copied_once(tmp_path, monkeypatch, capsys):
    shipped = tmp_path / "package"
    (shipped / "notebooks").mkdir(parents=True)
    (shipped / "notebooks" / lab_command.FIRST_NOTEBOOK).write_text("{}")
    monkeypatch.setattr(lab_command, "PACKAGE", shipped)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    copy = lab_command._notebooks()
    assert (copy / lab_command.FIRST_NOTEBOOK).read_text() == "{}"
    assert "change them as you like" in capsys.readouterr().err
    (copy / lab_command.FIRST_NOTEBOOK).write_text("mine")
    assert lab_command._notebooks() == copy
    assert (copy / lab_command.FIRST_NOTEBOOK).read_text() == "mine"
    monkeypatch.chdir(copy)
    assert lab_command._notebooks() == copy
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    monkeypatch.chdir(blocked)
    monkeypatch.setattr(lab_command.shutil, "copytree", _not_allowed)
    with pytest.raises(typer.Exit):
        lab_command._notebooks()
    assert "can't be copied" in capsys.readouterr().err


def _not_allowed(*arguments):
    raise PermissionError(13, "Permission denied")


def test_without_jupyterlab_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(lab_command.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(typer.Exit):
        lab_command.lab(None)
    assert "pip install 'ablykit[lab]'" in capsys.readouterr().err


def test_where_nothing_can_be_written_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no folder"))
    (tmp_path / "no folder").write_text("")
    with pytest.raises(typer.Exit):
        lab_command._lab_environment()
    assert "There is no place for JupyterLab's files" in capsys.readouterr().err
