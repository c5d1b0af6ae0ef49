"""What Binder does: another user, another path, a prefix and a token; and notebook 00 to its end."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.browser.jupyter import at, browser, lab, opened, rows, run_all
from tests.browser.test_lab import AGAIN, FIRST
from tests.conftest import needs
from tests.notebook import ROOT

pytestmark = pytest.mark.timeout(300)

NOBODY = 65534


@pytest.fixture(scope="module")
def somebody():
    """How to run as a user other than root; nothing to do for who is none."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def place(somebody):
    """A folder that belongs to that user."""
    with tempfile.TemporaryDirectory(prefix="somebody-") as name:
        if somebody:
            os.chown(name, NOBODY, NOBODY)
        yield Path(name)


@pytest.fixture(scope="module")
def system_python(somebody):
    """A Python that user may run: root's own may lie in root's home."""
    check = "import sys, ensurepip; assert sys.version_info >= (3, 11)"
    for candidate in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([candidate, "-c", check], check=False, **somebody).returncode == 0:
                return candidate
        except OSError:
            continue
    return needs("a Python that is not root's alone", None)


@pytest.fixture(scope="module")
def built(place, somebody, system_python):
    """What repo2docker makes of a clean clone: its requirements installed, its post-build run.

    Gives the clone and the environment to run things in.
    """
    environment = {**os.environ, "HOME": str(place)}
    for variable in ("PYTHONSTARTUP", "JUPYTER_CONFIG_DIR", "VIRTUAL_ENV"):
        environment.pop(variable, None)

    def run(*command, cwd):
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd=cwd,
            **somebody,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    clone, env = place / "repo", place / "env"
    git = needs("git", shutil.which("git"))
    subprocess.run([git, "clone", "--quiet", str(ROOT), str(clone)], check=True, capture_output=True)
    if somebody:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(place)], check=True)
    assert re.fullmatch(r"python-3\.\d+\n", (clone / "binder" / "runtime.txt").read_text())
    run(system_python, "-m", "venv", str(env), cwd=place)
    environment["PATH"] = f"{env}/bin:{environment['PATH']}"
    run("pip", "install", "-q", "--no-cache-dir", "-r", "binder/requirements.txt", cwd=clone)
    run(str(clone / "binder" / "postBuild"), cwd=clone)
    return clone, environment


def test_a_visitor_runs_the_first_notebook(built, somebody):
    clone, environment = built
    command = (f"{environment['HOME']}/env/bin/python", "-m", "jupyterlab")
    prefix = "--ServerApp.base_url=/user/somebody-x1/"
    with (
        lab(prefix, command=command, cwd=clone, env=environment, **somebody) as url,
        browser() as chromium,
    ):
        assert "/user/somebody-x1/lab" in url
        page = opened(chromium, at(url, "notebooks/00_start_here.ipynb"))
        run_all(page)
        page.wait_for_selector(".ak-row >> nth=9")
        assert rows(page) == FIRST + AGAIN
        assert page.locator(".Toastify__toast").count() == 0
        assert page.errors == []


def test_installed_elsewhere_and_without_a_home_the_notebooks_come_along(built, place, somebody):
    _, environment = built
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    if somebody:
        os.chown(elsewhere, NOBODY, NOBODY)
    command = (f"{place}/env/bin/ablykit", "lab")
    homeless = {**environment, "HOME": "/proc"}
    with (
        lab(command=command, cwd=elsewhere, env=homeless, **somebody) as url,
        browser() as chromium,
    ):
        assert (elsewhere / "ablykit-notebooks" / "05_publish_ack.ipynb").exists()
        page = opened(chromium, at(url, "00_start_here.ipynb"))
        run_all(page)
        page.wait_for_selector(".ak-row >> nth=9")
        assert page.errors == []
