"""JupyterLab in a real browser: a newcomer's first minutes."""

import pytest

from tests.browser.jupyter import at, choose, opened, picture, rows, run_all

pytestmark = pytest.mark.timeout(240)

FIRST = [
    ("→", "WebSocket open"),
    ("←", "CONNECTED"),
    ("→", "ATTACH"),
    ("←", "ATTACHED"),
    ("→", "MESSAGE"),
    ("←", "MESSAGE"),
    ("←", "ACK"),
]
AGAIN = [("→", "MESSAGE"), ("←", "MESSAGE"), ("←", "ACK")]


def test_the_address_that_is_printed_opens_the_first_notebook(url, chromium):
    assert "/lab/tree/00_start_here.ipynb?token=" in url
    page = opened(chromium, url)
    assert page.locator(".jp-Notebook h1").first.inner_text().startswith("00 · Start here")
    page.context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_first_notebook_opens_runs_and_explains(url, chromium, dark):
    page = opened(chromium, at(url, "00_start_here.ipynb"), dark=dark)
    assert page.locator(".jp-Notebook h1").first.inner_text().startswith("00 · Start here")
    assert page.locator(".jp-toastContainer, .Toastify__toast").count() == 0
    run_all(page)
    page.wait_for_selector(".ak-row >> nth=9")
    assert rows(page) == FIRST + AGAIN
    page.locator(".ak-row", has_text="ATTACHED").click()
    detail = page.locator(".ak-detail")
    detail.wait_for()
    assert detail.locator("strong").inner_text() == "ATTACHED (action 11)"
    assert "PRESENCE_SUBSCRIBE" in detail.inner_text()
    assert "May publish messages." in detail.inner_text()
    page.locator(".ablykit-inspector").scroll_into_view_if_needed()
    picture(page, "inspector-dark" if dark else "inspector-light", 0)
    choose(page, "Settings", "Theme", "JupyterLab Light")
    assert page.errors == []
    page.context.close()


def test_the_panel_can_be_used_by_keyboard_cleared_and_goes_on(url, chromium):
    page = opened(chromium, at(url, "00_start_here.ipynb"))
    run_all(page)
    page.wait_for_selector(".ak-row >> nth=9")
    page.locator(".ak-list").focus()
    for key, title in (
        ("End", "ACK (action 1)"),
        ("ArrowUp", "MESSAGE (action 15)"),
        ("Home", "WebSocket open"),
    ):
        page.keyboard.press(key)
        page.wait_for_function(f"document.querySelector('.ak-detail strong')?.textContent === '{title}'")
    page.keyboard.press("Escape")
    assert page.locator(".ak-detail").is_hidden()
    page.get_by_role("button", name="Clear").click()
    assert page.locator(".ak-row").count() == 0
    assert "Nothing has crossed" in page.locator(".ak-empty").inner_text()
    choose(page, "Run", "Run All Cells")
    page.wait_for_selector(".ak-row >> nth=9")
    page.context.close()


def test_frames_are_searched_for_and_broken_rules_marked(url, chromium):
    page = opened(chromium, at(url, "04_attach.ipynb"))
    run_all(page)
    panel = page.locator(".ablykit-inspector")
    panel.scroll_into_view_if_needed()
    panel.locator(".ak-row").nth(11).wait_for()
    panel.locator(".ak-list").focus()
    page.keyboard.press("/")
    page.keyboard.type("is:broken")
    assert rows(page) == [("→", "ATTACH"), ("→", "ATTACH")]
    panel.locator(".ak-row").last.click()
    panel.get_by_text("Channel names follow the naming rules.").wait_for()
    picture(page, "rules", 9)
    page.keyboard.press("/")
    page.keyboard.press("Control+A")
    page.keyboard.type("dir:in action:ATT* -channel:my_channel")
    assert "No frames match" in panel.locator(".ak-empty").inner_text()
    page.keyboard.press("Control+A")
    page.keyboard.type("code:40010")
    assert rows(page) == [("←", "ERROR")]
    assert page.errors == []
    page.context.close()


def test_a_paused_panel_stands_still_and_loses_nothing(url, chromium):
    page = opened(chromium, at(url, "00_start_here.ipynb"))
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".ak-row").nth(6).wait_for()
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Shift+Enter")
    page.get_by_text("ACK (action 1)").wait_for()
    assert rows(page) == FIRST
    pause.click()
    page.locator(".ak-row").nth(9).wait_for()
    assert rows(page) == FIRST + AGAIN
    page.context.close()


def test_a_frame_is_composed_checked_and_sent(url, chromium):
    page = opened(chromium, at(url, "04_attach.ipynb"))
    run_all(page)
    composer = page.locator(".ablykit-composer")
    composer.scroll_into_view_if_needed()
    composer.get_by_label("Which frame").select_option("ATTACH")
    composer.get_by_text("nothing wrong with it").wait_for()
    text = composer.get_by_label("The frame, as JSON")
    assert '"my_channel"' in text.input_value()
    text.fill('{"action": 10, "channel": ":x"}')
    composer.get_by_text("Channel names follow the naming rules.").wait_for()
    composer.get_by_role("button", name="no channel").click()
    composer.get_by_text("A frame about a channel names the channel.").wait_for()
    picture(page, "composer", 10)
    text.press("Control+Enter")
    composer.get_by_text("sent", exact=True).wait_for()
    assert composer.locator(".ak-again li").all_inner_texts() == ['{"action":10}']
    panel = page.locator(".ablykit-inspector")
    panel.locator(".ak-row").nth(13).wait_for(state="attached")
    assert rows(page)[-2:] == [("→", "ATTACH"), ("←", "ERROR")]
    assert page.errors == []
    page.context.close()


def test_two_shells_stand_side_by_side_with_their_own_rows(url, chromium):
    page = opened(chromium, at(url, "05_publish_ack.ipynb"))
    run_all(page)
    page.wait_for_selector(".ablykit-inspector >> nth=2")
    page.locator(".ablykit-inspector").nth(2).locator(".ak-row").nth(4).wait_for()
    assert rows(page, 1) == [*FIRST[:4], ("→", "MESSAGE"), ("←", "MESSAGE"), ("←", "ACK")]
    assert rows(page, 2) == [*FIRST[:4], ("←", "MESSAGE")]
    left, right = (page.locator(".ablykit-inspector").nth(n).bounding_box() for n in (1, 2))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"] + 1
    picture(page, "two-shells", 7)
    drawing = page.locator(".ablykit-sequence-box svg")
    assert drawing.locator("g").count() == 5
    drawing.scroll_into_view_if_needed()
    assert drawing.get_by_text("MESSAGE duet Hi over there").count() == 1
    picture(page, "sequence", 8)
    assert page.errors == []
    page.context.close()


def test_the_silence_fills_the_bar_and_a_heartbeat_empties_it(url, chromium):
    page = opened(chromium, at(url, "03_heartbeats.ipynb"))
    run_all(page)
    bar = page.locator(".ablykit-connection").first
    bar.scroll_into_view_if_needed()
    assert "connected" in bar.locator(".ak-state").inner_text()
    assert "1,000 ms" in bar.inner_text()
    level = (
        "() => Number(document.querySelector('.ablykit-connection .ak-track').getAttribute('aria-valuenow'))"
    )
    page.wait_for_function(f"({level})() > 60")
    page.wait_for_function(f"({level})() < 40")
    assert "Heartbeats are off" in page.locator(".ablykit-connection").nth(1).inner_text()
    picture(page, "connection", 1)
    page.context.close()


def test_heartbeats_can_be_hidden(url, chromium):
    page = opened(chromium, at(url, "03_heartbeats.ipynb"))
    run_all(page)
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("ablykit.FrameInspector(conn)")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".ak-row")
    hide = page.get_by_role("button", name="Hide heartbeats")
    hide.click()
    assert hide.get_attribute("aria-pressed") == "true"
    assert [action for _, action in rows(page)] == ["WebSocket open", "CONNECTED"]
    hide.click()
    assert "HEARTBEAT" in [action for _, action in rows(page)]
    page.context.close()


def test_a_page_that_is_opened_again_has_all_rows(url, chromium):
    page = opened(chromium, at(url, "00_start_here.ipynb"))
    run_all(page)
    page.wait_for_selector(".ak-row >> nth=9")
    choose(page, "File", "Save Notebook")
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    page.reload()
    page.wait_for_selector(".jp-Notebook")
    page.wait_for_selector(".ak-row >> nth=9", timeout=30_000)
    assert rows(page) == FIRST + AGAIN
    page.context.close()


def test_after_a_restart_of_the_kernel_one_is_told_what_to_do(url, chromium):
    page = opened(chromium, at(url, "00_start_here.ipynb"))
    run_all(page)
    page.wait_for_selector(".ak-row >> nth=9")
    choose(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.wait_for_selector(".jp-Dialog", state="detached")
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', state="attached")
    assert rows(page) == FIRST + AGAIN, "what was seen stays"
    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea")
    output.get_by_text("Run All Above Selected Cell").wait_for()
    assert "NameError" in output.inner_text()
    choose(page, "Run", "Run All Cells")
    page.wait_for_function("document.querySelectorAll('.jp-CodeCell')[2].textContent.includes('embedded')")
    page.wait_for_selector(".ak-row >> nth=9")
    page.context.close()


def test_the_appendix_tours_the_panels(url, chromium):
    page = opened(chromium, at(url, "A1_panels.ipynb"))
    run_all(page)
    replay = page.locator(".ablykit-replay").first
    replay.scroll_into_view_if_needed()
    replay.get_by_text("20 of 33").wait_for()
    assert page.locator(".ablykit-sequence-box g").count() == 20
    page.locator(".ablykit-sequence-box g[data-number='14']").click()
    replay.scroll_into_view_if_needed()
    picture(page, "replay", 1)
    page.locator('.ablykit-connection .ak-here[data-state="disconnected"]').wait_for(state="attached")
    relayed = page.locator(".ablykit-inspector").last
    relayed.scroll_into_view_if_needed()
    relayed.locator(".ak-row", has_text="Hello from the SDK").first.wait_for()
    assert page.errors == []
    page.context.close()
