"""What a frame can be taken along as."""

import shlex
import subprocess
import sys

from ablykit import wire
from ablykit.panels import FrameInspector
from tests.panels.page import Page


def test_a_frame_can_be_taken_along(transcript, monkeypatch):
    transcript.record("a", "out", '{"action":10,"channel":"it\'s"}')
    transcript.record("a", "out", "junk")
    page = Page(FrameInspector(transcript), monkeypatch)

    def copies(number):
        page.asks(want="detail", number=number)
        return page.sent[-1]["detail"]["copies"]

    assert copies(0) == {"command": "ablykit connect 'wss://h/?key=x.y:****'"}
    assert copies(1)["cell"] == 'conn.recv("CONNECTED")'
    out = copies(2)
    assert out["cell"] == """conn.send({'action': 10, 'channel': "it's"})"""
    assert out["Python dict"] == """{'action': 10, 'channel': "it's"}"""
    command = shlex.split(out["ablykit connect"])
    assert command == [
        "echo",
        '{"action":10,"channel":"it\'s"}',
        "|",
        "ablykit",
        "connect",
        "wss://h/?key=x.y:****",
    ]
    assert out["websocat"].endswith('| websocat -n "wss://h/?key=$ABLY_API_KEY"')
    assert copies(3)["cell"] == "conn.send('junk')"


def test_what_is_copied_as_a_cell_or_a_command_works(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}") as conn:
        conn.recv("CONNECTED")
        conn.send({"action": 10, "channel": "it's"})
        conn.recv("ATTACHED")
        panel = FrameInspector(conn)
        number = next(entry.number for entry in conn.transcript if entry.action == "ATTACH")
        forms = panel._detail(number)["copies"]
        eval(forms["cell"], {"conn": conn})
        conn.recv("ATTACHED")
        command = forms["ablykit connect"].replace("ablykit ", f"{sys.executable} -m ablykit ", 1)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert '"channel":"it\'s","channelSerial"' in done.stdout, done.stderr
