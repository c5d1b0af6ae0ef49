"""Each rule has a transcript that breaks it and one that keeps it; and the embedded Ably keeps them all."""

import json

import pytest

from ablykit import wire
from ablykit.analysis import RULES, lint
from ablykit.transcript import Entry, Transcript

DETAILS = {
    "clientId": "*", "connectionKey": "K!abc", "maxMessageSize": 100, "maxFrameSize": 1000,
    "maxInboundRate": 5, "maxIdleInterval": 1000,
}  # fmt: skip
CONNECTED = {"action": 4, "connectionId": "abc", "connectionDetails": DETAILS}
URL = "wss://h/?key=a.b:****"
ALL, NO_SUBSCRIBE, NO_PUBLISH, NO_PRESENCE = 983040, 983040 - 262144, 983040 - 131072, 983040 - 65536


def story(*events, url=URL, connected=CONNECTED, end=False, step=10):
    """A transcript: `>` before what is sent, `<` before what comes; a number lets so many ms pass."""
    entries, at = [], 0.0

    def add(direction, kind, raw):
        entries.append(Entry(len(entries), at, "a", direction, kind, raw))

    add("out", "open", url)
    if connected:
        add("in", "frame", json.dumps(connected, separators=(",", ":")))
    for event in events:
        if isinstance(event, int | float):
            at += event
            continue
        at += step
        arrow, said = event
        raw = said if isinstance(said, str | bytes) else json.dumps(said, separators=(",", ":"))
        add("out" if arrow == ">" else "in", "frame", raw)
    if end:
        add("in", "close", "1000")
    return entries


def out(action, **members):
    return (">", {"action": action, **members})


def got(action, **members):
    return ("<", {"action": action, **members})


def msg(serial, data="x", **members):
    return out(15, channel="c", msgSerial=serial, messages=[{"data": data}], **members)


def delivered(id="other:0", serial="01", **members):
    publisher = id.rpartition(":")[0]
    return got(
        15,
        id=id,
        connectionId=publisher,
        channel="c",
        channelSerial=serial,
        messages=[{"data": "x"}],
        **members,
    )


def attached(flags=ALL, **members):
    return (out(10, channel="c"), got(11, channel="c", channelSerial="00", flags=flags, **members))


ACK = got(1, msgSerial=0, count=1)
ERROR = {"code": 40009, "statusCode": 400, "message": "no"}
ENTER = out(14, channel="c", msgSerial=0, presence=[{"action": 2, "clientId": "me"}])
RESUME = URL + "&resume=K!abc"

CASES = {
    # the client's
    "key-without-tls": (story(url="ws://h/?key=a.b:****"), story(url="ws://h/")),
    "not-a-frame": (story((">", "junk")), story(out(0))),
    "unknown-action-sent": (story(out(99)), story(out(0))),
    "not-for-clients": (story(out(11)), story(out(10, channel="c"))),
    "before-connected": (story(out(0), connected=None), story(out(0))),
    "after-close": (story(out(7), out(0)), story(out(0), out(7))),
    "channel-missing": (story(out(10)), story(out(10, channel="c"))),
    "channel-name": (story(out(10, channel=":c")), story(out(10, channel="c:"))),
    "mode-not-for-asking": (story(out(10, channel="c", flags=4)), story(out(10, channel="c", flags=262144))),
    "detach-of-unattached": (story(out(12, channel="c")), story(*attached(), out(12, channel="c"))),
    "serial-missing": (story(out(15, channel="c", messages=[{}])), story(msg(0))),
    "serial-start": (story(msg(3)), story(msg(3), url=RESUME)),
    "serial-not-rising": (story(msg(0), ACK, msg(0)), story(msg(0), ACK, msg(1))),
    "serial-gap": (story(msg(0), msg(2)), story(msg(0), msg(1))),
    "messages-missing": (story(out(15, channel="c", msgSerial=0, messages=[])), story(msg(0))),
    "message-too-large": (story(msg(0, "x" * 101)), story(msg(0, "x" * 100))),
    "frame-too-large": (story(out(10, channel="x" * 1000)), story(out(10, channel="x" * 900))),
    "message-ids": (
        story(out(15, channel="c", msgSerial=0, messages=[{"id": "a:0"}, {"id": "a:2"}])),
        story(out(15, channel="c", msgSerial=0, messages=[{"id": "a:0"}, {"id": "a:1"}])),
    ),
    "data-kind": (story(msg(0, 5)), story(msg(0, {"a": 5}))),
    "foreign-client-id": (
        story(out(15, channel="c", msgSerial=0, messages=[{"clientId": "you"}]), connected={**CONNECTED, "connectionDetails": {**DETAILS, "clientId": "me"}}),
        story(out(15, channel="c", msgSerial=0, messages=[{"clientId": "you"}])),
    ),
    "publish-without-mode": (story(*attached(NO_PUBLISH), msg(0)), story(*attached(), msg(0))),
    "presence-without-mode": (story(*attached(NO_PRESENCE), ENTER), story(*attached(), ENTER)),
    "presence-without-client-id": (story(out(14, channel="c", msgSerial=0, presence=[{"action": 2}])), story(ENTER)),
    "leave-without-enter": (
        story(out(14, channel="c", msgSerial=0, presence=[{"action": 3, "clientId": "me"}])),
        story(ENTER, out(14, channel="c", msgSerial=1, presence=[{"action": 3, "clientId": "me"}])),
    ),
    "too-fast": (story(*(msg(n) for n in range(6))), story(*(msg(n) for n in range(6)), step=250)),
    # the service's
    "first-frame": (story(got(0), connected=None), story()),
    "not-for-the-service": (story(got(10)), story(got(0))),
    "after-closed": (story(out(7), got(8), got(0)), story(out(7), got(0), got(8))),
    "details-missing": (story(connected={"action": 4, "connectionId": "abc"}), story()),
    "connection-id-missing": (story(connected={"action": 4, "connectionDetails": DETAILS}), story()),
    "connection-id-changed": (story(("<", {**CONNECTED, "connectionId": "new"})), story(("<", CONNECTED))),
    "resume-ignored": (
        story(url=RESUME, connected={**CONNECTED, "connectionId": "new"}),
        story(url=RESUME, connected={**CONNECTED, "connectionId": "new", "error": {**ERROR, "code": 80018}}),
    ),
    "answer-to-nothing": (story(ACK), story(msg(0), ACK)),
    "answered-twice": (story(msg(0), ACK, ACK), story(msg(0), ACK)),
    "answer-skipped": (
        story(msg(0), msg(1), got(1, msgSerial=1, count=1)),
        story(msg(0), msg(1), got(1, msgSerial=0, count=2)),
    ),
    "answer-without-serial": (story(msg(0), got(1, count=1)), story(msg(0), ACK)),
    "answer-without-count": (story(msg(0), got(1, msgSerial=0)), story(msg(0), ACK)),
    "result-count": (
        story(msg(0), got(1, msgSerial=0, count=1, res=[{}, {}])),
        story(msg(0), got(1, msgSerial=0, count=1, res=[{"serials": ["s"]}])),
    ),
    "nack-without-error": (story(msg(0), got(2, msgSerial=0, count=1)), story(msg(0), got(2, msgSerial=0, count=1, error=ERROR))),
    "error-without-code": (story(got(9, error={"message": "no"})), story(got(9, error=ERROR))),
    "error-without-channel": (
        story(got(9, error={**ERROR, "code": 40160})),
        story(got(9, channel="c", error={**ERROR, "code": 40160})),
    ),
    "attached-unasked": (story(got(11, channel="c", channelSerial="0")), story(*attached())),
    "attached-without-serial": (story(out(10, channel="c"), got(11, channel="c")), story(*attached())),
    "modes-not-asked": (
        story(out(10, channel="c", flags=131072), got(11, channel="c", channelSerial="0", flags=ALL)),
        story(out(10, channel="c", flags=131072), got(11, channel="c", channelSerial="0", flags=131072)),
    ),
    "resumed-from-nowhere": (
        story(*attached(ALL + 4)),
        story(out(10, channel="c", channelSerial="00"), got(11, channel="c", channelSerial="00", flags=ALL + 4)),
    ),
    "detached-unasked": (story(*attached(), got(13, channel="c")), story(*attached(), got(13, channel="c", error=ERROR))),
    "message-unattached": (story(delivered()), story(*attached(), delivered())),
    "message-without-mode": (story(*attached(NO_SUBSCRIBE), delivered()), story(*attached(), delivered())),
    "unwanted-echo": (story(*attached(), delivered("abc:0"), url=URL + "&echo=false"), story(*attached(), delivered("abc:0"))),
    "channel-serial-not-rising": (
        story(*attached(), delivered("o:0", "02"), delivered("o:1", "01")),
        story(*attached(), delivered("o:0", "01"), delivered("o:1", "02")),
    ),
    "publisher-order": (
        story(*attached(), delivered("o:1", "01"), delivered("o:0", "02")),
        story(*attached(), delivered("o:1", "01"), delivered("p:0", "02"), delivered("o:2", "03")),
    ),
    "delivered-twice": (
        story(*attached(), delivered("o:1", "01"), delivered("o:1", "02")),
        story(*attached(), delivered("o:1", "01"), delivered("o:2", "02")),
    ),
    "presence-of-nobody": (
        story(*attached(), got(14, channel="c", connectionId="o", presence=[{"action": 3, "clientId": "x"}])),
        story(
            *attached(),
            got(14, channel="c", connectionId="o", presence=[{"action": 2, "clientId": "x"}]),
            got(14, channel="c", connectionId="o", presence=[{"action": 3, "clientId": "x"}]),
        ),
    ),
    "silence": (story(2100, got(0)), story(1900, got(0))),
    "unwanted-heartbeat": (story(got(0), url=URL + "&heartbeats=false"), story(out(0), got(0), url=URL + "&heartbeats=false")),
    "null-member": (story(got(0, id=None)), story(got(0))),
    "white-space": (story(("<", '{ "action":0}')), story(("<", '{"action":0}'))),
    "wrong-format": (story(("<", b"\x81\xa6action\x00")), story(got(0))),
    "left-unanswered": (story(msg(0), end=True), story(msg(0), ACK, end=True)),
    "attach-unanswered": (story(out(10, channel="c"), end=True), story(*attached(), end=True)),
    "sync-left-open": (
        story(*attached(ALL + 1), got(16, channel="c", channelSerial="s:more", presence=[]), end=True),
        story(*attached(ALL + 1), got(16, channel="c", channelSerial="s:", presence=[]), end=True),
    ),
}  # fmt: skip


def broken(transcript):
    return {finding.rule.name for finding in lint(transcript)}


def test_every_rule_has_its_two_transcripts():
    assert set(CASES) == set(RULES)
    assert len(RULES) >= 40


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_seen_broken_and_seen_kept(name):
    breaks, keeps = CASES[name]
    assert name in broken(breaks)
    assert name not in broken(keeps)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_it_is_and_whose(name):
    rule = RULES[name]
    assert rule.says.endswith(".")
    assert rule.clause
    assert rule.side in ("client", "service")


def test_a_finding_names_rule_clause_and_frame():
    (finding,) = [f for f in lint(CASES["channel-name"][0]) if f.rule.name == "channel-name"]
    assert finding.entry.number == 2
    assert str(finding).startswith(
        "   2 client: channel-name (RTS3): Channel names keep the naming rules. Here: "
    )


def test_odd_frames_break_rules_and_nothing_else():
    odd = [
        {"action": True}, {"action": "x"}, {"action": 15, "messages": 5, "channel": 7, "msgSerial": "x"},
        {"action": 11, "flags": "x"}, {"action": 4, "connectionDetails": 5}, {"action": 1, "msgSerial": 0, "count": 10**12},
        {"action": 9, "error": 5}, {"action": 14, "presence": [5, {"action": 9}]}, {"action": 16, "channelSerial": 5},
    ]  # fmt: skip
    for frame in odd:
        lint(story((">", frame), ("<", frame), (">", b"\xff"), ("<", "[]"), end=True))


@pytest.mark.parametrize("query", ["", "&v=5", "&format=msgpack&v=5", "&echo=false", "&heartbeats=false"])
def test_the_embedded_ably_keeps_every_rule(local, query):
    ably = local(heartbeat_interval=200)
    with wire.open(f"{ably.tls_url}?key={ably.key}{query}") as conn:
        conn.recv("CONNECTED")
        conn.send({"action": 10, "channel": "c"}, {"action": 10, "channel": ":bad"}, {"action": 0, "id": "1"})
        conn.send(
            *(
                {"action": 15, "channel": "c", "msgSerial": n, "messages": [{"data": "x" * (n * 9000)}]}
                for n in range(4)
            )
        )
        conn.send(
            {"action": 10, "channel": "d", "flags": 262144, "params": {"rewind": "1"}},
            {"action": 12, "channel": "c"},
        )
        conn.frames(seconds=0.5)
        conn.send({"action": 7})
        conn.wait_closed()
    found = [str(finding) for finding in lint(conn.transcript) if finding.rule.side == "service"]
    assert not found


def test_what_the_service_drops_for_its_serial_is_not_held_against_it():
    transcript = Transcript()
    for direction, raw in (
        ("out", '{"action":15,"channel":"c","msgSerial":0,"messages":[{"data":"x"}]}'),
        ("in", '{"action":1,"msgSerial":0,"count":1}'),
        ("out", '{"action":15,"channel":"c","msgSerial":0,"messages":[{"data":"y"}]}'),
        ("out", '{"action":15,"channel":"c","msgSerial":1,"messages":[{"data":"z"}]}'),
        ("in", '{"action":1,"msgSerial":1,"count":1}'),
    ):
        transcript.record("a", direction, raw)
    transcript.record("a", "in", "1000", "close")
    blamed = {finding.rule.name for finding in lint(transcript)}
    assert "serial-not-rising" in blamed
    assert not blamed & {"answer-skipped", "left-unanswered"}


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(
            [
                *attached(),
                delivered("o:0", "01"),
                delivered("o:1", "02"),
                out(10, channel="c", channelSerial="01"),
                got(11, channel="c", channelSerial="02", flags=ALL + 2 + 4),
                delivered("o:1", "02"),
                delivered("o:2", "03"),
            ],
            id="what is asked for again comes again",
        ),
        pytest.param(
            [
                out(10, channel="c", flags=131072, params={"modes": "subscribe, PRESENCE"}),
                got(11, channel="c", channelSerial="0", flags=262144 + 65536),
            ],
            id="modes may be asked for by name",
        ),
        pytest.param(
            [out(10, channel=""), got(9, channel="", error={**ERROR, "code": 40010})],
            id="an empty name is a channel's name, if not a good one",
        ),
    ],
)
def test_what_is_right_is_not_blamed(talk):
    assert {f.rule.name for f in lint(story(*talk)) if f.rule.side == "service"} == set()


def test_a_backlog_excuses_no_message_that_comes_twice_in_it():
    talk = [
        *attached(),
        delivered("o:0", "01"),
        out(10, channel="c", channelSerial="00"),
        got(11, channel="c", channelSerial="01", flags=ALL + 2 + 4),
        delivered("o:0", "01"),
        delivered("o:0", "01"),
    ]
    assert broken(story(*talk)) == {"delivered-twice", "channel-serial-not-rising"}
