"""Two recordings, ids and times aside."""

import asyncio
import json

from ablykit import wire
from ablykit.record import compare
from ablykit.record.comparison import shape
from ablykit.record.files import load
from ablykit.record.transcript import Transcript
from ablykit.relay.replay import resend
from tests.notebook import ROOT


def talk(local, *frames):
    ably = local()
    with wire.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        conn.recv("CONNECTED")
        for frame in frames:
            conn.send(frame)
            conn.recv(heartbeats=True)
    return conn.transcript


ATTACH, PING = {"action": 10, "channel": "c"}, {"action": 0, "id": "x"}


def test_the_same_talk_with_other_servers_is_the_same(local):
    assert compare(talk(local, ATTACH, PING), talk(local, ATTACH, PING)) == []


def test_what_differs_is_shown_for_each_side(local):
    asked, answered = compare(talk(local, ATTACH, PING), talk(local, ATTACH, {"action": 10}, PING))
    assert asked.first == answered.first == ()
    assert [entry.action for entry in (*asked.second, *answered.second)] == ["ATTACH", "ERROR"]
    assert str(asked) == '+ → ATTACH {"action": 10}'


def test_a_connection_more_is_a_difference(local):
    one = list(talk(local, PING))
    more = [*one, *talk(local, PING)]
    assert len(compare(one, more)) == 2
    assert len(compare(more, one)) == 2


def test_what_is_masked_is_not_the_whole_member(local):
    one = talk(local, ATTACH)
    assert '"channelSerial": "…"' in shape(one[3])
    assert shape(one[0]) == "→ WebSocket open wss://HOST/?key=…&heartbeats=false"


def acknowledged(*serials, code="1000"):
    transcript = Transcript()
    ack = {"action": 1, "msgSerial": 0, "count": 1, "res": [{"serials": list(serials)}]}
    transcript.record("one", "in", json.dumps(ack))
    transcript.record("one", "in", code, "close")
    return transcript


def test_the_serials_of_an_ack_differ_without_meaning_but_their_number_counts():
    assert compare(acknowledged("a"), acknowledged("b")) == []
    assert len(compare(acknowledged("a"), acknowledged("a", "b"))) == 1
    assert len(compare(acknowledged("a"), acknowledged(None))) == 1


def test_a_cut_compares_as_a_close_and_a_complaint_does_not():
    assert compare(acknowledged("a", code="1006"), acknowledged("a")) == []
    assert len(compare(acknowledged("a", code="1009 too large"), acknowledged("a"))) == 1


def test_the_shipped_recording_sent_again_is_answered_in_the_same_way(ably):
    recorded = load(ROOT / "notebooks" / "recordings" / "two_clients.jsonl")
    again = asyncio.run(resend(recorded, f"{ably.tls_url}/?key={ably.key}"))
    assert [str(difference) for difference in compare(recorded, again)] == []
