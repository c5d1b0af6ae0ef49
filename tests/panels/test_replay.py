"""A recording, played again."""

import threading

import pytest

from ablykit import wire
from ablykit.panels import ConnectionPanel, FrameInspector, Replay, Sequence
from ablykit.record.files import save
from ablykit.record.transcript import Transcript


@pytest.fixture
def recorded(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        conn.recv("CONNECTED")
        conn.send({"action": 10, "channel": "c"})
        conn.recv("ATTACHED")
        conn.send({"action": 7})
        conn.wait_closed()
    return conn.transcript


@pytest.fixture
def replay(recorded):
    made = Replay(recorded)
    yield made
    made.stop()


def test_steps_are_played_in_every_panel(recorded, replay):
    inspector, sequence = FrameInspector(replay), Sequence(replay)
    state = ConnectionPanel(replay)
    assert (replay.position, replay.total, str(inspector)) == (0, len(recorded), "(nothing yet)")
    replay.step()
    replay.step(2)
    assert list(replay.transcript) == list(recorded)[:3]
    assert replay.at.endswith("ATTACH       c")
    assert inspector.selected == sequence.selected == 2
    state.refresh()
    assert state.facts["state"] == "connected"
    replay.step(1000)
    assert replay.position == replay.total
    state.refresh()
    assert state.facts["state"] == "closed"


def test_one_can_go_anywhere(recorded, replay):
    for position in (5, 2, 0, 3, 99):
        replay.seek(position)
        assert list(replay.transcript) == list(recorded)[: replay.position]
    assert replay.position == replay.total


@pytest.mark.parametrize("speed", ["at once", "10×"])
def test_it_plays_to_the_end_and_again(recorded, replay, speed):
    replay.speed = speed
    for _ in range(2):
        done = threading.Event()
        replay.observe(lambda change, done=done: done.set() if not change["new"] else None, "playing")
        replay.play()
        assert done.wait(20)
        assert list(replay.transcript) == list(recorded)


@pytest.mark.usefixtures("no_leftovers")
def test_it_can_be_paused():
    slow = Transcript()
    for at in (0, 60_000):
        slow.restore(Transcript().record("a", "out", "x").__class__(len(slow), at, "a", "out", "frame", "x"))
    replay = Replay(slow)
    played = threading.Event()
    replay.observe(lambda _: played.set(), "position")
    replay.play()
    assert played.wait(5)
    replay.pause()
    assert (replay.position, replay.playing) == (1, False)
    replay.stop()


def test_a_page_plays_it(replay, monkeypatch):
    monkeypatch.setattr(replay, "play", lambda: asked.append("play"))
    asked = []
    for want, position in (("step", 1), ("step", 2), ("nonsense", 2)):
        replay._on_page(replay, {"want": want}, [])
        assert replay.position == position
    replay._on_page(replay, {"want": "seek", "position": -5}, [])
    assert replay.position == 0
    replay._on_page(replay, {"want": "seek", "position": None}, [])
    replay._on_page(replay, {"want": "play"}, [])
    replay._on_page(replay, {"want": "pause"}, [])
    assert asked == ["play"]


def test_the_clients_side_is_sent_again_and_compared(recorded, local, tmp_path):
    save(recorded, tmp_path / "talk.jsonl")
    ably = local()
    replay = Replay(tmp_path / "talk.jsonl", to=ably)
    assert replay.sending == ""
    assert replay.send_again() == []
    assert "answered the same" in str(replay)
    other = Replay(recorded, to=f"{ably.tls_url}?key={ably.limited_key}")
    finished = threading.Event()
    other.observe(lambda change: finished.set() if "difference" in change["new"] else None, "sending")
    other._on_page(other, {"want": "send"}, [])
    assert finished.wait(20)
    assert "+ ← ERROR" in other.differences[-1]
    assert "40160" in other.html()


def test_without_a_service_there_is_nobody_to_send_to(replay):
    assert replay.sending == "-"
    replay._on_page(replay, {"want": "send"}, [])
    assert replay.sending == "-"
    with pytest.raises(ValueError, match="to=ably"):
        replay.send_again()
    unreachable = Replay(replay.recording, to="ws://127.0.0.1:1")
    failed = threading.Event()
    unreachable.observe(
        lambda change: failed.set() if "Nothing answers" in change["new"] else None, "sending"
    )
    unreachable._on_page(unreachable, {"want": "send"}, [])
    assert failed.wait(5)


def test_timers_stand_still_in_a_replay(replay):
    panel = ConnectionPanel(replay)
    replay.step(3)
    panel.refresh()
    (unanswered,) = panel.facts["timers"]
    assert (unanswered["name"], unanswered["age"], panel.facts["frozen"]) == ("unanswered", 0, True)


def test_what_its_own_sending_brings_about_is_not_part_of_the_recording(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}") as conn:
        conn.send({"action": 10, "channel": "c"})
        conn.send({"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]})
        conn.frames(4)
        replay = Replay(conn, to=ably)
        assert replay.send_again() == []
        assert conn.recv("MESSAGE")["connectionId"]
