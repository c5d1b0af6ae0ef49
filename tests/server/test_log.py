"""The log decides order, and forgets what it must."""

from ablykit.protocol import Message, ProtocolMessage
from ablykit.server.log import ENTRY_BYTES, Log, Memory


def log(retention=100, memory=None):
    return Log("L", began=1_000, retention=retention, memory=memory or Memory(1_000_000))


def publish(to, data="x", now=0.0, timestamp=1_000, **options):
    return to.append(
        ProtocolMessage(
            action=15,
            timestamp=timestamp,
            messages=[Message(data=data, id=options.pop("id", None))],
        ),
        now,
        **options,
    )


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
    one = log(memory=Memory(3 * (1 + ENTRY_BYTES)))
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
    memory = Memory(3 * (1 + ENTRY_BYTES))
    one, two = log(memory=memory), log(memory=memory)
    publish(one, "a")
    publish(two, "b")
    publish(two, "c")
    publish(two, "d")
    publish(one, "e")
    assert [entry.frame.messages[0].data for each in (one, two) for entry in each.all(0.0)] == ["e", "c", "d"]
    assert memory.bytes == 3 * (1 + ENTRY_BYTES)


def test_what_goes_by_its_age_is_no_longer_counted():
    memory = Memory(1_000_000)
    short, long = log(retention=1, memory=memory), log(retention=1_000_000, memory=memory)
    publish(long)
    for now in range(5_000):
        publish(short, now=float(now))
    short.forget(9_000.0)
    assert memory.bytes == 1 + ENTRY_BYTES
    assert len(memory._order) < 2_000, "and leaves nothing behind"


def test_one_message_that_is_larger_than_all_there_may_be_is_passed_on_and_not_kept():
    one, heard = log(memory=Memory(10)), []
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
    first, second = (entry := log().append(frame, 0.0)).messages
    assert (first.id, first.connection_id, first.timestamp) == ("a:0:0", "a", 5)
    assert second.id == "own"
    assert entry.serials == [first.serial, second.serial]
    assert entry.is_original


def test_a_revision_gets_a_version_and_a_summary_none():
    one = log()
    original = publish(one)
    serial = original.serials[0]

    def revision(action):
        frame = ProtocolMessage(action=15, timestamp=7, messages=[Message(serial=serial, action=action)])
        return one.append(frame, 0.0)

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
