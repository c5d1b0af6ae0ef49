"""Frames that are nearly right: valid ones of every kind, with something changed that a client can change.

Everything is drawn from one `random.Random`, so that a seed gives the same frames again.
"""

import json
import re
from copy import deepcopy
from datetime import UTC, datetime
from math import inf, nan

import msgspec

from ablykit.protocol import MODES, Format
from tests.server.frames import filtered

FILTERS = (
    "name == 'a'",
    "headers.n > `3`",
    "name < `5`",
    "contains(headers.n, 'x') || !clientId",
    "ceil(extras.n) == `1`",
    "[name,name]" + "|[@,@][]" * 22,
    "(" * 500 + "name" + ")" * 500,
)
CHANNELS = (
    "c",
    "doc:a",
    "doc:b",
    "kept:k",
    "[?rewind=3]c",
    "[?delta=vcdiff]c",
    "[?delta=vcdiff]doc:a",
    "[?occupancy=metrics]c",
    "[meta]channel.lifecycle",
    "[meta]connection.lifecycle",
    *(filtered(each) for each in FILTERS),
    *(filtered(each, "doc:a", "?delta=vcdiff") for each in FILTERS[:2]),
)
ODD_CHANNELS = (
    "",
    ":x",
    "[filter=é]c",
    "[filter=%%]c",
    "[c",
    "a\nb",
    "*",
    "[other]c",
    "x" * 3_000,
    "é",
    "[?rewind=1]",
    "doc:",
)
TYPES = (
    "likes:total.v1",
    "on:flag.v1",
    "rate:distinct.v1",
    "pick:unique.v1",
    "stars:multiple.v1",
    "odd",
    "x:none.v1",
)
MEMBERS = (
    "action", "annotations", "auth", "channel", "channelSerial", "clientId", "connectionId", "connectionKey", "count",
    "data", "encoding", "error", "extras", "flags", "id", "messages", "messageSerial", "msgSerial", "name", "params",
    "presence", "serial", "state", "summary", "timestamp", "type", "version", "unknown",
)  # fmt: skip
DATA = (
    "",
    "x",
    "text é",
    "AAEC",
    '{"a":1}',
    {"a": [1, None, 2.5]},
    [],
    [{"b": {}}],
    None,
    "y" * 3_000,
    "y" * 2_999 + "x",
    b"y" * 2_000,
    "z" * 66_000,
)
ENCODINGS = (
    None,
    None,
    None,
    "json",
    "utf-8",
    "base64",
    "json/utf-8/cipher+aes-128-cbc/base64",
    "vcdiff",
    "/",
    "é",
)

EITHER = (
    None, True, False, 0, -1, 1, 2, 5, 15, 2**31, 2**53, 2**53 + 1, 2**63, 2**64 - 1, -(2**63), 0.5, -0.0, 1e308,
    "", "0", "*", "é", "\0", "a\nb", "ok", "😀", "x" * 300, "x" * 70_000, [], {}, [[]], [None], {"": {}}, {"a": {"b": []}},
)  # fmt: skip
"""Values of both formats."""

DEPTHS = (60, 63, 64, 65, 66, 200, 500, 1_100, 20_000)
"""Levels of nesting."""

AT_THE_END_OF_THE_STACK = (900, 980, 985, 990, 995)
"""Levels of nesting that can be read or not, by how much of the stack is in use already."""

ONLY_IN = {
    Format.JSON: (2**64, 10**30, -(10**30), "\ud800", {"\udc00": 1}, 10**400),
    Format.MSGPACK: (
        nan, inf, -inf, b"", b"\0\1\2", b"x" * 70_000, [b"x"], {1: 2}, {None: 1}, {b"k": 1}, {True: 1},
        msgspec.msgpack.Ext(5, b"x"), [msgspec.msgpack.Ext(-1, b"\0" * 4)], datetime(2026, 1, 1, tzinfo=UTC),
    ),
}  # fmt: skip


class Mutants:
    """Frames of one client after another, drawn from `rng`; `known` is what the talk has made so far."""

    def __init__(self, rng, known, depths=DEPTHS):
        self._rng, self._known = rng, known
        self._values = {
            format: (*EITHER, *(f"@deep:{levels}@" for levels in depths), *ONLY_IN[format])
            for format in Format
        }

    def frame(self, serial, format):
        """The bytes of a frame; `serial` is the next msgSerial of its client."""
        rng = self._rng
        frame = rng.choices(*_KINDS)[0](self, serial)
        if rng.random() < 0.05:
            frame["msgSerial"] = serial + rng.choice((-1, -5, 1, 7))
        for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 1, 1, 2, 4))):
            self._change(frame, format)
        raw = written(frame, format, rng.random() < 0.5)
        return self._bent(raw) if rng.random() < 0.03 else raw

    # -- valid frames, by kind

    def _one_of(self, values):
        return deepcopy(self._rng.choice(list(values)))

    def _maybe(self, chance, **members):
        return members if self._rng.random() < chance else {}

    def _channel(self):
        return self._one_of(ODD_CHANNELS if self._rng.random() < 0.03 else CHANNELS)

    def _place(self):
        """A channel to publish on, most often one that is there for that."""
        return self._channel() if self._rng.random() < 0.2 else self._one_of(CHANNELS[:4])

    def _content(self):
        return {
            "data": self._one_of(DATA),
            **self._maybe(0.3, encoding=self._one_of(ENCODINGS)),
            **self._extras(),
        }

    def _extras(self):
        headers = {"n": self._one_of((1, 4, "x", None, [])), "k": "v"}
        return self._maybe(0.3, extras={"headers": headers, **self._maybe(0.2, ephemeral=True)})

    def _client(self):
        return self._maybe(0.2, clientId=self._one_of(("me", "ada", "bob", "*", "")))

    def heartbeat(self, serial):
        return {"action": 0, **self._maybe(0.5, id="ping")}

    def attach(self, serial):
        params = {
            **self._maybe(0.2, rewind=self._one_of(("1", "100", "5s", "2m", "x", "", "9" * 300))),
            **self._maybe(0.2, delta=self._one_of(("vcdiff", "other"))),
            **self._maybe(0.2, occupancy=self._one_of(("metrics", "metrics.publishers", "no"))),
            **self._maybe(
                0.1, modes=self._one_of(("subscribe", "presence,publish", "what", "subscribe," * 100))
            ),
        }
        return {
            "action": 10, "channel": self._channel(), **self._maybe(0.5, params=params),
            **self._maybe(0.5, flags=int(self._one_of((MODES, MODES, 1 << 18, 1 << 17, 1 << 16, 0, 32, MODES | 32)))),
            **self._maybe(0.2, channelSerial=self._one_of(self._known.places)),
        }  # fmt: skip

    def detach(self, serial):
        return {"action": 12, "channel": self._channel()}

    def sync(self, serial):
        return {"action": 16, "channel": self._channel()}

    def message(self, serial):
        count = self._rng.choice((1, 1, 1, 2, 3))
        messages = [
            {**self._maybe(0.5, name=self._one_of("ab")), **self._content(), **self._client()}
            for _ in range(count)
        ]
        if self._rng.random() < 0.2:
            base = self._one_of(("idem", f"once{serial}", f"fresh{self._rng.random()}"))
            messages = [{**each, "id": f"{base}:{n}"} for n, each in enumerate(messages)]
        key = self._maybe(0.03, connectionKey=self._one_of(self._known.keys))
        return {
            "action": 15,
            "channel": self._place(),
            "msgSerial": serial,
            "messages": [{**m, **key} for m in messages],
        }

    def revision(self, serial):
        channel, of = self._one_of(self._known.serials)
        version = self._maybe(0.3, version={"description": "d", "metadata": {"k": "v"}, **self._client()})
        message = {"action": self._one_of((1, 2, 5, 5)), "serial": of, **self._content(), **version}
        return {
            "action": 15,
            "channel": channel,
            "msgSerial": serial,
            "messages": [message],
        }

    def presence(self, serial):
        count = self._rng.choice((1, 1, 1, 2, 5))
        members = [
            {"action": self._one_of((2, 2, 3, 4, 1)), **self._content(), **self._client()}
            for _ in range(count)
        ]
        return {"action": 14, "channel": self._place(), "msgSerial": serial, "presence": members}

    def annotation(self, serial):
        channel, of = self._one_of(self._known.serials)
        item = {
            "type": self._one_of(TYPES), "messageSerial": of, "action": self._one_of((0, 0, 1)),
            **self._maybe(0.5, name=self._one_of("ab")), **self._maybe(0.2, count=self._rng.choice((1, 3, -2, 2**53))),
            **self._maybe(0.3, **self._content()), **self._client(),
        }  # fmt: skip
        return {
            "action": 21,
            "channel": channel,
            "msgSerial": serial,
            "annotations": [item],
        }

    def auth(self, serial):
        return {
            "action": 17,
            "auth": {"accessToken": self._one_of([*self._known.tokens, "x.y.z", "junk", "é", "a.b:c"])},
        }

    def any_action(self, serial):
        return {"action": self._rng.randrange(-2, 26), "channel": self._channel(), "msgSerial": serial}

    def goodbye(self, serial):
        return {"action": self._one_of((7, 5))}

    # -- changes

    def _change(self, frame, format):
        values = self._values[format]
        items = frame.get("messages") or frame.get("presence") or frame.get("annotations")
        item = items[0] if isinstance(items, list) and items else None
        if isinstance(item, dict) and self._rng.random() < 0.5:
            self._fill(item, values)
            return
        spots = list(_spots(frame))
        inner = [spot for spot in spots if spot[0] is not frame]
        holder, key = self._rng.choice(inner if inner and self._rng.random() < 0.8 else spots)
        self._rng.choice(_WAYS)(self, holder, key, spots, values)
        if not frame:
            frame["action"] = 0

    def _fill(self, item, values):
        """Put something into a member that may hold anything."""
        value = self._one_of(values)
        item.update(
            self._one_of(
                (
                    {"data": value},
                    {"data": {"x": [0, value]}},
                    {"extras": {"x": value}},
                    {"extras": {"headers": {"n": value, "m": value}}},
                    {"unknown": value},
                    {"version": {"unknown": value}},
                    {"annotations": {"summary": {"x": value}}},
                    {"annotations": {"unknown": value}},
                )
            )
        )

    def _of_its_type(self, holder, key, spots, values):
        its_type = type(holder[key])
        holder[key] = self._one_of([each for each in values if type(each) is its_type] or values)

    def _of_any_type(self, holder, key, spots, values):
        holder[key] = self._one_of(values)

    def _left_out(self, holder, key, spots, values):
        del holder[key]

    def _as_elsewhere(self, holder, key, spots, values):
        other, its_key = self._rng.choice(spots)
        holder[key] = deepcopy(other[its_key])

    def _many(self, holder, key, spots, values):
        """More of an item, but not so many that the frame is too large for a WebSocket."""
        if isinstance(holder, list):
            what = repr(holder[key])
            most = 3 if "@deep" in what else 300_000 // len(what)
            more = min(most, self._rng.choice((1, 2, 50, 999, 1_001, 80_000)))
            holder.extend(deepcopy(holder[key]) for _ in range(more))

    def _with_another(self, holder, key, spots, values):
        into = holder[key] if isinstance(holder[key], dict) else spots[0][0]
        if isinstance(into, dict):
            into[self._rng.choice(MEMBERS)] = self._one_of(values)

    def _bent(self, raw):
        """Bytes with some changed, cut off, or written twice."""
        rng, raw = self._rng, bytearray(raw)
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(raw) + 1)
            how = rng.randrange(4)
            if how == 0:
                del raw[at:]
            elif how == 1:
                raw[at:at] = rng.choice(
                    (b"\xff", b"\xc1", b"\0", b"[", b"}", b"\xed\xa0\x80", b"\xdf\xff\xff\xff\xff", b'"')
                )
            elif how == 2:
                raw[at : at + 1] = bytes((rng.randrange(256),))
            else:
                raw[at:at] = raw[at : at + rng.randrange(40)]
        return bytes(raw)


_KINDS = zip(*(
    (Mutants.message, 30), (Mutants.presence, 15), (Mutants.attach, 12), (Mutants.revision, 12), (Mutants.annotation, 12),
    (Mutants.detach, 4), (Mutants.sync, 3), (Mutants.heartbeat, 2), (Mutants.any_action, 5), (Mutants.auth, 2), (Mutants.goodbye, 0.4),
), strict=True)  # fmt: skip
_KINDS = tuple(map(list, _KINDS))


_WAYS = (
    *[Mutants._of_its_type] * 5,
    Mutants._of_any_type,
    Mutants._left_out,
    Mutants._as_elsewhere,
    *[Mutants._many] * 2,
    Mutants._with_another,
)


def _spots(frame):
    """Every place in a frame where a value stands, as its holder and key."""
    waiting = [frame]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list) and len(holder[key]) < 50:
                waiting.append(holder[key])


def written(frame, format, escaped):
    """A frame as bytes, as deep as it says."""
    if format is Format.JSON:
        text = json.dumps(frame, ensure_ascii=escaped, skipkeys=True, default=repr)
        return re.sub(rb'"@deep:(\d+)@"', _deep_json, text.encode("utf-8", "surrogatepass"))
    return re.sub(rb"[\xa8-\xac]@deep:(\d+)@", _deep_msgpack, msgspec.msgpack.encode(frame))


def _deep_json(found):
    levels = int(found[1])
    opening, closing = (b'{"a":', b"}") if levels % 2 else (b"[", b"]")
    return opening * levels + b"0" + closing * levels


def _deep_msgpack(found):
    levels = int(found[1])
    return (b"\x81\xa1a" if levels % 2 else b"\x91") * levels + b"\xc0"
