"""The log decides order, and forgets what it must."""

import pytest

from ablykit.protocol import Annotation, Message, NotAFrame, ProtocolMessage
from ablykit.server.channels.log import ITEM_BYTES, ByteBudget, Log


def held(**message):
    """What an entry with one such message takes in memory, as the log counts it."""
    return publish(log(), **message).held


def log(retention=100, budget=None):
    return Log("L", began=1_000, retention=retention, budget=budget or ByteBudget(1_000_000))


def placed(to, frame, now=0.0, **options):
    """The entry that a publish became."""
    found = []
    to.append(frame, now, found.append, **options)
    return found[0]


def publish(to, data="x", now=0.0, timestamp=1_000, id=None, **options):
    frame = ProtocolMessage(action=15, timestamp=timestamp, messages=[Message(data=data, id=id)])
    return placed(to, frame, now, **options)


def test_serials_rise_even_when_the_clock_stands_or_goes_back():
    one = log()
    serials = [publish(one, timestamp=t).serial for t in (1_000, 1_000, 900, 2_000, 1_500)]
    assert serials == sorted(set(serials))
    assert one.serial == serials[-1]


def test_followers_hear_every_entry_in_order():
    one, heard = log(), []
    one.follow(lambda entry: heard.append(entry.serial))
    serials = [publish(one).serial, publish(one, keep=False).serial]
    assert heard == serials


def test_what_is_too_old_or_too_much_goes():
    one = log(budget=ByteBudget(3 * held()))
    start = one.serial
    for now in (0.0, 10.0, 20.0, 30.0):
        publish(one, now=now)
    assert one.since(start, 30.0) is None
    assert len(one.last(30.0, count=9)) == 3
    assert len(one.last(125.0, count=9)) == 1
    one.forget(1_000.0)
    assert one.is_empty


def test_an_id_is_found_while_its_entry_is_kept():
    one = log()
    entry = publish(one, id="a:0")
    assert one.find("a:0", 50.0) is entry
    assert one.find("a:0", 101.0) is None
    assert one.find("b:0", 0.0) is None


def test_an_entry_not_kept_still_moves_the_head():
    one = log()
    before = one.serial
    entry = publish(one, keep=False)
    assert one.serial == entry.serial > before
    assert one.since(before, 0.0) == []


def test_logs_that_share_their_memory_let_the_oldest_of_all_go_first():
    budget = ByteBudget(3 * held())
    one, two = log(budget=budget), log(budget=budget)
    publish(one, "a")
    publish(two, "b")
    publish(two, "c")
    publish(two, "d")
    publish(one, "e")
    assert [entry.frame.messages[0].data for each in (one, two) for entry in each.all(0.0)] == ["e", "c", "d"]
    assert budget.bytes == 3 * held()


def test_what_goes_by_its_age_is_no_longer_counted():
    budget = ByteBudget(1_000_000)
    short, long = log(retention=1, budget=budget), log(retention=1_000_000, budget=budget)
    publish(long)
    for now in range(5_000):
        publish(short, now=float(now))
    short.forget(9_000.0)
    assert budget.bytes == held()
    assert len(budget._order) == 1, "and leaves nothing behind"


def test_one_message_that_is_larger_than_all_there_may_be_is_passed_on_and_not_kept():
    one, heard = log(budget=ByteBudget(10)), []
    one.follow(heard.append)
    start = one.serial
    publish(one, "x" * 100)
    assert len(heard) == 1
    assert one.is_empty
    assert one.since(start, 0.0) is None, "and who asks for it is told of the loss"


def test_its_messages_have_what_their_frame_says_for_all():
    frame = ProtocolMessage(
        action=15, id="a:0", connection_id="a", timestamp=5, messages=[Message(data="x"), Message(id="own")]
    )
    first, second = (entry := placed(log(), frame)).messages
    assert (first.id, first.connection_id, first.timestamp) == ("a:0:0", "a", 1_000)
    assert second.id == "own"
    assert entry.serials == [first.serial, second.serial]
    assert entry.is_original


def test_a_revision_gets_a_version_and_a_summary_none():
    one = log()
    original = publish(one)
    serial = original.serials[0]

    def revision(action):
        frame = ProtocolMessage(action=15, timestamp=7, messages=[Message(serial=serial, action=action)])
        return placed(one, frame)

    updated, summed = revision(1), revision(4)
    assert updated.frame.messages[0].version.serial > original.frame.messages[0].version.serial
    assert summed.frame.messages[0].version is None
    assert not updated.is_original
    assert one.last(0.0, count=1) == [original], "a revision is no message more"


def test_one_that_is_asked_for_by_time_is_not_older():
    one = log()
    publish(one, "a", now=0.0)
    newer = publish(one, "b", now=50.0)
    assert one.last(60.0, ms=20.0) == [newer]
    one.append(ProtocolMessage(action=14, timestamp=1_000), 55.0)
    assert one.last(60.0, ms=20.0) == [newer], "presence is no message"


def test_serials_sort_however_many_there_are_in_one_moment():
    one = log(budget=ByteBudget(10**9))
    serials = [publish(one).serial for _ in range(2_500)]
    assert serials == sorted(set(serials))
    for number in (0, 998, 999, 1_000, 1_999):
        assert [entry.serial for entry in one.since(serials[number], 0.0)] == serials[number + 1 :]


def test_a_timestamp_never_lies_before_the_one_before_it():
    one = log()
    timestamps = [publish(one, timestamp=t).frame.timestamp for t in (2_000, 1_500, 3_000)]
    assert timestamps == [2_000, 2_000, 3_000]


def test_a_publish_that_can_not_be_written_down_changes_nothing():
    one, heard = log(), []
    one.follow(heard.append)
    before = one.serial
    with pytest.raises(NotAFrame):
        publish(one, {"n": 10**30})
    assert (one.serial, one.is_empty, heard) == (before, True, [])


def test_a_follower_that_fails_harms_neither_the_publisher_nor_the_others():
    one, heard = log(), []

    def fails(entry):
        raise RuntimeError("as the test wants")

    one.follow(fails)
    one.follow(heard.append)
    entry = publish(one)
    assert heard == [entry] == one.all(0.0)


def test_all_that_is_kept_is_counted():
    budget = ByteBudget(10**9)
    one = log(budget=budget)
    one.append(ProtocolMessage(action=15, timestamp=1_000, messages=[Message() for _ in range(1_000)]), 0.0)
    assert budget.bytes > 1_000 * ITEM_BYTES, "empty messages take room too"
    before = budget.bytes
    annotations = [Annotation(type="t:total.v1", data="x" * 50_000)]
    one.append(ProtocolMessage(action=21, timestamp=1_000, annotations=annotations), 0.0)
    assert budget.bytes - before > 50_000
    one.drop_all()
    assert budget.bytes == 0


def test_a_part_is_read_without_reading_the_rest():
    one = log(retention=1_000_000)
    serials = [publish(one, timestamp=1_000 + n).serial for n in range(100)]
    read = lambda **bounds: [entry.serial for entry in one.read(0.0, **bounds)]  # noqa: E731
    assert read(start=1_010, end=1_012) == serials[10:13]
    assert read(after=serials[97]) == serials[97:]
    assert read(after=serials[2], forwards=False) == serials[2::-1]
    assert read(until=serials[1]) == serials[:2]
    assert next(one.read(0.0, forwards=False)).serial == serials[-1]


def test_what_was_dropped_leaves_the_rest_in_its_place():
    one = log()
    serials = [publish(one, now=float(n)).serial for n in range(5_000)]
    assert [entry.serial for entry in one.all(4_999.0)] == serials[-101:]
    assert one.since(serials[-3], 4_999.0)[0].serial == serials[-2]
    assert len(one._serials) < 3_000, "and is let go of"


def test_a_message_is_found_by_its_serial_while_it_is_kept():
    one = log()
    entry = publish(one, "a")
    serial = entry.serials[0]
    assert one.message(serial, 0.0).data == "a"
    for none in ("", "nonsense", f"{entry.serial}:1", f"{entry.serial}:x", f"{entry.serial}:000000"):
        assert one.message(none, 0.0) is None
    assert one.message(serial, 101.0) is None


def test_a_story_goes_on_with_what_is_appended_and_goes_with_its_message():
    one = log()
    serial = publish(one, "a", now=0.0).serials[0]
    assert one.story(serial, 0.0) is None
    story = one.begin_story(serial, 0.0)
    one.append(
        ProtocolMessage(action=15, timestamp=1_000, messages=[Message(serial=serial, action=5, data="b")]),
        50.0,
    )
    annotation = Annotation(type="t:total.v1", message_serial=serial)
    one.append(ProtocolMessage(action=21, timestamp=1_000, annotations=[annotation]), 50.0)
    assert one.message(serial, 50.0).data == "ab"
    assert story.summary.totals() == {"t:total.v1": {"total": 1}}
    assert one.begin_story(serial, 50.0) is story
    assert one.begin_story(serial, 101.0) is None, "the message has gone, if not its revision"
    assert len(one.all(101.0)) == 2


def test_an_id_given_twice_is_taken_once_while_it_is_kept():
    one, heard = log(), []
    one.follow(heard.append)
    first = publish(one, id="a:0", now=0.0)
    assert publish(one, id="a:0", now=50.0) is first
    assert one.find("a:0", 60.0) is first
    later = publish(one, id="a:0", now=120.0)
    assert one.find("a:0", 120.0) is later is not first
    assert heard == [first, later]
