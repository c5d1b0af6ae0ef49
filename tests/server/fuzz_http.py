"""Clients that send HTTP requests which are nearly right, to one service, in process.

    python -m tests.server.fuzz --http --seed 7 --frames 100000

Every route of the app is asked, as uvicorn would ask it. What must hold:

- no exception escapes, none has to be caught at the last resort (which logs it), and no answer is a 5xx;
- an answer can be read in the format that was asked for, an error's code is in its headers too, and a page that
  may ask may read it;
- an answer agrees with the log: the serials that it tells are those that were taken, and after a refusal nothing
  was; at the end, page by page, a channel's history is what was answered with 201;
- no answer tells a secret, and a page's link leads on.
"""

import asyncio
import functools
import json
import random
import re
from urllib.parse import unquote, urljoin

import msgspec

from ablykit.machine.browsers import Door
from ablykit.protocol import Format, MessageAction
from ablykit.server.access.app import namespaces
from ablykit.server.rest.routes import rest_app
from ablykit.server.service import Service
from tests.server.conftest import Client
from tests.server.frames import token_of
from tests.server.fuzz import Known, Wrong, complaints, play, tap
from tests.server.odd_requests import LOCAL, MEDIA, Asked, OddRequests
from tests.server.over_http import MSGPACK, PAGE, b64

ROUND = 2_000
"""Requests of one round: a new service."""

DOOR = Door()
LISTENED_TO = "[meta]clientEvents:apiRequests"
READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Answer:
    """What an app sent for a request, as ASGI has it."""

    def __init__(self, sent):
        start, *rest = sent
        self.status = start["status"]
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        self.raw = b"".join(each.get("body", b"") for each in rest)
        if not rest or rest[-1].get("more_body"):
            raise Wrong("the answer has no end")

    def read(self):
        """The body, by what it says of itself."""
        media = self.headers.get("content-type", "")
        if media == MSGPACK:
            return msgspec.msgpack.decode(self.raw)
        if media == MEDIA[Format.JSON]:
            return json.loads(self.raw, parse_constant=_no_json)
        raise Wrong(f"a body of {media!r}: {self.raw[:80]!r}")


def _no_json(constant):
    raise Wrong(f"{constant} is not JSON")


async def ask(app, asked):
    """Send a request to an app, and get what it answers; None if nobody was there to hear it."""
    pieces = [{"type": "http.request", "body": piece, "more_body": True} for piece in asked.pieces]
    pieces[-1]["more_body"] = not asked.whole
    sent = []

    async def receive():
        return pieces.pop(0) if pieces else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scheme = "https" if asked.secure else "http"
    await app(
        {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "state": {},
            "method": asked.method, "scheme": scheme, "path": unquote(asked.path), "raw_path": asked.path.encode(),
            "root_path": "", "query_string": asked.query.encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
            "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in asked.headers],
        },
        receive,
        send,
    )  # fmt: skip
    return Answer(sent)


class Talk:
    """One round: a service, and what must hold after each request."""

    def __init__(self, seed, number, runner):
        self.rng, self._runner = random.Random(f"{seed}/{number}/http"), runner
        self.now, self.taken, self.logged, self.apps = 1_000.0, [], {}, []
        self.raw = None
        self.service = Service(lambda: self.now, seed=number, sandbox=number % 2 == 0)
        named = namespaces(mutable=["doc"], persisted=["kept"])
        self.app = self.service.add_app(namespaces=named)
        tap(self.app, lambda channel: channel.log.follow(functools.partial(self._take, channel)))
        self.key = self.service.add_key(self.app).api_key
        self._keys = [
            self.key,
            self.service.add_key(self.app, revocable_tokens=True).api_key,
            self.service.add_key(self.app, {"c": ["*"], "doc:*": ["publish", "message-update-own"]}).api_key,
        ]
        some = [{}, {"capability": {"c": ["*"]}}, {"client_id": "me"}, {"client_id": "*"}]
        self.known = Known([token_of(self, **each) for each in some])
        self._http = rest_app(self.service)
        self._requests = OddRequests(self.rng, self.known, self._http.routes, self._keys, self.apps)
        self._listener = Client(self, "v=6")
        self._listener.attach(LISTENED_TO)
        self._listener.attach("c")
        member = {"action": 2, "clientId": "ada", "data": "x"}
        self._listener.say({"action": 14, "channel": "c", "msgSerial": 0, "presence": [member]})

    def _take(self, channel, entry):
        """Note what enters the log of a channel."""
        self.known.places.append(entry.serial)
        frame = entry.frame
        ephemeral = any((message.extras or {}).get("ephemeral") is True for message in frame.messages or ())
        for message in frame.messages or ():
            if message.action == MessageAction.SUMMARY:
                continue
            self.taken.append(message.version.serial)
            self.logged[message.version.serial] = None if message.action or ephemeral else channel.name
            if not message.action and channel.name.startswith("doc:"):
                self.known.serials.append((channel.name, message.serial))
        self.taken.extend(annotation.serial for annotation in frame.annotations or ())

    def step(self):
        """One request; `Wrong` where something does not hold."""
        self.now += self.rng.choice((0, 0, 0, 1, 7))
        self.service.sweep(self.now)
        self.raw = asked = self._requests.request()
        self.taken.clear()
        answer = self._ask(asked)
        if asked.whole:
            self._check(asked, answer)
            if asked.path != "/apps":
                self._check_secrets(answer)
        self._check_log(answer)
        self._listener.heard()

    def _ask(self, asked):
        return self._runner.run(ask(self._http, asked))

    # -- what must hold

    def _check(self, asked, answer):
        if answer.status >= 500:
            raise Wrong(f"{answer.status}: {answer.raw[:300]!r}")
        if len(answer.raw) > 5_000_000:
            raise Wrong(f"an answer has {len(answer.raw)} bytes")
        self._check_cors(asked, answer)
        if answer.status >= 400:
            self._check_error(asked, answer)
        elif answer.status in (200, 201) and asked.method != "OPTIONS":
            self._check_format(asked, answer)
            body = answer.read()
            if asked.path == "/apps" and answer.status == 201:
                self._made(body)
        elif answer.status not in (200, 204):
            raise Wrong(f"answered by {answer.status}")
        if 'rel="next"' in answer.headers.get("link", ""):
            self._check_next(asked, answer)

    def _made(self, app):
        key = next(key for key in self.service.apps[app["appId"]].keys.values()).api_key
        self.apps[:] = [*self.apps, (app["appId"], key)][-5:]
        self.apps[:] = [pair for pair in self.apps if pair[0] in self.service.apps]

    def _check_cors(self, asked, answer):
        origins, allowed = asked.all("origin"), answer.headers.get("access-control-allow-origin")
        if not origins:
            return
        if not all(map(DOOR.allows_origin, origins)):
            if allowed or answer.status != 403:
                raise Wrong(f"a page of {origins} was answered by {answer.status}, {allowed}")
        elif allowed != origins[0] or answer.headers.get("access-control-allow-credentials") != "true":
            raise Wrong(f"a page of {origins} may not read the answer, for {allowed}")

    def _check_format(self, asked, answer):
        accepted = asked.all("accept")
        told = answer.headers.get("content-type")
        if len(accepted) == 1 and accepted[0] in MEDIA.values() and "format=" not in asked.query:
            version = (asked.all("x-ably-version") or ["6"])[0]
            if told != accepted[0] and not (answer.status >= 400 and version in ("1.2", "1.1", "0.8")):
                raise Wrong(f"{accepted[0]} was asked for, and {told} came")

    def _check_error(self, asked, answer):
        self._check_format(asked, answer)
        error = answer.read()["error"]
        code = error["code"]
        if answer.headers.get("x-ably-errorcode") != str(code) or not answer.headers.get(
            "x-ably-errormessage"
        ):
            raise Wrong(f"the headers do not tell of {error}")
        if (
            error["statusCode"] != answer.status
            or not error["message"]
            or not error["href"].endswith(str(code))
        ):
            raise Wrong(f"{answer.status} has the error {error}")
        if not re.fullmatch("[ -~]*", answer.headers["x-ably-errormessage"]):
            raise Wrong("a header has more than ASCII")

    def _check_secrets(self, answer):
        text = answer.raw.decode("latin-1") + str(answer.headers)
        for secret in (*(key.secret for key in self._keys), *self.known.tokens):
            if secret in text:
                raise Wrong("an answer tells a secret")

    def _check_next(self, asked, answer):
        """Follow a link as a client does: to an address relative to the one that was asked."""
        (link,) = re.findall(r'<([^>]*)>; rel="next"', answer.headers["link"])
        path, _, query = urljoin(asked.path, link).partition("?")
        headers = [pair for pair in asked.headers if pair[0] != "authorization"]
        whole = Asked(
            "GET", path, query, [*headers, ("authorization", f"Basic {b64(self.key.reveal())}")], [b""]
        )
        then = self._ask(whole)
        if then.status != 200 or len(then.read()) == 0:
            raise Wrong(f"the next page at {path}?{query} is {then.status}: {then.raw[:200]!r}")

    def _check_log(self, answer):
        told = [] if not answer.raw or self.raw.method in READS else list(_serials(answer.read()))
        if missing := [serial for serial in told if serial not in self.logged and serial not in self.taken]:
            raise Wrong(f"{missing} was told, and is in no log")
        if more := [serial for serial in self.taken if serial not in told]:
            raise Wrong(f"{more} is in the log, and the answer is {answer.status} {answer.raw[:300]!r}")

    # -- at the end

    def steps(self, count):
        """So many requests; then what is kept is read in pages, channel by channel."""
        yield from [self.step] * count
        for name in [*self.app.channels]:
            yield functools.partial(self._check_history, name, "limit=50&direction=forwards")
            yield functools.partial(self._check_history, name, "limit=1000")

    def _check_history(self, name, query):
        """What was taken is there, in its order, and nothing else."""
        expected = [serial for serial, where in self.logged.items() if where == name]
        found = self._pages(name, query)
        if (found if "forwards" in query else found[::-1]) != expected:
            raise Wrong(f"the history of {name!r} is not what was published: {found} {expected}")

    def _pages(self, name, query):
        headers = [("host", LOCAL), ("origin", PAGE), ("authorization", f"Basic {b64(self.key.reveal())}")]
        path, found = f"/channels/{self._requests.quoted(name)}/messages", []
        while True:
            self.raw = Asked("GET", path, query, headers, [b""])
            answer = self._ask(self.raw)
            self._check(self.raw, answer)
            found += [message["serial"] for message in answer.read()]
            following = re.findall(r'<([^>]*)>; rel="next"', answer.headers["link"])
            if not following:
                return found
            path, _, query = urljoin(path, following[0]).partition("?")


def _serials(value):
    """Every serial that an answer tells of."""
    if isinstance(value, dict):
        yield from value.get("serials") or ()
        if "versionSerial" in value:
            yield value["versionSerial"]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _serials(inner)


def fuzz_http(seed, requests, first=0):
    """Send so many requests, in rounds from the `first` on. Raises `Wrong`, saying how to see it again."""
    with asyncio.Runner() as runner:
        for number in range(first, first + -(-requests // ROUND)):
            count = min(ROUND, requests - (number - first) * ROUND)
            with complaints() as heard:
                talk = Talk(seed, number, runner)
                play(talk, talk.steps(count), heard, f"--http --seed {seed} --first {number}")
