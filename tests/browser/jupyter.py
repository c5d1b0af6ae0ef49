"""A JupyterLab that was started as a person starts it, and a browser that looks at it."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import needs
from tests.notebook import ROOT

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
APP = ("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True")
"""The page then says what is going on in it; what it shows (an indicator, a number) comes and goes."""
READY = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  let panel = null;
  while (!(panel = app.shell.currentWidget)?.sessionContext) await new Promise(requestAnimationFrame);
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.revealed;
  await panel.sessionContext.session.kernel.info;
}"""
RUN = """async () => {
  const { commands } = window.jupyterapp;
  await commands.execute('notebook:clear-all-cell-outputs');  // numbers stored with it would look like a run
  await commands.execute('notebook:run-all-cells');
}"""
STATE = """() => {
  const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
  const kernel = sessionContext.session?.kernel;
  const code = content.model.sharedModel.cells.filter((cell) => cell.cell_type === 'code');
  const cells = code.map((cell) => cell.execution_count);
  return { cells, kernel: [kernel?.connectionStatus, kernel?.status], session: sessionContext.isReady };
}"""


@contextmanager
def lab(*arguments, command=(sys.executable, "-m", "ablykit", "lab"), env=None, **options):
    """Start JupyterLab on a free port, its settings and workspaces fresh; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    token = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="lab-") as place:
        os.chmod(place, 0o777)
        fresh = {"JUPYTERLAB_SETTINGS_DIR": f"{place}/s", "JUPYTERLAB_WORKSPACES_DIR": f"{place}/w"}
        process = subprocess.Popen(
            [*command, "--no-browser", "--port", port, f"--IdentityProvider.token={token}", *APP, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            env={**(env or os.environ), **fresh}, **options,
        )  # fmt: skip
        try:
            yield _url(process).replace("token=...", f"token={token}")
        finally:
            _end(process)


def _end(process):
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _url(process, timeout=60):
    seen, deadline = "", time.monotonic() + timeout
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.2)[0]:
            data = os.read(process.stdout.fileno(), 65536).decode()
            seen += data
            if found := re.search(r"(http://127\.0\.0\.1:\d+\S*/(?:lab|tree)\S*\?token=\S+)", seen):
                return found[1]
            if not data:
                break
    raise AssertionError(f"JupyterLab did not start:\n{seen}")


@contextmanager
def browser():
    from playwright.sync_api import sync_playwright

    executable = needs("chromium", shutil.which("chromium"))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM))
        yield chromium
        chromium.close()


def at(url, notebook):
    """The URL of a notebook, in a workspace of its own, so that no other page's tabs are restored."""
    return re.sub(r"/lab[^?]*", f"/lab/workspaces/{uuid.uuid4().hex}/tree/{notebook}", url)


def opened(chromium, url, *, dark=False):
    """A page at `url`, loaded, its kernel there; what went wrong in its console is in `errors`."""
    context = chromium.new_context(viewport={"width": 1240, "height": 1150})
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(url)
    page.wait_for_selector(".jp-Notebook", timeout=60_000)
    page.evaluate(READY)
    if dark:
        choose(page, "Settings", "Theme", "JupyterLab Dark")
        page.wait_for_selector('body[data-jp-theme-light="false"]', state="attached")
    return page


def choose(page, *path):
    """Choose from the menus, as with a mouse."""
    page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{path[0]}$")).click()
    for depth, name in enumerate(path[1:]):
        item = page.locator(".lm-Menu-item", has=page.locator(f'.lm-Menu-itemLabel:text-is("{name}")')).last
        item.hover()
        if depth == len(path) - 2:
            item.click()


def run_all(page):
    """Run All Cells, and wait until all have run and what they show is on the page."""
    page.evaluate(READY)
    page.evaluate(RUN)
    state = page.evaluate(STATE)
    assert all(state["cells"]), f"Not every cell ran: {state}"
    errors = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
    if errors:
        raise AssertionError("\n".join(errors))


def scratch(place, *cells):
    """Write a notebook of these code cells into a lab's folder; tells its name."""
    name = f"{uuid.uuid4().hex}.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel})
    nbformat.write(notebook, place / "notebooks" / name)
    return name


ARROWS = {"sent": "→", "received": "←"}


def rows(page, number=0):
    """The rows that an inspector shows: arrow and action of each."""
    panel = page.locator(".ablykit-inspector").nth(number)
    panel.scroll_into_view_if_needed()
    return [
        (ARROWS[row.locator(".ak-arrow").get_attribute("aria-label")], row.locator(".ak-action").inner_text())
        for row in panel.locator(".ak-row").all()
    ]


def execute(page, code):
    """Run code in the notebook's kernel, as a cell would, but from nowhere on the page."""
    page.evaluate(
        "(code) => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code }).done",
        code,
    )


def picture(page, name, cell):
    """Keep a picture of a cell, or of a part of the page, for the README when asked to: PICTURES=1."""
    if os.environ.get("PICTURES"):
        part = page.locator(".jp-CodeCell").nth(cell) if isinstance(cell, int) else cell
        page.mouse.move(0, 0)
        part.scroll_into_view_if_needed()
        part.screenshot(path=ROOT / "docs" / f"{name}.png")
