"""Each rule for the service has a transcript that breaks it and one that keeps it; the embedded Ably keeps them all."""

import pytest

from ablykit import wire
from ablykit.record import RULES, lint
from ablykit.record.transcript import Transcript
from tests.record.story import (
    ACK,
    ALL,
    CONNECTED,
    DETAILS,
    ERROR,
    NO_SUBSCRIBE,
    RESUME,
    URL,
    attached,
    broken,
    delivered,
    got,
    msg,
    out,
    story,
)

CASES = {
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


@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_seen_broken_and_seen_kept(name):
    breaks, keeps = CASES[name]
    assert name in broken(breaks)
    assert name not in broken(keeps)


def test_every_rule_has_its_two_transcripts():
    assert set(CASES) == {name for name, rule in RULES.items() if rule.side == "service"}


@pytest.mark.parametrize("query", ["", "&v=5", "&format=msgpack&v=5", "&echo=false", "&heartbeats=false"])
def test_the_embedded_ably_keeps_every_rule(local, query):
    ably = local(heartbeat_interval=200)
    with wire.connect(f"{ably.tls_url}?key={ably.key}{query}") as conn:
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


@pytest.mark.parametrize(
    "waiting",
    [[msg(0)], [out(10, channel="c")], attached(ALL + 1)],
    ids=["a publish", "an attach", "a sync"],
)
def test_what_waits_when_disconnected_comes_is_left_to_the_next_transport(waiting):
    findings = broken(story(*waiting, got(6, error=ERROR), end=True))
    assert not findings & {"left-unanswered", "attach-unanswered", "sync-left-open"}


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
