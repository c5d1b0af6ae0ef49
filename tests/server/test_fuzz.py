"""Frames that are nearly right, by the thousand; `python -m tests.server.fuzz` sends as many as one likes."""

import pytest

from tests.server import fuzz as fuzzing
from tests.server.fuzz import Talk, Wrong, fuzz, main
from tests.server.fuzz_http import fuzz_http
from tests.server.fuzz_sockets import fuzz_sockets


def test_thousands_of_odd_frames_break_nothing():
    fuzz(seed=1, frames=6_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_thousand_odd_frames_break_nothing():
    fuzz(seed=2, frames=200_000)


def test_a_thousand_odd_frames_over_sockets_break_nothing():
    fuzz_sockets(seed=1, frames=1_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_thousand_odd_frames_over_sockets_break_nothing():
    fuzz_sockets(seed=2, frames=20_000)


def test_two_thousand_odd_requests_break_nothing():
    fuzz_http(seed=1, requests=2_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_thousand_odd_requests_break_nothing():
    fuzz_http(seed=2, requests=20_000)


def test_the_same_seed_makes_the_same_frames():
    def frames():
        talk = Talk(7, 1)
        for _ in range(200):
            talk.step()
            yield talk.raw

    assert list(frames()) == list(frames())


def test_what_breaks_is_found_and_can_be_seen_again(monkeypatch, capsys):
    monkeypatch.setattr("ablykit.server.rules.publishing.check", lambda item: None)
    assert main(["--seed", "3", "--frames", "4000"]) == 1
    again = capsys.readouterr().out.strip().rpartition("python -m tests.server.fuzz ")[2]
    assert main(again.split()) == 1
    assert again in capsys.readouterr().out


def test_a_request_that_breaks_something_is_found_and_can_be_sent_again(monkeypatch, capsys):
    monkeypatch.setattr("ablykit.server.rules.publishing.check", lambda item: None)
    assert main(["--http", "--seed", "3", "--frames", "4000"]) == 1
    again = capsys.readouterr().out.strip().rpartition("python -m tests.server.fuzz ")[2]
    assert main(again.split()) == 1
    assert again in capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "value"),
    [("MEMORY", -1), ("GROWTH", -(2**60)), ("STALL", 0.0)],
    ids=["kept", "grown", "stalled"],
)
def test_what_costs_too_much_is_found(monkeypatch, what, value):
    monkeypatch.setattr(fuzzing, what, value)
    with pytest.raises(Wrong, match=r"kept|grown|wait"):
        fuzz(seed=1, frames=20)
