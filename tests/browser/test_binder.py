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


@pytest.fixture
def somebody():
    """How to run as a user other than root; nothing to do for who is none."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def place(somebody):
    """A folder that belongs to that user."""
    with tempfile.TemporaryDirectory(prefix="somebody-") as name:
        if somebody:
            os.chown(name, NOBODY, NOBODY)
        yield Path(name)


@pytest.fixture
def python(somebody):
    """A Python that user may run: root's own may lie in root's home."""
    check = "import sys, ensurepip; assert sys.version_info >= (3, 11)"
    for candidate in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([candidate, "-c", check], check=False, **somebody).returncode == 0:
                return candidate
        except OSError:
            continue
    return needs("a Python that is not root's alone", None)


def test_binder_builds_it_and_a_visitor_runs_the_first_notebook(place, somebody, python):
    git = needs("git", shutil.which("git"))
    home = {**os.environ, "HOME": str(place), "JUPYTER_PLATFORM_DIRS": "1"}
    for variable in ("PYTHONSTARTUP", "JUPYTER_CONFIG_DIR", "VIRTUAL_ENV"):
        home.pop(variable, None)

    def run(*command, **options):
        done = subprocess.run(
            command,
            env=home,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            **somebody,
            **options,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    clone = place / "repo"
    subprocess.run([git, "clone", "--quiet", str(ROOT), str(clone)], check=True, capture_output=True)
    if somebody:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(place)], check=True)
    assert re.fullmatch(r"python-3\.\d+\n", (clone / "binder" / "runtime.txt").read_text())
    run(python, "-m", "venv", str(place / "env"), cwd=place)
    python = place / "env" / "bin" / "python"
    run(
        str(python),
        "-m",
        "pip",
        "install",
        "-q",
        "--no-cache-dir",
        "-r",
        "binder/requirements.txt",
        cwd=clone,
    )
    home["PATH"] = f"{python.parent}:{home['PATH']}"
    run(str(clone / "binder" / "postBuild"), cwd=clone)

    command = (str(python), "-m", "jupyterlab")
    prefix = "--ServerApp.base_url=/user/somebody-x1/"
    with (
        lab(prefix, command=command, cwd=clone, env=home, **somebody) as url,
        browser() as chromium,
    ):
        assert "/user/somebody-x1/lab" in url
        page = opened(chromium, at(url, "notebooks/00_start_here.ipynb"))
        run_all(page)
        page.wait_for_selector(".ak-row >> nth=9")
        assert rows(page) == FIRST + AGAIN
        assert page.locator(".Toastify__toast").count() == 0
        assert page.errors == []
