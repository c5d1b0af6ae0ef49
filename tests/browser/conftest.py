"""What browser tests share: a lab on notebooks that a test may change, and a browser."""

import shutil

import pytest

from tests.browser.jupyter import at, browser, lab, opened, run_all, scratch
from tests.node import install, version_range
from tests.notebook import ROOT


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder that the lab is started in."""
    place = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    return place


@pytest.fixture(scope="module")
def url(place):
    """`ablykit lab`."""
    with lab(cwd=place) as url:
        yield url


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


@pytest.fixture
def run(place, url, chromium):
    """Runs code cells in a new notebook; gives the page."""
    pages = []

    def run(*cells, **options):
        page = opened(chromium, at(url, scratch(place, *cells)), **options)
        pages.append(page)
        run_all(page)
        return page

    yield run
    for page in pages:
        assert page.errors == []
        page.context.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    place = install(tmp_path_factory.mktemp("axe"), version_range("axe-core"))
    return (place / "node_modules" / "axe-core" / "axe.min.js").read_text()
