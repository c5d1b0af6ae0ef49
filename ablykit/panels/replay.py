"""The replay panel: play a recording again, in every panel that follows it."""

import threading
import time
from collections.abc import Callable
from html import escape
from math import inf
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import traitlets

from ablykit.machine.loop import LoopStopped, LoopThread
from ablykit.panels.panel import HasTranscript, Panel, script, style
from ablykit.record import compare
from ablykit.record.files import load
from ablykit.record.transcript import Transcript, line
from ablykit.relay.replay import resend
from ablykit.wire import WireError

SPEEDS = {"0.1×": 0.1, "½×": 0.5, "1×": 1.0, "2×": 2.0, "10×": 10.0, "at once": inf}
"""The speeds at which a recording can be played, by the button's label."""

LONGEST = 5.0
"""The longest that a pause in the recording lasts, in seconds, at any speed."""


class Service(Protocol):
    """An Ably to send to: a `LocalAbly`, or what `ablykit.start()` returned."""

    @property
    def tls_url(self) -> str:
        """Where to connect."""
        ...

    @property
    def key(self) -> Any:
        """An API key of it."""
        ...


class Replay(Panel):
    """Step through a recording, or play it at any speed, in every panel that follows it.

        replay = Replay("talk.jsonl")
        FrameInspector(replay), Sequence(replay), replay

    `recording` is a file, a `Transcript`, or anything that has one. With `to`, a live service or its URL with
    a key, the recording's client side can be sent to that service again. The panel then lists the answers
    that differ from the recording.
    """

    _esm = script("replay.js")
    _css = style("replay.css")
    position = traitlets.Int(0).tag(sync=True)
    """How many entries have been played."""
    total = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Unicode("1×").tag(sync=True)
    speeds = traitlets.List(traitlets.Unicode()).tag(sync=True)
    at = traitlets.Unicode().tag(sync=True)
    """The entry that was played last, as one line."""
    differences = traitlets.List(traitlets.Unicode()).tag(sync=True)
    sending = traitlets.Unicode().tag(sync=True)
    """The result of sending the recording again; empty before that, `-` if it can't be sent."""

    def __init__(
        self, recording: str | Path | HasTranscript | Transcript, to: Service | str | None = None
    ) -> None:
        if isinstance(recording, str | Path):
            self.recording = load(recording)
        else:
            live = recording if isinstance(recording, Transcript) else recording.transcript
            self.recording = live.copy()  # it goes on, perhaps because of what is sent again
        self._to = to
        self._step = threading.RLock()
        self._halt = threading.Event()
        self._player: threading.Thread | None = None
        super().__init__(Transcript())
        self.total, self.speeds = len(self.recording), list(SPEEDS)
        self.sending = "" if to else "-"
        self.on_page(self._on_page)

    def now(self) -> float:
        """The time in the recording: that of the entry played last, in ms since 1970."""
        return self.transcript[-1].at if len(self.transcript) else 0.0

    # -- playing

    def step(self, count: int = 1) -> Self:
        """Play the next `count` entries at once."""
        with self._step:
            for index in range(self.position, min(self.position + count, self.total)):
                entry = self.recording[index]
                self.transcript.restore(entry)
                self.position += 1
                self.at = line(entry)
            self.selected = self.transcript[-1].number if len(self.transcript) else self.selected
        return self

    def seek(self, position: int) -> Self:
        """Go back or forth to where `position` entries have been played."""
        with self._step:
            if position < self.position:
                self.position, self.at = 0, ""
                self.transcript.clear()
            return self.step(position - self.position) if position > self.position else self

    def play(self) -> Self:
        """Play from here to the end, with the recording's own pauses, at `speed`."""
        if self.position >= self.total:
            self.seek(0)
        self.pause()
        self._halt = halt = threading.Event()
        self.playing = True
        self._player = threading.Thread(target=self._play, args=(halt,), name="ablykit-replay", daemon=True)
        self._player.start()
        return self

    def pause(self) -> Self:
        """Pause."""
        self._halt.set()
        if self._player and self._player is not threading.current_thread():
            self._player.join()
        self.playing = False
        return self

    def _play(self, halt: threading.Event) -> None:
        while self.position < self.total:
            if halt.wait(self._pause_before_next()):
                return
            self.step()
        self.playing = False

    def _pause_before_next(self) -> float:
        """Return the seconds until the next entry is due."""
        if not self.position:
            return 0.0
        now, then = self.recording[self.position], self.recording[self.position - 1]
        return min(max(now.at - then.at, 0.0) / 1000 / SPEEDS[self.speed], LONGEST)

    # -- sending again

    def send_again(self) -> list[str]:
        """Send the recording's client side to the live service, and return the differences as text.

        Raises `ValueError` without a service, `WireError` when it can't be reached.
        """
        if self._to is None:
            raise ValueError("Give the service to send to: Replay(recording, to=ably)")
        url = self._to if isinstance(self._to, str) else f"{self._to.tls_url}?key={self._to.key}"
        began = time.monotonic()
        with LoopThread("ablykit-resend") as thread:  # a cell has a loop of its own, which is running
            again = thread.run(resend(self.recording, url))
        self.differences = [str(difference) for difference in compare(self.recording, again)]
        found = (
            f"{len(self.differences)} difference(s)"
            if self.differences
            else "answered the same, ids and times aside"
        )
        self.sending = f"{len(again)} entries in {time.monotonic() - began:.1f} s: {found}"
        return self.differences

    # -- showing

    def refresh(self) -> None:
        """Do nothing: everything shown is a trait already."""

    def stop(self) -> None:
        """Pause, and stop following the recording."""
        self.pause()
        super().stop()

    def html(self) -> str:
        """Return the position as HTML that needs no script."""
        return f"<div><b>Replay</b> <pre>{escape(str(self))}</pre></div>"

    def __str__(self) -> str:
        said = [self.sending] if self.sending.strip("-") else []
        return "\n".join(
            [
                f"{self.position} of {self.total} entries played",
                *filter(None, [self.at]),
                *said,
                *self.differences,
            ]
        )

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        asked = self._ASKED.get(str(content.get("want")))
        if asked:
            asked(self, content)

    def _seek_wanted(self, content: dict[str, Any]) -> None:
        position = content.get("position")
        self.pause()
        self.seek(position if isinstance(position, int) else 0)

    def _send_wanted(self, content: dict[str, Any]) -> None:
        """Send on another thread: it takes a while, and the notebook goes on meanwhile."""
        if self.sending == "-" or self.sending == "sending …":
            return
        self.sending, self.differences = "sending …", []
        threading.Thread(target=self._send_quietly, name="ablykit-resend", daemon=True).start()

    def _send_quietly(self) -> None:
        try:
            self.send_again()
        except (WireError, OSError, LoopStopped) as error:
            self.sending = str(error)

    def _play_wanted(self, content: dict[str, Any]) -> None:
        self.play()

    def _pause_wanted(self, content: dict[str, Any]) -> None:
        self.pause()

    def _step_wanted(self, content: dict[str, Any]) -> None:
        self.pause().step()

    _ASKED: ClassVar[dict[str, "Callable[[Replay, dict[str, Any]], None]"]] = {
        "play": _play_wanted,
        "pause": _pause_wanted,
        "step": _step_wanted,
        "seek": _seek_wanted,
        "send": _send_wanted,
    }
