"""The console in a real browser, and the notebook in which its SDK is written."""

import re

import pytest

from tests.browser.jupyter import at, choose, opened, picture, run_all

pytestmark = pytest.mark.timeout(240)

START = "import ablykit\nfrom ablykit.sdks.own import Own\nably = ablykit.start()"
CONSOLE = "one = ablykit.Console(Own, ably, client_id='ada', channel='<b>c</b>')\none"


def badges(console):
    return console.locator(".ak-line .ak-action").all_inner_texts()


def test_it_is_used_by_keyboard_alone_and_the_lab_takes_none_of_its_keys(run):
    page = run(START, CONSOLE)
    console = page.locator(".ablykit-console")
    console.focus()
    cells = page.locator(".jp-CodeCell").count()
    page.keyboard.press("a")
    console.locator(".ak-line", has_text="ATTACHED").wait_for()
    page.keyboard.press("m")
    page.keyboard.type("quit: a and d")
    page.keyboard.press("Enter")
    console.locator(".ak-line", has_text="ACK").wait_for()
    page.keyboard.press("m")
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    console.locator(".ak-line", has_text="ENTER ada").wait_for()
    page.keyboard.press("l")
    console.locator(".ak-line", has_text="LEAVE ada").wait_for()
    page.keyboard.press("d")
    console.locator(".ak-line", has_text="DETACHED").wait_for()
    page.keyboard.press("q")
    console.get_by_role("status").get_by_text("closed").wait_for()
    assert badges(console).count("MESSAGE") == 2
    assert console.get_by_text("quit: a and d").count() == 2
    assert console.get_by_text("never mind").count() == 0
    assert page.locator(".jp-CodeCell").count() == cells
    assert console.locator(".ak-channel b").count() == 0
    page.keyboard.press("a")
    console.locator(".ak-note", has_text="The session has ended").wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_used_by_mouse_and_axe_finds_nothing_to_complain_of(run, axe, dark):
    page = run(START, CONSOLE, dark=dark)
    console = page.locator(".ablykit-console")
    console.get_by_role("button", name="attach").click()
    console.locator(".ak-line", has_text="ATTACHED").wait_for()
    console.get_by_role("button", name="message").click()
    console.get_by_label("Message").fill("hello")
    page.evaluate(axe)
    found = page.evaluate("axe.run('.ablykit').then((found) => found.violations)")
    told = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]
    console.get_by_label("Message").press("Enter")
    console.locator(".ak-line", has_text="ACK").wait_for()
    console.get_by_role("button", name="quit").click()
    console.get_by_role("status").get_by_text("closed").wait_for()
    choose(page, "Settings", "Theme", "JupyterLab Light")
    assert told == []


JUDGED = """
verdict = ablykit.judge.run(Own, time=0.5, rules=["serial-not-rising", "sends-once", "reconnects"])
ablykit.Scorecard(verdict)
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_click_in_the_scorecard_selects_the_frame_that_proves_it(run, axe, dark):
    page = run(START, JUDGED, "ablykit.FrameInspector(verdict.transcript)", dark=dark)
    scorecard = page.locator(".ablykit-scorecard")
    scorecard.scroll_into_view_if_needed()
    assert [each.split()[1] for each in scorecard.locator(".ak-rule-head").all_inner_texts()] == [
        "passed", "kept", "kept", "kept"
    ]  # fmt: skip
    page.evaluate(axe)
    found = page.evaluate("axe.run('.ablykit-scorecard').then((found) => found.violations)")
    told = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]
    proof = scorecard.locator(".ak-rule", has_text="sends-once").locator(".ak-button").first
    proof.focus()
    page.keyboard.press("Enter")
    page.locator(".ablykit-inspector .ak-detail strong", has_text="MESSAGE").wait_for()
    assert proof.get_attribute("aria-pressed") == "true"
    scorecard.get_by_role("button", name="broken").click()
    assert scorecard.locator(".ak-rule").count() == 0
    choose(page, "Settings", "Theme", "JupyterLab Light")
    assert told == []


def test_the_notebook_of_the_sdk_leads_from_its_first_cell_to_the_scorecard(url, chromium):
    page = opened(chromium, at(url, "06_minimal_sdk.ipynb"))
    run_all(page)
    page.evaluate(SHOW, "ablykit.Console(")
    console = page.locator(".ablykit-console")
    console.focus()
    page.keyboard.press("a")
    console.locator(".ak-line", has_text="ATTACHED").wait_for()
    page.keyboard.press("m")
    page.keyboard.type("from my own SDK")
    page.keyboard.press("Enter")
    console.locator(".ak-line", has_text="ACK").wait_for()
    page.keyboard.press("e")
    console.locator(".ak-line", has_text="ENTER me").wait_for()
    picture(page, "console", console)
    page.keyboard.press("q")
    console.get_by_role("status").get_by_text("closed").wait_for()
    page.evaluate(SHOW, "mine = ablykit.judge.run(Ably")
    card = page.locator(".ablykit-card", has_text="Rules").first
    card.wait_for()
    assert re.search(r"✓ passed\s+calm", card.inner_text())
    assert "✗ ok-only-after-ack (RTN7a)" in card.inner_text()
    page.evaluate(SHOW, "ablykit.Scorecard(mine)")
    scorecard = page.locator(".ablykit-scorecard")
    scorecard.get_by_role("button", name="unknown").click()
    assert {each.split()[1] for each in scorecard.locator(".ak-rule").all_inner_texts()} == {"unknown"}
    page.evaluate(SHOW, "theirs = ablykit.judge.run(Copy")
    theirs = page.locator(".ablykit-card", has_text="undetected").first
    theirs.wait_for()
    assert "✗ escapes-its-options (RTN2d)" in theirs.inner_text()
    assert page.errors == []
    page.context.close()


SHOW = """async (text) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const index = notebook.widgets.findIndex((cell) => cell.model.sharedModel.getSource().includes(text));
  await notebook.scrollToItem(index, 'smart');
}"""
"""Brings the cell with a text into view: what is out of sight is not on the page."""
