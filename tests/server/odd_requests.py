"""HTTP requests that are nearly right: one for each route there is, with something changed that a client can
change.

Everything is drawn from one `random.Random`, so that a seed gives the same requests again. A route that is not
known here gets arbitrary bodies.
"""

import base64
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from math import inf, nan
from urllib.parse import quote

from ablykit.protocol import Format, plain
from ablykit.protocol.tokens import token_request
from tests.server.mutants import AT_THE_END_OF_THE_STACK, CHANNELS, DEPTHS, ODD_CHANNELS, Mutants, written
from tests.server.over_http import MSGPACK, PAGE, b64

LOCAL = "localhost:8080"
MEDIA = {Format.JSON: "application/json", Format.MSGPACK: MSGPACK}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "get")
NAMES = (
    *CHANNELS[:4],
    *("a?b", "a#b", "a/b", "a%2Fb", "a\\b", "a;b", "messages", "x/messages", "c/presence", "doc:ü"),
)
"""Channels that can be published on, most of which an address has to escape. `..` is not among them: clients take
it out of an address."""

ENDINGS = ("/", "//", "?", "%00", "%ff", "%0A", "/..", ";x", "/%2e%2e/", "%25", "%ED%A0%80", "/x" * 500)
"""What may come after an address."""

NUMBERS = (
    "0", "1", "2", "3", "100", "1000", "1001", "-1", "+1", " 1", "1.0", "1e3", "x", "", "٣", "9" * 15,
    "9" * 40,
)  # fmt: skip
TIMES = (
    *NUMBERS,
    *("1626880805277", "1626880806000", "2021-07-21", "2021-07-21:15:20", "2021-07", "0001-01-01", "9999-12-31:23:59"),
)  # fmt: skip
TEXTS = ("", "me", "*", "é", "\0", "a\r\nb", "😀", "x" * 3_000, "=&", "%zz", "[", "true")
PARAMS = {
    "limit": NUMBERS,
    "start": TIMES,
    "end": TIMES,
    "direction": ("forwards", "backwards", "sideways", "", "FORWARDS"),
    "unit": ("minute", "hour", "day", "month", "year", ""),
    "by": ("id", "value", "hour", *TEXTS),
    "prefix": ("doc", *TEXTS),
    "clientId": TEXTS,
    "connectionId": TEXTS,
    "channels": ("c,doc:a", ",", "c," * 101, ":x,[,c", "[?rewind=1]c", "é", "*"),
    "format": ("json", "msgpack", "x", ""),
    "key": ("", "no.such:key", "x", "a.b:c", "é.é:é"),
    "accessToken": TEXTS,
    "access_token": TEXTS,
    "newBatchResponse": ("true", "false", ""),
    "envelope": ("json", ""),
    "unknown": TEXTS,
}
RAW_QUERIES = (
    "&&&", "=", "==&=", "%ff=%ff", "limit", "limit=%", "limit[]=1", ";", "?", "%ED%A0%80", "&a=b" * 300,
)  # fmt: skip
VERSIONS = (
    "6", "5", "3", "2", "1.2", "1.1", "0.8", "", "x", "-1", "9" * 400, "2.0.0", "6 ", "1e1", "é",
    "\x80",
)  # fmt: skip
ACCEPTED = ("", "*/*", "text/html", "application/x-msgpack;q=0", "application/json, */*", "é", "/", "," * 500)
SENT_AS = (
    "", "text/plain", "application/json; charset=latin-1", "application/x-www-form-urlencoded", "é",
    "msgpack",
)  # fmt: skip
HOSTS = (
    "localhost", "127.0.0.1:1", "[::1]:8080", "LOCALHOST.", "localhost:", "localhost:99999",
    "x.localhost:0", "evil.example", "", "é", "[::1", "a b", "localhost:x", "localhost,localhost",
    "user@localhost", "[v1.x]",
)  # fmt: skip
ORIGINS = (
    "https://localhost", "http://[::1]:1", "null", "https://evil.example", "", "é",
    "http://localhost:99999",
)  # fmt: skip
CLIENT_IDS = ("bWU=", "Kg==", "", "/w==", "bWU", "é", "=", "AA==", "bWU=" * 2_000)
NO_CREDENTIALS = (
    "", "Basic", "Basic ", "Basic !", "basic eA==", "Basic /w==", "Basic é", "Basic bm8uc3VjaDprZXk=",
    "Digest x=y", "Bearer", "Bearer ", "Bearer eA==", "Bearer x.y.z", "Bearer é.é.é", "Bearer YS5iLmM=",
    "Bearer " + "A" * 7_000,
    "Bearer e30.e30.", "Bearer W10.W10.W10", "Bearer eyJhbGciOiJub25lIn0.e30.", ":", "\xa0", "Basic Og==",
)  # fmt: skip


@dataclass
class Asked:
    """A request: its target in ASCII, its headers, and its body in pieces; `whole` unless the client leaves."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    pieces: list[bytes]
    whole: bool = True
    secure: bool = True

    def all(self, name):
        """The values of a header."""
        return [value for each, value in self.headers if each == name]


class OddRequests(Mutants):
    """Requests to `routes` one after another, with credentials of `keys` and of `apps` that were made.

    `keys` are API keys of one app, `known` has its tokens; `apps` are pairs of an app's id and its key, which
    the talk fills in: only these may be deleted.
    """

    def __init__(self, rng, known, routes, keys, apps):
        super().__init__(rng, known, DEPTHS + AT_THE_END_OF_THE_STACK)
        self._values[Format.JSON] += (nan, inf, -inf)
        self._addresses = [
            (method, route.path) for route in routes for method in sorted(route.methods) if method != "HEAD"
        ]
        self._weights = [1 if method == "GET" else 3 for method, _ in self._addresses]
        self._keys, self._apps = keys, apps

    def request(self):
        """The next request."""
        rng = self._rng
        method, path = address = rng.choices(self._addresses, self._weights)[0]
        query = [(name, self._one_of(values)) for name, values in rng.sample([*PARAMS.items()], self._few())]
        if "/messages" in path and rng.random() < 0.1:
            query.append(("fromSerial", self._one_of([*self._known.places, *TEXTS])))
        sent, accepted = rng.choice(list(Format)), rng.choice(list(Format))
        headers = {"host": LOCAL, "origin": PAGE, "accept": MEDIA[accepted], "content-type": MEDIA[sent]}
        place, key = self._place_for(path)
        self._credentials(path, key, headers, query)
        raw = self._raw_body(address, place, sent)
        if rng.random() < 0.1:
            method = rng.choice(METHODS)
        headers = self._odd_headers(headers)
        if rng.random() < 0.7:
            headers.append(("content-length", str(len(raw))))
        target = re.sub(r"{(\w+)(:\w+)?}", lambda found: self.quoted(place[found[1]]), path)
        target += self._one_of(ENDINGS) if rng.random() < 0.03 else ""
        target, _, extra = target.partition("?")
        whole = rng.random() > 0.02
        return Asked(
            method, target, self._written_query(query) + extra, headers, self._pieces(raw), whole, rng.random() < 0.98
        )  # fmt: skip

    def _few(self):
        return self._rng.choice((0, 0, 0, 0, 1, 1, 2, 4))

    # -- where to, and by whom

    def _place_for(self, path):
        """What goes into the places of an address, and the key that fits it."""
        channel, serial = self._one_of(self._known.serials)
        if "{serial}" not in path:
            channel = self._one_of(NAMES)
        key = self._one_of(self._keys)
        app = key.app_id + "x"
        if path.startswith("/apps") and self._apps:
            app, key = self._one_of(self._apps)
        place = {"channel": channel, "serial": serial, "app": app, "key": key.name}
        if self._rng.random() < 0.08 and path.count("{"):
            name = self._one_of(("channel", "serial", "key"))
            place[name] = self._one_of([*ODD_CHANNELS, *TEXTS, "x" * 9_000, "messages/x"])
        return place, key

    def _credentials(self, path, key, headers, query):
        """Add credentials to the headers or the query: most often those of a key."""
        token = self._one_of(self._known.tokens)
        ways = {
            "basic": lambda: headers.update(authorization=f"Basic {b64(key.reveal())}"),
            "bearer": lambda: headers.update(authorization=f"Bearer {b64(token)}"),
            "bare": lambda: headers.update(authorization=f"Bearer {token}"),
            "key": lambda: query.append(("key", key.reveal())),
            "token": lambda: query.append(("accessToken", token)),
            "odd": lambda: headers.update(authorization=self._one_of(NO_CREDENTIALS)),
            "jwt": lambda: headers.update(authorization=f"Bearer {self._odd_jwt(key)}"),
            "none": lambda: None,
        }
        ways[self._rng.choices([*ways], (70, 5, 5, 5, 5, 4, 4, 2))[0]]()

    def _odd_jwt(self, key):
        """A JWT with something odd in it, signed as it must be."""
        header = {"alg": "HS256", "typ": "JWT", "kid": key.name}
        now = int(time.time())
        claims = {"iat": now, "exp": now + 60, "x-ably-capability": '{"*":["*"]}', "x-ably-clientId": "me"}
        parts = [self._changed(part, Format.JSON) for part in (header, claims)]
        text = ".".join(_part(written(part, Format.JSON, True))[:20_000] for part in parts)
        return f"{text}.{_part(hmac.digest(key.secret.encode(), text.encode(), hashlib.sha256))}"

    # -- how it is written

    def _odd_headers(self, headers):
        rng = self._rng
        odd = {
            "x-ably-version": VERSIONS, "accept": ACCEPTED, "content-type": SENT_AS, "host": HOSTS, "origin": ORIGINS,
            "x-ably-clientid": CLIENT_IDS, "access-control-request-method": METHODS, "cookie": TEXTS[:2], "x-own": ("é",),
        }  # fmt: skip
        for name in rng.sample([*odd], self._few() // 2):
            headers[name] = self._one_of(odd[name])
        if rng.random() < 0.3:
            headers["x-ably-version"] = self._one_of(VERSIONS[:6])
        for name in [*headers]:
            if rng.random() < 0.01:
                del headers[name]
        pairs = [*headers.items()]
        return [*pairs, self._one_of(pairs)] if pairs and rng.random() < 0.03 else pairs

    def _written_query(self, query):
        pairs = [f"{name}={self.quoted(value)}" for name, value in query]
        if self._rng.random() < 0.03:
            pairs += [*pairs, self._one_of(RAW_QUERIES)]
        return "&".join(pairs)

    @staticmethod
    def quoted(text):
        return quote(text, safe=":,", errors="replace")

    def _pieces(self, raw):
        cuts = sorted(self._rng.randrange(len(raw) + 1) for _ in range(self._few() // 2))
        return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]

    def _raw_body(self, address, place, format):
        """The bytes of a body: as they should be, or changed."""
        rng = self._rng
        if address[0] in ("GET", "DELETE") and rng.random() < 0.9:
            return b""
        body = BODIES.get(address, OddRequests._anything)(self, place)
        for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2, 4))):
            body = self._changed(body, format)
        if rng.random() < 0.002:
            return b" " * 2_200_000
        raw = written(body, format, rng.random() < 0.5)
        if format is Format.JSON and rng.random() < 0.03:
            raw = raw.replace(b"{", b'{"name":1,"name":"twice","data":"x","data":"y",', 1)
        return self._bent(raw) if rng.random() < 0.03 else raw

    def _changed(self, body, format):
        if self._rng.random() < 0.05:
            return self._one_of(self._values[format])
        if isinstance(body, dict) and body:
            self._change(body, format)
            return body
        whole = {"messages": body}
        self._change(whole, format)
        return whole.get("messages")

    # -- bodies

    def _anything(self, place):
        return self._one_of(({}, [], {"data": "x"}, [{}], {"messages": [{}]}))

    def _publish(self, place):
        messages = self.message(self._rng.randrange(50))["messages"]
        return messages[0] if len(messages) == 1 and self._rng.random() < 0.5 else messages

    def _revise(self, place):
        change = self.revision(0)["messages"][0] | {"serial": place["serial"]}
        return change if self._rng.random() < 0.5 else {k: v for k, v in change.items() if k != "serial"}

    def _annotate(self, place):
        items = [self.annotation(0)["annotations"][0] for _ in range(self._rng.choice((1, 1, 2, 30)))]
        return items if len(items) > 1 or self._rng.random() < 0.5 else items[0]

    def _batch(self, place):
        def spec():
            names = [self._one_of(NAMES + ODD_CHANNELS[:6]) for _ in range(self._rng.choice((1, 2, 5)))]
            return {"channels": self._one_of((names, names, names[0])), "messages": self._publish(place)}

        return self._one_of((spec(), [spec(), spec()], [spec()], []))

    def _new_app(self, place):
        return {
            "keys": [{}, {"capability": self._one_of(('{"*":["*"]}', '{"c":["publish"]}', "x"))}, {"revocableTokens": True}],
            "namespaces": [{"id": "doc", "mutableMessages": True}, {"id": "kept", "persisted": True}],
            "channels": [{"name": self._channel(), "presence": [{"clientId": "ada", "data": self._one_of(EASY)}]}],
            "limits": {"presence": {"maxMembers": self._one_of((1, 200))}},
        }  # fmt: skip

    def _request_token(self, place):
        key = next((key for key in self._keys if key.name == place["key"]), self._keys[0])
        asked = {
            **self._maybe(0.3, ttl=self._one_of((1, 60_000, 0, -1, 10**12))),
            **self._maybe(
                0.3, capability=self._one_of(('{"c":["*"]}', '{"*":["subscribe"]}', '{"x":["*"]}'))
            ),
            **self._maybe(0.3, client_id=self._one_of(("me", "*", "é", ""))),
        }
        signed = plain(token_request(key, **asked))
        for name in ("ttl", "timestamp"):
            if name in signed and self._rng.random() < 0.2:
                signed[name] = self._one_of((str(signed[name]), f"0{signed[name]}", "", "x"))
        if self._rng.random() < 0.3:
            signed.pop("mac", None)
        return signed

    def _revoke(self, place):
        kinds = ("clientId:me", "clientId:x", "revocationKey:r", "channel:c", "odd", "", ":", "clientId:")
        return {
            "targets": [self._one_of(kinds) for _ in range(self._rng.choice((1, 1, 3, 101)))],
            **self._maybe(0.2, allowReauthMargin=True),
            **self._maybe(0.2, issuedBefore=self._one_of((0, 10**13, -1))),
        }

    def _stats(self, place):
        interval = self._one_of(
            ("2021-07-21:15:20", "2026-01-31:23:59", "0001-01-01:00:00", "9999-12-31:23:59", "2021-07")
        )
        counts = {"count": self._one_of((0, 1, 2**53 - 1)), "data": 10}
        fixture = {
            "intervalId": interval,
            "inbound": {"realtime": {"messages": counts}},
            "apiRequests": {"succeeded": 3},
            "connections.peak": 2,
        }
        return fixture if self._rng.random() < 0.5 else [fixture]


EASY = ("x", None, {"a": 1}, [])
BODIES = {
    ("POST", "/channels/{channel:path}/messages"): OddRequests._publish,
    ("PATCH", "/channels/{channel:path}/messages/{serial}"): OddRequests._revise,
    ("POST", "/channels/{channel:path}/messages/{serial}/annotations"): OddRequests._annotate,
    ("POST", "/messages"): OddRequests._batch,
    ("POST", "/apps"): OddRequests._new_app,
    ("POST", "/keys/{key}/requestToken"): OddRequests._request_token,
    ("POST", "/keys/{key}/revokeTokens"): OddRequests._revoke,
    ("POST", "/stats"): OddRequests._stats,
}
"""By address what makes a body that is right there."""


def _part(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
