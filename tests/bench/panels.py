"""Measures the panels in a real browser: `python tests/bench/panels.py`, about three minutes; with the
word `publishing` after it the last part only.

Every number is printed beside what the same run had without the panel, or beside the bound it is meant
to keep; none of them is a test, since a busy machine would fail it.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.browser.jupyter import at, browser, lab, opened, scratch

RATE, SECONDS, MANY = 2_000, 30, 100_000

SETUP = """
import asyncio, json, resource, statistics, subprocess, sys, threading, time
import ablykit

FRAMES = [
    ("out", '{"action":15,"channel":"chat:%d","msgSerial":%d,"messages":[{"name":"tick","data":"' + "x" * 60 + '"}]}'),
    ("in", '{"action":1,"msgSerial":%d,"count":1,"channel":"chat:%d"}'),
    ("in", '{"action":15,"channel":"chat:%d","id":"abc:%d","connectionId":"abc","messages":[{"name":"tick","data":"'
        + "x" * 60 + '"}]}'),
    ("in", '{"action":0,"id":"%d-%d"}'),
]

def record(transcript, n):
    direction, text = FRAMES[n % 4]
    pair = (n // 4, n // 4) if n % 4 == 1 else (n // 4 % 100, n // 4)
    transcript.record("client", direction, text % pair)

def feed(transcript, rate, seconds):
    began, n = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        while n < passed * rate:
            record(transcript, n)
            n += 1
        time.sleep(0.005)
    return n

async def loop_delays(until):
    delays = []
    while not until.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        delays.append((time.perf_counter() - began - 0.005) * 1000)
    return delays

async def measured(transcript, panel, rate, seconds):
    done, counts = threading.Event(), []
    thread = threading.Thread(target=lambda: (counts.append(feed(transcript, rate, seconds)), done.set()))
    thread.start()
    delays = sorted(await loop_delays(done))
    began = time.perf_counter()
    while panel._sent < counts[0]:
        await asyncio.sleep(0.01)
    behind = time.perf_counter() - began
    print(json.dumps({"fed": counts[0], "delay_max": delays[-1], "delay_p99": delays[int(len(delays) * 0.99)],
        "behind": behind, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""

LIVE = "transcript = ablykit.Transcript()\npanel = ablykit.FrameInspector(transcript)\npanel"
FEED = f"await measured(transcript, panel, {RATE}, {SECONDS})"
ALONE = f"""
class Nobody: _sent = 10**9
await measured(ablykit.Transcript(), Nobody, {RATE}, 5)
"""
FILL = f"""
while len(transcript) < {MANY}: record(transcript, transcript.lost + len(transcript))
while panel._sent < {MANY}: await asyncio.sleep(0.05)
print(json.dumps({{"rows": len(transcript)}}))
"""
OVER = f"""
for n in range({MANY}): record(transcript, n)
while panel._sent < transcript.lost + len(transcript): await asyncio.sleep(0.05)
print(json.dumps({{"rows": len(transcript), "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}}))
"""
PUBLISH = """
PUBLISHER = '''
import json, sys, time
from websockets.sync.client import connect
url, count, window = sys.argv[1], int(sys.argv[2]), 200
with connect(url, compression=None) as ws:
    ws.recv()
    frames = [json.dumps({"action": 15, "channel": "c", "msgSerial": n, "messages": [{"data": "x" * 60}]}) for n in range(count)]
    began, sent, acked = time.perf_counter(), 0, 0
    while acked < count:
        while sent < count and sent - acked < window:
            ws.send(frames[sent]); sent += 1
        frame = json.loads(ws.recv())
        acked += frame.get("count", 0) if frame["action"] == 1 else 0
    print(count / (time.perf_counter() - began))
'''
def rate(ably, count=8000):
    url = f"{ably.url}/?key={ably.key.reveal()}&heartbeats=false"
    return float(subprocess.run([sys.executable, "-c", PUBLISHER, url, str(count)], capture_output=True, text=True).stdout)
off, on = ablykit.LocalAbly(sandbox=True), ablykit.LocalAbly(sandbox=True)
watching = ablykit.FrameInspector(on)
watching
"""
RATES = """
async def rates():
    found = {"off": [], "on": []}
    for _ in range(7):
        for name, ably in (("off", off), ("on", on)):
            found[name].append(await asyncio.to_thread(rate, ably))
            while watching._sent < on.transcript.lost + len(on.transcript): await asyncio.sleep(0.05)
    print(json.dumps(found))
await rates()
"""

LONG_TASKS = """window.longest = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({ entryTypes: ['longtask'] });"""

BUSY = """() => setTimeout(() => {
  const began = performance.now();
  while (performance.now() - began < 80);
})"""
"""A long task of the page's own: what a debugger evaluates is not observed."""

SCROLL = """async () => {
  const list = document.querySelector('.ak-list');
  list.scrollTop = 0;
  const gaps = [];
  let last = performance.now();
  for (let n = 0; n < 240; n += 1) {
    list.scrollTop += n % 2 ? 700 : 9000;
    await new Promise((next) => requestAnimationFrame(next));
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  gaps.sort((a, b) => a - b);
  return { fps: 1000 / (gaps.reduce((a, b) => a + b) / gaps.length), p95: gaps[Math.floor(gaps.length * 0.95)] };
}"""

FILTER = """(query) => {
  const search = document.querySelector('.ak-search');
  search.value = query;
  const began = performance.now();
  search.dispatchEvent(new Event('input', { bubbles: true }));
  document.querySelector('.ak-spacer').getBoundingClientRect();
  const took = performance.now() - began;
  return [took, document.querySelector('.ak-count').textContent];
}"""


def main() -> None:
    place = Path(tempfile.mkdtemp(prefix="bench-"))
    (place / "notebooks").mkdir()
    (place / "notebooks" / "00_start_here.ipynb").write_text("{}")
    with lab(cwd=place) as url, browser() as chromium:
        if sys.argv[1:] != ["publishing"]:
            page = opened(chromium, at(url, scratch(place, SETUP, ALONE, LIVE, FEED, FILL, OVER)))
            page.evaluate(LONG_TASKS)
            live(page)
            many(page)
            page.context.close()
        page = opened(chromium, at(url, scratch(place, SETUP, PUBLISH, RATES)))
        publishing(page)
        page.context.close()


def live(page) -> None:
    step(page, 0)
    alone = result(page, 1)
    step(page, 2)
    page.locator(".ablykit-inspector").wait_for()
    page.evaluate(BUSY)
    page.wait_for_function("window.longest >= 80")  # so it would be seen
    page.evaluate("window.longest = 0")
    found = result(page, 3)
    shown = page.evaluate("document.querySelector('.ak-count').textContent")
    lost = page.evaluate("document.querySelector('.ak-spacer').getBoundingClientRect().height / 26")
    print(f"live, {RATE} frames/s for {SECONDS} s: {found['fed']} fed, {lost:.0f} rows on the page ({shown})")
    print(f"  the page was behind by         {found['behind'] * 1000:6.0f} ms at the end")
    print(
        f"  longest task of the page       {page.evaluate('window.longest'):6.0f} ms (0: none of 50 ms or more)"
    )
    print(
        f"  delay of the kernel's loop     {found['delay_p99']:6.1f} ms in 99 of 100, {found['delay_max']:.0f} at most; "
        f"{alone['delay_p99']:.1f} and {alone['delay_max']:.0f} without a panel"
    )


def many(page) -> None:
    rows = result(page, 4)["rows"]
    page.wait_for_function(
        f"document.querySelector('.ak-spacer').getBoundingClientRect().height >= 26 * {MANY} - 1"
    )
    scrolled = page.evaluate(SCROLL)
    print(
        f"{rows} rows: scrolled at {scrolled['fps']:.0f} frames/s, 95 of 100 within {scrolled['p95']:.0f} ms (>= 50)"
    )
    queries = (
        "tick",
        "action:MESSAGE dir:in",
        "channel:chat:7*",
        "size>1k",
        "-tick -action:ACK",
        "is:broken",
    )
    for query in queries:
        runs = [(page.evaluate(FILTER, query), page.evaluate(FILTER, ""))[0] for _ in range(5)]
        print(
            f"  filter {query:<24} {statistics.median(took for took, _ in runs):6.1f} ms (<= 100): {runs[0][1]}"
        )
    expression = "?action == `1`"
    took = page.evaluate(
        """async (query) => { const search = document.querySelector('.ak-search'); search.value = query;
        const began = performance.now(); search.dispatchEvent(new Event('input', { bubbles: true }));
        while (document.querySelector('.ak-count').textContent.startsWith('0 ')) await new Promise((n) => setTimeout(n, 20));
        return performance.now() - began; }""",
        expression,
    )
    page.evaluate(FILTER, "")
    print(f"  JMESPath {expression:<22} {took:6.0f} ms, asked of the kernel")
    before = heap(page)
    after = result(page, 5)
    page.get_by_text("fell out").first.wait_for()
    print(
        f"{MANY} more: page's heap {before:.0f} -> {heap(page):.0f} MiB; kernel {after['rss_mb']:.0f} MiB at most"
    )


def heap(page) -> float:
    """What the page keeps, in MiB, rubbish collected first."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    return devtools.send("Runtime.getHeapUsage")["usedSize"] / 2**20


def publishing(page) -> None:
    for cell in (0, 1):
        step(page, cell)
    page.locator(".ablykit-inspector").wait_for()
    found = result(page, 2)
    off, on = (statistics.median(found[name]) for name in ("off", "on"))
    print(
        f"publishes/s: {off:.0f} unwatched, {on:.0f} with the inspector on: {1 - on / off:.0%} less (<= 20%)"
    )


def step(page, cell: int) -> None:
    """Run one cell, and wait for its end."""
    page.locator(".jp-CodeCell").nth(cell).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "(n) => /\\d/.test(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')[n].textContent)",
        arg=cell,
        timeout=90_000,
    )


def result(page, cell: int):
    """Run one cell, and read the JSON that it prints."""
    step(page, cell)
    output = page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output").last
    return json.loads(output.inner_text().strip().splitlines()[-1])


if __name__ == "__main__":
    main()
