"""The same panels in Notebook 7, and on a page without any kernel."""

import sys

import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.jupyter import choose, lab, opened, scratch
from tests.browser.test_panels import ALL, FRAMES, TALK
from tests.notebook import NOTEBOOKS, read

pytestmark = pytest.mark.timeout(180)


def watched(chromium, errors):
    page = chromium.new_context(viewport={"width": 1240, "height": 1150}).new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    return page


def test_notebook_7_shows_every_panel(place, chromium):
    name = scratch(place, TALK, *ALL)
    command = (sys.executable, "-m", "notebook", "--allow-root", "--ServerApp.root_dir=notebooks")
    with lab(command=command, cwd=place) as url:
        page = opened(chromium, url.replace("/tree", f"/notebooks/{name}", 1))
        own = list(page.errors)  # Notebook's, before anything of ours is there
        choose(page, "Run", "Run All Cells")
        inspector = page.locator(".ablykit-inspector")
        inspector.locator(".ak-row").nth(8).wait_for(timeout=60_000)
        assert inspector.locator(".ak-action").all_inner_texts() == FRAMES
        inspector.locator(".ak-row").nth(3).click()
        inspector.locator(".ak-detail strong", has_text="ATTACHED (action 11)").wait_for()
        page.locator(".ablykit-sequence-box g.chosen", has_text="ATTACHED").wait_for(state="attached")
        for cell, seen in ((3, '.ak-here[data-state="connected"]'), (4, ".ak-text"), (5, ".ablykit-replay")):
            page.locator(".jp-CodeCell").nth(cell).scroll_into_view_if_needed()
            page.locator(seen).wait_for(state="attached")
        assert page.errors == own
        page.context.close()


def test_a_page_made_by_nbconvert_shows_every_panel_without_an_error(chromium, tmp_path):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=[new_code_cell(c) for c in (TALK, *ALL)], metadata={"kernelspec": kernel})
    NotebookClient(notebook, timeout=60).execute()
    for cell in notebook.cells:
        for output in cell.outputs:
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    errors, shown = [], []
    page = watched(chromium, errors)
    page.route(
        "**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort()
    )
    for name, each in (("all", notebook), *((path.stem, read(path)) for path in NOTEBOOKS)):
        html, _ = HTMLExporter().from_notebook_node(each)
        (tmp_path / f"{name}.html").write_text(html)
        page.goto(f"file://{tmp_path}/{name}.html", wait_until="load")
        shown.append(page.locator("body").inner_text())
    for words in ("ATTACHED", "greeting: hello", "40010", "maxMessageSize", "entries played", "Composer"):
        assert words in shown[0]
    assert [error for error in errors if "ERR_FAILED" not in error] == [], (
        "what the network would bring aside"
    )
    page.context.close()
