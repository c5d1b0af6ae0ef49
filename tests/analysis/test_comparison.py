"""Two recordings, ids and times aside."""

from ablykit import wire
from ablykit.analysis import compare
from ablykit.analysis.comparison import shape


def talk(local, *frames):
    ably = local()
    with wire.open(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
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
