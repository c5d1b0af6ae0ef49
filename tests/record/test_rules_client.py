"""Each rule for clients has a transcript that breaks it and one that keeps it."""

import pytest

from ablykit.record import RULES
from tests.record.story import (
    ACK,
    CONNECTED,
    DETAILS,
    ENTER,
    NO_PRESENCE,
    NO_PUBLISH,
    RESUME,
    attached,
    broken,
    msg,
    out,
    story,
)

CASES = {
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
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_seen_broken_and_seen_kept(name):
    breaks, keeps = CASES[name]
    assert name in broken(breaks)
    assert name not in broken(keeps)


def test_every_rule_has_its_two_transcripts():
    assert set(CASES) == {name for name, rule in RULES.items() if rule.side == "client"}
