"""Each panel in a real browser: used by mouse and by keyboard, linked, in both themes, with hostile content."""

import json
import re

import pytest

from ablykit.record.files import loads
from ablykit.record.search import LANGUAGE
from tests.browser.jupyter import at, choose, execute, lab, opened, picture, rows, run_all, scratch

pytestmark = pytest.mark.timeout(240)

TALK = """
import ablykit
ably = ablykit.start()
conn = ablykit.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false", name="client")
conn.recv("CONNECTED")
conn.send({"action": 10, "channel": "chat"})
conn.recv("ATTACHED")
conn.send({"action": 15, "channel": "chat", "msgSerial": 0, "messages": [{"name": "greeting", "data": "hello"}]})
conn.frames(2)
conn.send({"action": 10, "channel": ":x"})
conn.recv("ERROR");
"""
MEMBERS = """
for serial, (name, data) in enumerate({"laptop": {"seat": 1}, "phone": "typing", "tablet": None, "wall": {"seat": 4}}.items(), 1):
    conn.send({"action": 14, "channel": "chat", "msgSerial": serial, "presence": [{"action": 2, "clientId": name, "data": data}]})
    conn.recv("ACK")
"""
ALL = (
    "ablykit.FrameInspector(conn)",
    "ablykit.Sequence(conn)",
    "ablykit.ConnectionPanel(conn)",
    "ablykit.Composer(conn)",
    "ablykit.Replay(conn, to=ably)",
    "ablykit.Presence(conn)",
)
FRAMES = ["WebSocket open", "CONNECTED", "ATTACH", "ATTACHED", "MESSAGE", "MESSAGE", "ACK", "ATTACH", "ERROR"]


def test_what_is_selected_in_one_panel_is_selected_in_all(run):
    page = run(TALK, *ALL[:2], ALL[0])
    one, two = (page.locator(".ablykit-inspector").nth(n) for n in (0, 1))
    one.locator(".ak-row", has_text="ATTACHED").click()
    chosen = page.locator(".ablykit-sequence-box g.chosen")
    chosen.wait_for()
    assert "ATTACHED chat" in chosen.text_content()
    assert two.locator(".ak-detail strong").inner_text() == "ATTACHED (action 11)"
    page.locator(".ablykit-sequence-box g[data-number='8']").click()
    for panel in (one, two):
        panel.locator('.ak-row[aria-selected="true"]', has_text="ERROR").wait_for(state="attached")
        panel.locator(".ak-detail strong", has_text="ERROR").wait_for(state="attached")
    page.locator(".ablykit-sequence-box").focus()
    for key, action in (
        ("Home", "WebSocket open"),
        ("ArrowDown", "CONNECTED"),
        ("End", "ERROR"),
        ("ArrowUp", "ATTACH"),
    ):
        page.keyboard.press(key)
        one.locator(f'.ak-row[aria-selected="true"]:has-text("{action}")').wait_for(state="attached")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('.ak-row[aria-selected=\"true\"]')")
    assert one.locator(".ak-detail").is_hidden()


def test_one_panel_in_two_views_has_the_same_rows_and_its_own_search(run):
    page = run(TALK, "panel = ablykit.FrameInspector(conn)\npanel", "panel")
    one, two = (page.locator(".ablykit-inspector").nth(n) for n in (0, 1))
    one.get_by_label("Search the frames").fill("action:ACK")
    assert [action for _, action in rows(page, 0)] == ["ACK"]
    assert [action for _, action in rows(page, 1)] == FRAMES
    two.locator(".ak-row", has_text="ACK").click()
    one.locator(".ak-detail strong", has_text="ACK").wait_for()


def test_frames_are_read_by_keyboard_and_found_by_chips_and_by_an_expression(run):
    page = run(TALK, ALL[0])
    panel = page.locator(".ablykit-inspector")
    search = panel.get_by_label("Search the frames")
    panel.locator(".ak-row", has_text="ERROR").click()
    panel.locator(".ak-detail strong", has_text="ERROR").wait_for()
    panel.locator(".ak-list").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.classList.contains('ak-detail')")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.classList.contains('ak-list')")
    for chip, found in (("errors", ["ERROR"]), ("broken rules", ["ATTACH"])):
        panel.get_by_role("button", name=chip).click()
        assert [action for _, action in rows(page)] == found
        panel.get_by_role("button", name=chip).click()
    panel.get_by_role("button", name="sent").click()
    assert search.input_value() == "dir:out"
    assert panel.get_by_role("button", name="sent").get_attribute("aria-pressed") == "true"
    search.fill("dir:in ?messages[?name=='greeting']")
    panel.locator(".ak-row").wait_for()
    assert rows(page) == [("←", "MESSAGE")]
    search.fill("?messages[")
    panel.get_by_text("Not a JMESPath expression").wait_for()
    search.press("Escape")
    assert page.evaluate("document.activeElement.classList.contains('ak-list')")


PINGED = """
for kind, direction in (("ping", "in"), ("pong", "out")) * 3: conn.transcript.record("client", direction, b"", kind)
"""
CLIENTS = """
import ablykit
ably = ablykit.start()
for name in ("laptop", "phone"):
    conn = ablykit.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false", name=name)
    conn.recv("CONNECTED")
both = ablykit.Transcript()
for name in ("laptop", "phone"):
    for entry in conn.transcript: both.record(name, entry.direction, entry.raw, entry.kind)
"""
FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.className"


def test_pings_are_hidden_until_asked_for(run):
    page = run(TALK + PINGED, *ALL[:2])
    panel = page.locator(".ablykit-inspector")
    panel.locator(".ak-row").nth(8).wait_for()
    assert [action for _, action in rows(page)] == FRAMES
    show = panel.get_by_role("button", name="Show pings (6)")
    show.focus()
    page.keyboard.press("Enter")
    panel.locator(".ak-row", has_text="WebSocket pong").first.wait_for()
    assert panel.locator(".ak-row", has_text="empty").count() > 0
    show.click()
    panel.get_by_label("Search the frames").fill("is:ping")
    assert [action for _, action in rows(page)] == ["WebSocket ping", "WebSocket pong"] * 3
    assert "b'" not in panel.inner_text()
    drawn = page.locator(".ablykit-sequence-box g[data-number]")
    assert drawn.count() == len(FRAMES)
    page.locator(".ablykit-sequence-panel").get_by_role("button", name="Show pings (6)").press("Enter")
    drawn.nth(len(FRAMES) + 5).wait_for()


def test_a_frame_leads_to_its_answer_and_back_by_mouse_and_by_keyboard(run):
    page = run(TALK, ALL[0])
    panel = page.locator(".ablykit-inspector")
    chosen = panel.locator('.ak-row[aria-selected="true"] .ak-number')
    assert panel.locator(".ak-number").all_inner_texts() == [str(n) for n in range(9)]
    panel.locator(".ak-row").nth(4).click()
    for key, number in (("ArrowRight", "6"), ("ArrowRight", "6"), ("ArrowLeft", "4")):
        page.keyboard.press(key)
        panel.locator(".ak-detail strong").wait_for()
        assert chosen.inner_text() == number
    panel.locator(".ak-row").nth(6).locator(".ak-jump").click()
    assert chosen.inner_text() == "4"
    panel.locator(".ak-row").nth(4).locator(".ak-jump", has_text="#6").click()
    assert chosen.inner_text() == "6"
    panel.get_by_label("Search the frames").fill("action:ACK")
    panel.get_by_role("button", name=re.compile("^answers #4")).click()
    panel.get_by_text("#4 is not among the rows: the search leaves it out").wait_for()
    panel.locator(".ak-detail strong", has_text="MESSAGE").wait_for()


def test_what_can_not_be_searched_for_is_told_and_the_rows_stay(run):
    page = run(TALK, ALL[0])
    panel = page.locator(".ablykit-inspector")
    search = panel.get_by_label("Search the frames")
    search.fill("action:ACK")
    for typed, told in (
        ("chanel:x", "There is no search key chanel."),
        ("dir:up", "Write dir:in or dir:out"),
    ):
        search.fill(typed)
        panel.get_by_text(told).wait_for()
        assert search.get_attribute("aria-invalid") == "true"
        assert [action for _, action in rows(page)] == ["ACK"]
    search.fill("?channel < `3`")
    panel.get_by_text("No frames match.").wait_for()
    search.fill("action:ERROR")
    assert [action for _, action in rows(page)] == ["ERROR"]
    assert search.get_attribute("aria-invalid") == "false"


def test_the_search_language_and_the_keys_are_listed(run):
    page = run(TALK, ALL[0])
    panel = page.locator(".ablykit-inspector")
    show = panel.get_by_role("button", name="How to search, and keys")
    show.focus()
    page.keyboard.press("Enter")
    help = panel.get_by_role("region", name="How to search, and keys")
    for example, says in LANGUAGE:
        assert f"{example}\n{says}" in help.inner_text()
    assert show.get_attribute("aria-expanded") == "true"
    help.get_by_role("button", name="is:error", exact=True).click()
    assert [action for _, action in rows(page)] == ["ERROR"]
    help.get_by_role("button", name="is:error", exact=True).focus()
    page.keyboard.press("Escape")
    assert help.is_hidden()
    assert page.evaluate(FOCUSED) == "How to search, and keys"


def test_columns_are_made_wider_by_mouse_and_by_keyboard(run):
    page = run(CLIENTS, "ablykit.FrameInspector(both)")
    panel = page.locator(".ablykit-inspector")
    panel.locator(".ak-row").first.wait_for()
    width = "document.querySelector('.ak-row .ak-who').getBoundingClientRect().width"
    handle = panel.get_by_role("separator", name="Width of connection")
    usual = page.evaluate(width)
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(width) == usual + 32
    assert handle.get_attribute("aria-valuenow") == str(round(usual + 32))
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(width) == usual + 16
    page.keyboard.press("Enter")
    assert page.evaluate(width) == usual
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 42, box["y"] + 5)
    page.mouse.up()
    assert page.evaluate(width) == usual + 40
    assert panel.locator(".ak-head-channel").inner_text() == "channel"
    headed = [
        panel.locator(place).first.bounding_box()["x"] for place in (".ak-head-action", ".ak-row .ak-action")
    ]
    assert headed[0] == headed[1], "a column's head stands above it"


def test_at_half_width_the_clients_can_still_be_told_apart(run):
    page = run(CLIENTS, "ablykit.SideBySide(ablykit.FrameInspector(both), ablykit.FrameInspector(both))")
    panel = page.locator(".ablykit-inspector").first
    panel.locator(".ak-row").first.wait_for()
    page.wait_for_function("!document.querySelector('.ak-row .ak-size')")
    assert panel.bounding_box()["width"] < 500
    assert set(panel.locator(".ak-who").all_inner_texts()) == {"laptop", "phone"}
    assert all(says.bounding_box()["width"] > 80 for says in panel.locator(".ak-row .ak-summary").all())


def test_a_frame_is_explained_beside_the_list_or_below_it_in_the_size_one_likes(run):
    page = run(TALK, "panel = ablykit.FrameInspector(conn)\npanel", "panel")
    panel = page.locator(".ablykit-inspector").first
    detail = panel.locator(".ak-detail")
    panel.locator(".ak-row").nth(1).click()
    panel.locator(".ak-detail strong").wait_for()
    below = panel.get_by_role("separator", name="The frame's height")
    height = detail.bounding_box()["height"]
    below.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert detail.bounding_box()["height"] == height - 32
    beside = panel.get_by_role("button", name="Beside")
    beside.click()
    list_, box = panel.locator(".ak-list").bounding_box(), detail.bounding_box()
    assert box["x"] >= list_["x"] + list_["width"]
    handle = panel.get_by_role("separator", name="The frame's width")
    handle.focus()
    page.keyboard.press("ArrowLeft")
    assert detail.bounding_box()["width"] == box["width"] + 16
    page.locator(".ablykit-inspector.ak-beside").nth(1).wait_for(), "both views of the panel"
    page.locator(".ablykit-inspector").nth(1).evaluate("(panel) => { panel.style.width = '500px' }")
    page.wait_for_function("document.querySelectorAll('.ak-beside').length === 1")
    beside.click()
    page.wait_for_function("document.querySelectorAll('.ak-beside').length === 0")


COUNTED = """
panel, sent = ablykit.FrameInspector(conn), []
def counted(message, send=panel.to_page):
    sent.extend(message.get("rows", ()))
    send(message)
panel.to_page = counted
panel
"""


def test_a_second_view_of_a_panel_is_sent_nothing_again(run):
    page = run(TALK, COUNTED, "panel")
    for number in (0, 1):
        page.locator(".ablykit-inspector").nth(number).locator(".ak-row").nth(8).wait_for()
        assert [action for _, action in rows(page, number)] == FRAMES
    execute(page, "panel.to_page({'notice': f'{len(sent)} rows were sent'})")
    page.get_by_text("9 rows were sent").first.wait_for()


def test_a_frame_is_seen_byte_by_byte_and_taken_along(run):
    page = run(TALK, ALL[0])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel = page.locator(".ablykit-inspector")
    panel.locator(".ak-row").nth(2).click()
    panel.get_by_text("Byte by byte").click()
    assert "FIN, opcode 1: text" in panel.locator(".ak-raw pre").last.inner_text()
    panel.get_by_role("button", name="Copy as cell").click()
    panel.get_by_text("Copied as cell").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "conn.send({'action': 10, 'channel': 'chat'})"
    panel.get_by_role("button", name=re.compile("^answered by #3")).click()
    panel.locator(".ak-detail strong", has_text="ATTACHED").wait_for()


def test_a_recording_is_saved_and_opened(run, tmp_path):
    page = run(TALK, ALL[0], "other = ablykit.FrameInspector(ablykit.Transcript())\nother")
    panel, other = (page.locator(".ablykit-inspector").nth(n) for n in (0, 1))
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Save").click()
    saved.value.save_as(tmp_path / "talk.jsonl")
    assert [entry.action for entry in loads((tmp_path / "talk.jsonl").read_bytes())] == FRAMES
    other.get_by_label("A recording").set_input_files(tmp_path / "talk.jsonl")
    other.locator(".ak-row").nth(8).wait_for()
    assert other.locator(".ak-title").inner_text() == "talk.jsonl"
    assert [action for _, action in rows(page, 1)] == FRAMES
    other.get_by_role("button", name="Back to live").click()
    other.get_by_text("Nothing has crossed the wire yet.").wait_for()


def test_the_list_keeps_to_its_end_until_one_looks_back(run):
    more = "for n in range(40): conn.send({'action': 0, 'id': str(n)}); conn.recv('HEARTBEAT')"
    page = run(TALK, ALL[0], more)
    panel = page.locator(".ablykit-inspector")
    panel.get_by_text("88 frames").wait_for()
    follow = panel.get_by_role("button", name="Keep to the end")
    at_end = "() => { const l = document.querySelector('.ak-list'); return l.scrollTop + l.clientHeight >= l.scrollHeight - 2; }"
    page.wait_for_function(at_end)
    panel.locator(".ak-list").hover()
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"!({at_end})()")
    assert follow.get_attribute("aria-pressed") == "false"
    follow.click()
    page.wait_for_function(at_end)
    assert follow.get_attribute("aria-pressed") == "true"


def test_a_frame_is_composed_by_keyboard_alone_with_what_is_offered(run):
    page = run(TALK, ALL[3], "conn.transcript[-1].action")
    composer = page.locator(".ablykit-composer")
    text = composer.get_by_label("The frame, as JSON")
    text.focus()
    page.keyboard.type('{"act')
    offers = composer.get_by_role("listbox", name="What may stand here")
    assert "What kind of frame this is." in offers.inner_text()
    page.keyboard.press("Enter")
    page.keyboard.type("attach")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    assert text.input_value() == '{"action": 10'
    page.keyboard.type(', "ch')
    page.keyboard.press("Escape")
    assert offers.is_hidden()
    page.keyboard.press("Control+ ")
    assert offers.is_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.type('"late"}')
    assert json.loads(text.input_value()) == {"action": 10, "channel": "late"}
    composer.get_by_text("nothing wrong with it").wait_for()
    page.keyboard.press("Control+Enter")
    composer.get_by_text("sent", exact=True).wait_for()
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output", has_text=re.compile("'ATTACH(ED)?'")).wait_for()


def test_a_frame_of_the_inspector_is_edited_and_sent_again(run):
    page = run(TALK, ALL[0], ALL[3])
    panel, composer = page.locator(".ablykit-inspector"), page.locator(".ablykit-composer")
    panel.locator(".ak-row").nth(2).click()
    panel.get_by_role("button", name="Edit and send again").click()
    text = composer.get_by_label("The frame, as JSON")
    page.wait_for_function("document.querySelector('.ak-text').value.includes('chat')")
    text.fill(text.input_value().replace("chat", "another"))
    text.press("Control+Enter")
    panel.locator(".ak-row", has_text="another").nth(1).wait_for()


def test_what_a_composed_frame_got_is_said_below_it_and_leads_to_the_answer(run):
    page = run(TALK, ALL[0], ALL[3])
    composer, answer = page.locator(".ablykit-composer"), page.get_by_role("status", name="What it got")
    for frame, got in (
        ('{"action": 10, "channel": "news"}', "ATTACHED"),
        ('{"action": 10, "channel": ":x"}', "ERROR"),
    ):
        composer.get_by_label("The frame, as JSON").fill(frame)
        composer.get_by_role("button", name="Send").click()
        answer.get_by_text(got).wait_for()
    answer.get_by_role("button").click()
    page.locator(".ablykit-inspector .ak-detail strong", has_text="ERROR").wait_for()


def test_a_long_sequence_begins_late_and_is_drawn_further_back_when_asked(run):
    many = "for n in range(1, 80):\n    conn.send({'action': 15, 'channel': 'chat', 'msgSerial': n, 'messages': [{'data': 'x'}]}); conn.frames(2)"
    page = run(TALK, many, ALL[1])
    panel = page.locator(".ablykit-sequence-panel")
    drawn = panel.locator("g[data-number]")
    assert drawn.first.get_attribute("data-number") != "0"
    panel.locator(".ablykit-sequence-box").evaluate("(box) => { box.scrollTop = box.scrollHeight / 2; }")
    names = panel.locator(".ak-names")
    assert names.inner_text().split() == ["client", "service"]
    head, box = (panel.locator(each).bounding_box() for each in (".ak-names", ".ablykit-sequence-box"))
    assert head["y"] >= box["y"] - 1, "the names stay in sight"
    panel.get_by_role("button", name="Draw all").click()
    panel.locator("g[data-number='0']").wait_for(state="attached")
    assert panel.get_by_role("button", name="Draw all").is_hidden()


def test_the_sequence_is_saved_as_a_drawing_that_stands_alone(run, tmp_path):
    page = run(TALK, ALL[1])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel = page.locator(".ablykit-sequence-panel")
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Save as SVG").click()
    file = tmp_path / "sequence.svg"
    saved.value.save_as(file)
    alone = page.context.new_page()
    alone.goto(f"file://{file}")
    drawn = alone.evaluate(
        "[...document.querySelectorAll('g[data-number]')].map((g) => [g.getBBox().height > 0, g.textContent])"
    )
    assert len(drawn) == len(FRAMES)
    assert all(visible for visible, _ in drawn)
    box = alone.evaluate(
        "(() => { const b = document.documentElement.getBoundingClientRect(); return [b.width, b.height]; })()"
    )
    assert box[0] > 400
    assert box[1] > 26 * len(FRAMES)
    assert "ERROR" in drawn[-1][1]
    panel.get_by_role("button", name="Copy as Mermaid").click()
    panel.get_by_text("Copied as Mermaid").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("sequenceDiagram\n")


def test_the_state_machine_follows_the_connection(run):
    page = run(
        TALK, ALL[2], ALL[1], "conn.send({'action': 10, 'channel': 'slow'})", "conn.send({'action': 7})"
    )
    page.locator(".ablykit-sequence-box g .label", has_text=re.compile("^CLOSED$")).wait_for(state="attached")
    panel = page.locator(".ablykit-connection")
    panel.locator('.ak-here[data-state="closed"]').wait_for()
    assert panel.locator(".ak-here").count() == 1
    assert panel.locator(".ak-here").text_content().endswith("closed")
    assert panel.locator(".ak-gone").get_attribute("data-way") == "closing>closed"
    assert "State machine: closed, before that closing" in panel.locator(".ak-machine").get_attribute(
        "aria-label"
    )
    assert re.search(r"← \d+ \([\d.]+ (B|KiB), [\d.]+/s\) · → 5", panel.locator(".ak-count").inner_text())


def test_a_cut_connection_counts_down_how_long_it_is_kept(run):
    page = run(TALK, ALL[2], "ably.disconnect_all()")
    panel = page.locator(".ablykit-connection")
    panel.locator('.ak-here[data-state="disconnected"]').wait_for()
    bar = panel.get_by_role("progressbar", name="kept")
    said = panel.locator(".ak-timers .ak-said")
    assert "of 120 s: so long it can be resumed" in said.inner_text()
    before = float(said.inner_text().split()[0])
    page.wait_for_function(
        f"Number.parseFloat(document.querySelector('.ak-timers .ak-said').textContent) > {before}"
    )
    assert bar.get_attribute("aria-valuemax") == "100"


def test_a_recording_is_stepped_played_and_sent_again(run):
    page = run(TALK, "replay = ablykit.Replay(conn, to=ably)\nreplay", "ablykit.FrameInspector(replay)")
    panel, inspector = page.locator(".ablykit-replay"), page.locator(".ablykit-inspector")
    panel.get_by_role("button", name="Step").click()
    panel.get_by_role("button", name="Step").click()
    inspector.locator(".ak-row").nth(1).wait_for()
    assert [action for _, action in rows(page)] == FRAMES[:2]
    inspector.locator(".ak-detail strong", has_text="CONNECTED").wait_for()
    panel.get_by_role("button", name="One back").click()
    panel.get_by_text("1 of 9").wait_for()
    page.wait_for_function("document.querySelectorAll('.ak-row').length === 1")
    panel.get_by_label("How fast").select_option("at once")
    panel.get_by_role("button", name="Play").click()
    panel.get_by_text("9 of 9").wait_for()
    inspector.locator(".ak-row").nth(8).wait_for()
    assert [action for _, action in rows(page)] == FRAMES
    slider = panel.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    panel.get_by_text("0 of 9").wait_for()
    panel.get_by_role("button", name="Send again").click()
    panel.get_by_text("answered the same").wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_to_complain_of(run, axe, dark):
    page = run(TALK, *ALL, MEMBERS, dark=dark)
    page.locator(".ablykit-presence").get_by_text("4 members").wait_for()
    page.locator(".ablykit-inspector .ak-row").nth(7).click()
    page.locator(".ablykit-inspector .ak-detail strong").wait_for()
    page.locator(".ablykit-inspector .ak-raw summary").last.click()
    page.locator(".ablykit-composer .ak-text").fill('{"act')
    page.locator(".ablykit-composer .ak-text").press("Control+ ")
    page.locator(".ablykit-replay").get_by_role("button", name="Step").click()
    page.locator(".ablykit-replay").get_by_text("1 of 9").wait_for()
    page.evaluate(axe)
    found = page.evaluate("axe.run('.ablykit').then((found) => found.violations)")
    told = [
        (each["id"], [node["html"][:200] + node["failureSummary"] for node in each["nodes"]])
        for each in found
    ]
    choose(page, "Settings", "Theme", "JupyterLab Light")
    assert told == []


def test_nothing_moves_for_who_wants_no_motion(run):
    page = run(TALK, *ALL)
    page.emulate_media(reduced_motion="reduce")
    moving = page.evaluate(
        """[...document.querySelectorAll('.ablykit, .ablykit *')].filter((element) => {
          const style = getComputedStyle(element);
          return style.animationName !== 'none' || !/^0s(, 0s)*$/.test(style.transitionDuration);
        }).filter((element) => getComputedStyle(element).transitionProperty !== 'none').length"""
    )
    assert moving == 0


HOSTILE = r"""
import ablykit, json
t = ablykit.Transcript()
name = "<img src=x onerror=document.title='owned'>\u202egnp\u001b[2J"
t.record("<b>who</b>", "out", "wss://h/?x=<script>document.title='owned'</script>", "open")
deep = "[" * 2000 + "]" * 2000
for data in (name, "x" * 200_000, {"a": name}):
    t.record("<b>who</b>", "out", json.dumps({"action": 15, "channel": name, "msgSerial": 0, "messages": [{"data": data}]}))
t.record("<b>who</b>", "in", '{"action":15,"channel":"deep","messages":[{"data":' + deep + '}]}')
t.record("<b>who</b>", "in", json.dumps({"action": 9, "error": {"code": "<i>", "message": name}}))
t.record("<b>who</b>", "in", json.dumps({"action": 14, "channel": name, "presence": [{"action": 2, "clientId": name, "data": name}]}))
t.record("<b>who</b>", "in", name)
t.record("<b>who</b>", "in", "1000 " + name, "close");
class conn: transcript, name = t, "<b>who</b>"
"""


def test_hostile_content_stays_content(run):
    page = run(HOSTILE, *ALL[:3], "ablykit.Replay(t).step(99)", ALL[5])
    inspector = page.locator(".ablykit-inspector")
    for index in range(9):
        inspector.locator(".ak-row").nth(index).click()
        page.wait_for_function(
            f"document.querySelectorAll('.ablykit-inspector .ak-row')[{index}].getAttribute('aria-selected') === 'true'"
        )
        inspector.locator(".ak-detail").wait_for()
        page.wait_for_function("!document.querySelector('.ablykit-inspector .ak-detail').hidden")
    assert page.title() != "owned"
    assert page.locator(".ablykit img, .ablykit script, .ablykit i, .ablykit dd b").count() == 0
    text = page.evaluate(
        "[...document.querySelectorAll('.ablykit')].map((panel) => panel.textContent).join('')"
    )
    assert "<img src=x onerror" in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert len(text) < 150_000, "what is too long is cut"


def test_all_panels_are_there_when_a_page_is_opened_again_and_after_a_restart_of_the_kernel(
    place, url, chromium
):
    page = opened(chromium, at(url, scratch(place, TALK, *ALL)))
    run_all(page)
    page.locator(".ablykit-inspector .ak-row").nth(3).click()
    page.locator(".ablykit-composer .ak-text").fill('{"action": 0}')
    page.locator(".ablykit-composer").get_by_text("nothing wrong").wait_for()
    saved(page)
    page.reload()
    page.locator(".ablykit-inspector .ak-row").nth(8).wait_for(timeout=30_000)
    assert page.locator(".ablykit-inspector .ak-detail strong").inner_text() == "ATTACHED (action 11)"
    page.locator(".ablykit-sequence-box g.chosen", has_text="ATTACHED").wait_for()
    assert page.locator(".ablykit-composer .ak-text").input_value() == '{"action": 0}'
    page.locator('.ak-here[data-state="connected"]').wait_for()
    choose(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.wait_for_selector(".jp-Dialog", state="detached")
    assert page.locator(".ablykit").count() >= len(ALL), "what was seen stays"
    run_all(page)
    page.locator(".ablykit-inspector .ak-row").nth(8).wait_for()
    assert [action for _, action in rows(page)] == FRAMES
    assert page.errors == []
    page.context.close()


BESIDE = "ablykit.SideBySide(ablykit.FrameInspector(conn), ablykit.Sequence(conn))"


def saved(page):
    """Save the notebook, and wait until it is."""
    choose(page, "File", "Save Notebook")
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')")


def test_the_next_day_a_notebook_shows_what_its_panels_showed_last(place, chromium):
    name = scratch(place, TALK, *ALL, BESIDE, MEMBERS)
    with lab(cwd=place) as url:
        page = opened(chromium, at(url, name))
        run_all(page)
        page.locator(".ablykit-presence").get_by_text("4 members").wait_for()
        assert page.locator(".ablykit-face:visible").count() == 0
        saved(page)
        page.context.close()
    with lab(cwd=place) as url:
        page = opened(chromium, at(url, name))
        lost = page.get_by_text("Error displaying widget")
        lost.nth(len(ALL)).wait_for(state="attached")
        assert not any(each.is_visible() for each in lost.all())
        faces = page.locator(".ablykit-face")
        assert all(face.is_visible() for face in faces.all())
        assert faces.count() == len(ALL) + 1
        assert "laptop" in faces.nth(5).inner_text()
        run_all(page)
        page.locator(".ablykit-presence").get_by_text("4 members").wait_for()
        assert page.locator(".ablykit-face:visible").count() == 0
        page.context.close()


@pytest.mark.parametrize("item", ["Restart Kernel…", "Shut Down Kernel"])
def test_a_panel_says_when_its_kernel_has_ended_and_what_to_run(run, item):
    page = run(TALK, *ALL)
    choose(page, "Kernel", item)
    if item.startswith("Restart"):
        page.locator(".jp-Dialog button.jp-mod-accept").click()
    said = page.get_by_role("alert").filter(has_text="This panel's kernel has ended")
    said.nth(len(ALL) - 1).wait_for()
    assert "Run All Above Selected Cell" in said.first.inner_text()
    assert page.locator(".ablykit :enabled:is(button, input, select, textarea)").count() == 0


def test_the_sequence_is_spaced_as_time_passed_when_asked(run):
    pause = "import time; time.sleep(0.6); conn.send({'action': 0}); conn.recv('HEARTBEAT')"
    page = run(TALK, pause, ALL[1])
    panel = page.locator(".ablykit-sequence-panel")
    height = "Number(document.querySelector('.ablykit-sequence-box svg').getAttribute('height'))"
    even = page.evaluate(height)
    button = panel.get_by_role("button", name="True time")
    button.click()
    page.wait_for_function(f"{height} >= {even + 55}")
    button.click()
    page.wait_for_function(f"{height} === {even}")


LEAVE = """
conn.send({"action": 14, "channel": "chat", "msgSerial": 5, "presence": [{"action": 3, "clientId": "wall"}]})
conn.recv("ACK");
"""


def test_who_is_present_is_seen_as_they_come_and_go(run):
    page = run(TALK, ALL[0], ALL[5], MEMBERS)
    panel = page.locator(".ablykit-presence")
    panel.get_by_text("4 members").wait_for()
    laptop = panel.get_by_role("button", name=re.compile("laptop"))
    assert '{"seat": 1}' in laptop.inner_text()
    assert re.search(r"chat · since \d\d:\d\d:\d\d", laptop.inner_text())
    page.wait_for_function(
        "/\\([2-9] s\\)/.test(document.querySelector('.ablykit-presence .ak-member').textContent)"
    )
    laptop.click()
    page.locator(".ablykit-inspector .ak-detail strong", has_text="PRESENCE").wait_for()
    assert laptop.get_attribute("aria-pressed") == "true"
    laptop.focus()
    execute(page, LEAVE)
    panel.get_by_text("3 members").wait_for()
    panel.get_by_text("Left lately: wall").wait_for()
    assert laptop.get_attribute("aria-pressed") == "true"
    picture(page, "presence", 2)
    assert page.evaluate("document.activeElement.textContent").startswith("Llaptop"), "the focus stays"
