"""Transcripts told in a line or two."""

import json

from ablykit.record import lint
from ablykit.record.transcript import Entry

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


def broken(transcript):
    return {finding.rule.name for finding in lint(transcript)}
