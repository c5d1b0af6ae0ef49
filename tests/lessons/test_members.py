"""The streams: what they hold is what really comes from an Ably, and what a client of Ably makes of it."""

from ablykit import wire
from ablykit.client.presence import Members
from ablykit.lessons import members
from ablykit.lessons.members import LEAVE, stories, stream
from ablykit.protocol import ProtocolMessage
from ablykit.protocol.codec import convert

STREAMS = [stream(seed) for seed in range(1, 301)]


def test_the_client_of_this_kit_agrees_on_who_is_present():
    """It follows the specification to the letter (RTP2)."""
    for story in [*stories(), *STREAMS]:
        known = Members()
        for given in story.frames:
            frame = convert(given, ProtocolMessage)
            (known.sync if frame.action == 16 else known.update)(frame)
        present = {(each.connection_id, each.client_id): each.data for each in known.present()}
        assert present == story.right, story.story


def test_a_seed_makes_the_same_stream_each_time():
    assert stream(7) == STREAMS[6]
    assert stream(8) != STREAMS[6]


def test_the_streams_have_all_that_makes_them_hard():
    pages = [frame for story in STREAMS for frame in story.frames if frame["action"] == 16]
    items = [each for story in STREAMS for frame in story.frames for each in frame["presence"]]
    assert len(pages) == 3 * len(STREAMS)
    assert any(not each["id"].startswith(each["connectionId"]) for each in items)
    assert any(each["action"] == LEAVE for each in items)
    assert {len(each["id"].split(":")[1]) for each in items} == {1, 2}
    late = [story for story in STREAMS if stamps(story) != sorted(stamps(story))]
    assert len(late) > len(STREAMS) / 2


def stamps(story):
    return [frame["timestamp"] for frame in story.frames if frame["action"] == 14]


def test_every_member_that_a_learner_may_get_wrong_has_a_reason():
    for story in STREAMS:
        assert story.why.keys() >= story.right.keys()


def test_the_frames_have_the_members_of_real_ones(ably):
    url = f"{ably.tls_url}?key={ably.key}&heartbeats=false&clientId=ada"
    with wire.connect(url) as conn, wire.connect(url) as late:
        enter = {"action": 14, "channel": "room", "msgSerial": 0, "presence": [{"action": 2, "data": "hi"}]}
        conn.send({"action": 10, "channel": "room"}, enter)
        seen = conn.recv("PRESENCE")
        late.send({"action": 10, "channel": "room"})
        listed = late.recv("SYNC")
    made = members.presence(members.item(2, "conn1:0:0", "ada", "hi", 1))
    assert made.keys() | {"channelSerial"} == seen.keys()
    assert made["presence"][0].keys() == seen["presence"][0].keys()
    assert members.sync("s1:", *made["presence"]).keys() == listed.keys()
    assert listed["presence"][0]["action"] == 1
