"""Seeded, everything is foreseen; unseeded, nothing is."""

import time

from ablykit.server.common.sources import ARTICLE_DAY, Clock, Ids


def test_a_seeded_clock_ticks_once_each_time_it_is_asked():
    clock = Clock(1)
    assert [clock.now() for _ in range(3)] == [ARTICLE_DAY, ARTICLE_DAY + 1, ARTICLE_DAY + 2]


def test_an_unseeded_clock_tells_the_time():
    before = time.time() * 1000
    assert before - 1 <= Clock(None).now() <= time.time() * 1000


def test_seeded_names_are_the_same_and_each_kind_has_its_own_stream():
    one, two = Ids(7), Ids(7)
    one.new("key", 4)
    assert one.new("connection", 10) == two.new("connection", 10)
    assert one.new("connection", 10) != one.new("connection", 10)
    assert Ids(8).new("connection", 10) != Ids(7).new("connection", 10)


def test_unseeded_names_differ():
    assert len({Ids(None).new("key", 12) for _ in range(50)}) == 50


def test_the_time_that_is_shown_is_the_next_to_be_stamped():
    seeded = Clock(1)
    assert seeded.shown() == seeded.shown() == seeded.now()
    assert abs(Clock(None).shown() - Clock(None).wall()) < 1_000


def test_a_clock_that_was_moved_stamps_and_shows_the_time_it_was_moved_to():
    seeded, clock = Clock(1), Clock(None)
    assert seeded.now() == ARTICLE_DAY
    for moved in (seeded, clock):
        moved.ahead = 3_600_000.0
    assert (seeded.now(), seeded.now()) == (ARTICLE_DAY + 3_600_001, ARTICLE_DAY + 3_600_002)
    assert seeded.shown() == seeded.now()
    for told in (clock.now(), clock.wall(), clock.shown()):
        assert abs(told - clock.real() - 3_600_000) < 1_000
    assert abs(Clock.real() - time.time() * 1000) < 1_000
