"""HTTP between a client and a service: what passes, in which form, and what does not."""

import asyncio
import contextlib

import h11
import pytest

from ablykit.relay import http

HEAD = b"Host: a\r\n"
GET = b"GET /x HTTP/1.1\r\n" + HEAD
POST = b"POST /x HTTP/1.1\r\n" + HEAD
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST = b"Connection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Between:
    """A service that answers by a script, and a relay's HTTP in front of it."""

    def __init__(self, *answers, before=b"\r\n\r\n", **limits):
        self._answers, self._before, self._limits = list(answers), before, limits
        self.clients, self.heard, self.ended = [], [], []
        self.reached, self.left, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        """The relay has opened a connection to the service, has closed it, and has done with a client."""

    async def __aenter__(self):
        self._service = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._relay = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc):
        self._service.close()
        self._relay.close()

    async def _serve(self, reader, writer):
        """Hear what comes up to `before`, answer, and hear the rest."""
        self.reached.set()
        with contextlib.suppress(OSError):
            self.heard.append(await until(reader, self._before))
            if self._before in self.heard[-1]:
                answer = self._answers.pop(0)
                if callable(answer):
                    await answer(reader, writer)
                else:
                    writer.write(answer)
                    if answer != OK:
                        writer.write_eof()
            while data := await reader.read(65536):
                self.heard[-1] += data
        self.left.set()
        writer.close()

    async def _pass(self, reader, writer):
        client = http.Client(reader, writer, **self._limits)
        self.clients.append(client)
        try:
            while request := await client.request():
                stall = self._limits.get("stall", 10.0)
                service = http.Service(*await asyncio.open_connection(*port(self._service)), stall=stall)
                try:
                    await service.send(http.onward(request, "service:1"))
                    await http.exchange(client, service)
                finally:
                    service.writer.close()
            self.ended.append(None)
        except (http.HttpError, EOFError, OSError) as error:
            self.ended.append(error)
            with contextlib.suppress(OSError):
                if isinstance(error, http.HttpError):
                    await client.refuse(error)
        await client.finish()
        writer.close()
        self.over.set()

    async def connect(self):
        return await asyncio.open_connection(*port(self._relay))

    async def ask(self, said):
        """What a client is answered, up to the end of its connection."""
        async with asyncio.timeout(10):
            reader, writer = await self.connect()
            writer.write(said)
            answer = await reader.read()
            writer.close()
            await self.over.wait()
            return answer


async def until(reader, end):
    heard = b""
    while end not in heard and (data := await reader.read(65536)):
        heard += data
    return heard


def port(server):
    return server.sockets[0].getsockname()[:2]


def asked(said, *answers, **options):
    """What a client is answered that says this, and what the service heard."""

    async def run():
        async with Between(*answers, **options) as between:
            return await between.ask(said), between.heard

    return asyncio.run(run())


def test_a_request_is_written_anew_for_its_next_host():
    answer, (heard,) = asked(
        b"GET /x?y=1 HTTP/1.1\nHost: a\r\nAbly-Agent: js\nX-Folded: one\r\n\ttwo\r\nX-Own: 1\r\nTE: trailers\r\n"
        b"Connection: close, X-Own\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\n\r\n",
        OK,
    )
    assert heard == (
        b"GET /x?y=1 HTTP/1.1\r\nHost: service:1\r\nConnection: close\r\n"
        b"Ably-Agent: js\r\nX-Folded: one two\r\n\r\n"
    )
    assert answer == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def test_a_body_keeps_its_end_whatever_connection_lists():
    _, (heard,) = asked(
        POST + b"Content-Length: 2\r\nConnection: close, content-length\r\n\r\nhi", OK, before=b"hi"
    )
    assert heard.endswith(b"Content-Length: 2\r\n\r\nhi")


def test_a_connection_serves_one_request_after_another():
    answer, heard = asked(GET + b"\r\n" + POST + b"Content-Length: 1\r\n\r\n!" + GET + LAST, OK, OK, OK)
    assert [each.split()[0] for each in heard] == [b"GET", b"POST", b"GET"]
    assert answer.count(b"200 OK") == 3
    assert answer.count(b"Connection: close") == 1


def test_chunks_pass_without_extensions_and_trailers():
    answer, (heard,) = asked(
        POST + CHUNKED + b"Trailer: X\r\nConnection: close\r\n\r\n2;ext=1\r\nhi\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;ext=2\r\nyes\r\n0\r\nHost: z\r\n\r\n",
        before=b"0\r\n\r\n",
    )
    assert heard.endswith(CHUNKED + b"\r\n2\r\nhi\r\n0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n3\r\nyes\r\n0\r\n\r\n")
    assert b"X" not in heard
    assert b"Host" not in answer


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nyes",
    ],
)
def test_a_client_of_http_1_0_gets_no_chunks(said):
    answer, (heard,) = asked(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", b"HTTP/1.1 102 Wait\r\n\r\n" + said)
    assert heard.startswith(b"GET / HTTP/1.1\r\n")
    assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nyes"


def test_of_two_ends_of_an_answer_one_passes():
    both = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n"
    answer, _ = asked(GET + LAST, both)
    assert b"Content-Length" not in answer
    assert answer.endswith(b"\r\n\r\n1\r\n!\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", b"200 OK"), (b"GET", b"304 Same"), (b"GET", b"204 None")]
)
def test_an_answer_without_a_body_ends_with_its_head(method, status):
    length = b"" if status.startswith(b"204") else b"Content-Length: 7\r\n"
    answer, _ = asked(
        method + b" / HTTP/1.1\r\n" + HEAD + LAST, b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n"
    )
    assert answer == b"HTTP/1.1 " + status + b"\r\n" + length + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        (b"junk\r\n\r\n", 400, "illegal request line"),
        (b"\x16\x03\x01", 400, "illegal request line"),
        (b" GET / HTTP/1.1\r\n" + HEAD + b"\r\n", 400, "illegal request line"),
        (b"GET / HTTP/1.1 \r\n" + HEAD + b"\r\n", 400, "illegal request line"),
        (b"GET / HTTP/2.0\r\n" + HEAD + b"\r\n", 505, "HTTP/1.1"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Missing mandatory Host: header"),
        (GET + HEAD + b"\r\n", 400, "multiple Host"),
        (GET + b"X : y\r\n\r\n", 400, "illegal header line"),
        (GET + b"no colon\r\n\r\n", 400, "illegal header line"),
        (GET + b"X: a\rb\r\n\r\n", 400, "illegal header line"),
        (GET + b"X: a\x00b\r\n\r\n", 400, "illegal header line"),
        (b"GET / HTTP/1.1\r\n folded\r\n" + HEAD + b"\r\n", 400, "continuation line"),
        (b"GET http://b/ HTTP/1.1\r\n" + HEAD + b"\r\n", 400, "not a proxy"),
        (b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n", 400, "not a proxy"),
        (b"CONNECT /b:443 HTTP/1.1\r\n" + HEAD + b"\r\n", 400, "not a proxy"),
        (POST + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400, "not both"),
        (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "conflicting"),
        (POST + b"Content-Length: 3, 4\r\n\r\nabcd", 400, "conflicting"),
        (POST + b"Content-Length: +3\r\n\r\nabc", 400, "bad Content-Length"),
        (POST + b"Content-Length: -1\r\n\r\n", 400, "bad Content-Length"),
        (POST + b"Content-Length: 0x3\r\n\r\nabc", 400, "bad Content-Length"),
        (POST + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n", 400, "bad Content-Length"),
        (POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", 501, "multiple Transfer-Encoding"),
        (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, "chunked is supported"),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "chunked is supported"),
        (POST + b"Transfer-Encoding: chunked\r\n identity\r\n\r\n0\r\n\r\n", 501, "chunked is supported"),
        (POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n", 400, "An HTTP/1.0 request can't have a Transfer-Encoding"),
        (GET + b"Upgrade: websocket\r\nContent-Length: 3\r\n\r\nabc", 400, "can't have a body"),
        (b"GET /" + b"x" * 1_000_000, 431, "64 KiB"),
        (GET + b"X: y\r\n" * 200_000, 431, "64 KiB"),
    ],
)  # fmt: skip
def test_what_two_readers_could_read_in_two_ways_goes_no_further(said, status, why):
    answer, heard = asked(said + GET + LAST)
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in head
    assert why in text.decode()
    assert heard == []


def test_what_a_head_has_in_it_is_not_said_again():
    answer, _ = asked(b"GET /?key=a.b:secret\r\n\r\n")
    assert b"illegal request line" in answer
    assert b"secret" not in answer


@pytest.mark.parametrize(
    "chunk",
    [b"x\r\n", b"2\r\nhi!!0\r\n\r\n", b"2\nhi\n0\n\n" + b" " * http.MAX_HEAD, b"1\r\n!\r\n-1\r\n", b"2;a\nb\r\nhi\r\n", b"f" * 21 + b"\r\n"],
)  # fmt: skip
def test_a_body_that_turns_out_malformed_never_becomes_a_request(chunk):
    async def run():
        async with Between(OK, before=b"0\r\n\r\n") as between:
            answer = await between.ask(POST + CHUNKED + b"\r\n" + chunk)
            await between.left.wait()
            return answer, between.heard

    answer, heard = asyncio.run(run())
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    assert not b"".join(heard).endswith(b"0\r\n\r\n")


async def silent(reader, writer):
    """A service that answers nothing until it is left."""


async def endless(reader, writer):
    """A service whose answer never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


HALF = POST + b"Content-Length: 9\r\n\r\nhalf"


@pytest.mark.parametrize("said", [b"", b"GET / HT", HALF, GET + b"\r\n"])
def test_a_client_that_leaves_holds_nothing(said):
    async def run():
        async with Between(silent, before=b"\r\n\r\n") as between, asyncio.timeout(10):
            _, writer = await between.connect()
            writer.write(said)
            reaches = b"\r\n\r\n" in said
            if reaches:
                await between.reached.wait()
            writer.close()
            await between.over.wait()
            if reaches:
                await between.left.wait()
            return between.ended

    (end,) = asyncio.run(run())
    assert isinstance(end, EOFError) if said else end is None


def test_a_client_that_leaves_while_it_is_answered_holds_nothing():
    async def run():
        async with Between(endless) as between, asyncio.timeout(10):
            reader, writer = await between.connect()
            writer.write(GET + b"\r\n")
            await reader.readexactly(1_000_000)
            writer.transport.abort()
            await between.left.wait()
            await between.over.wait()

    asyncio.run(run())


def test_a_client_that_takes_nothing_is_let_go():
    async def run():
        async with Between(endless, stall=0.1) as between, asyncio.timeout(10):
            _, writer = await between.connect()
            writer.write(GET + b"\r\n")
            await between.left.wait()
            await between.over.wait()
            writer.close()
            return between.ended

    assert [type(end) for end in asyncio.run(run())] == [TimeoutError]


def test_a_service_that_takes_nothing_is_let_go():
    async def run():
        free = asyncio.Event()

        async def deaf(reader, writer):
            await free.wait()

        async with Between(deaf, stall=0.1) as between, asyncio.timeout(10):
            _, writer = await between.connect()
            writer.write(POST + b"Content-Length: 100000000\r\n\r\n" + b"x" * 30_000_000)
            while not between.ended:
                await asyncio.sleep(0.01)
            free.set()
            writer.close()
            await between.over.wait()
            await between.left.wait()
            return between.ended

    assert [type(end) for end in asyncio.run(run())] == [TimeoutError]


@pytest.mark.parametrize(
    ("said", "limits", "answer"),
    [
        (b"", {"patience": 0.05}, b""),
        (b"GET / HT", {"patience": 0.05}, b"HTTP/1.1 408 Request Timeout"),
        (HALF, {"stall": 0.05}, b"HTTP/1.1 408 Request Timeout"),
    ],
)
def test_a_client_that_stops_half_way_is_let_go(said, limits, answer):
    got, _ = asked(said, silent, **limits)
    assert got.partition(b"\r\n")[0] == answer


def test_a_client_that_asks_nothing_more_is_let_go():
    got, _ = asked(GET + b"\r\n", OK, patience=0.1)
    assert got.endswith(b"ok")
    assert got.count(b"HTTP/1.1 ") == 1


def test_requests_that_come_too_early_are_kept_up_to_a_bound():
    async def run():
        answer = asyncio.Event()

        async def later(reader, writer):
            await answer.wait()
            writer.write(OK)

        async with Between(later) as between, asyncio.timeout(10):
            reader, writer = await between.connect()
            writer.write(GET + b"\r\n" + b"x" * 10_000_000)
            await between.reached.wait()
            while len(between.clients[0].unread()) < http.MAX_HEAD:
                await asyncio.sleep(0)
            answer.set()
            got = await reader.read()
            writer.close()
            return got, len(between.clients[0].unread())

    got, kept = asyncio.run(run())
    assert b"\r\n\r\nokHTTP/1.1 431 " in got
    assert kept < 3 * http.MAX_HEAD


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200", "closed the connection"),
        (b"junk\r\n\r\n", "does not answer in HTTP/1.1: illegal status line"),
        (b"HTTP/1.1 101 Go\r\nUpgrade: h2c\r\n\r\n", "does not answer in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, "does not answer in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "conflicting"),
    ],
)
def test_a_service_that_does_not_answer_in_http_is_told_of(said, why):
    answer, _ = asked(GET + b"\r\n", said)
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert why in answer.decode()


@pytest.mark.parametrize(
    "end", [b"Content-Length: 9\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"]
)
def test_half_an_answer_is_never_a_whole_one(end):
    answer, _ = asked(GET + b"\r\n", b"HTTP/1.1 200 OK\r\n" + end)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"half" in answer
    assert not answer.endswith(b"0\r\n\r\n")


def test_a_client_may_wait_to_be_told_to_go_on():
    async def go_on(reader, writer):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(OK)

    async def run():
        async with Between(go_on) as between, asyncio.timeout(10):
            reader, writer = await between.connect()
            writer.write(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n" + LAST)
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"body")
            assert (await reader.read()).endswith(b"ok")
            writer.close()

    asyncio.run(run())


def test_an_answer_counts_that_comes_before_all_is_heard():
    async def refuse(reader, writer):
        writer.write(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n")
        writer.write_eof()
        await enough.wait()

    enough = asyncio.Event()

    async def run():
        async with Between(refuse) as between, asyncio.timeout(10):
            reader, writer = await between.connect()
            writer.write(POST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 1_000_000)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 Too Much\r\n")
            writer.write(b"x" * 2_000_000)
            assert await reader.read() == b""
            writer.close()
            await between.over.wait()
            enough.set()
            return between.ended

    assert asyncio.run(run()) == [None]


def test_nothing_is_added_to_an_answer_that_has_begun():
    async def half(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")

    async def run():
        async with Between(half) as between, asyncio.timeout(10):
            reader, writer = await between.connect()
            writer.write(POST + CHUNKED + b"\r\n")
            assert await until(reader, b"half")
            writer.write(b"junk\r\n")
            assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "offered", "is_one"),
    [("GET", "websocket", True), ("GET", "h2c, WebSocket", True), ("GET", "h2c", False), ("POST", "websocket", False)],
)  # fmt: skip
def test_an_upgrade_is_offered_by_name(method, offered, is_one):
    request = h11.Request(method=method, target="/", headers=[("Host", "a"), ("Upgrade", offered)])
    assert http.is_upgrade(request, "websocket") is is_one
    kept = http.onward(request, "b", upgrade=True)
    assert http.values(kept, b"upgrade") == [offered]
    assert http.values(kept, b"connection") == ["Upgrade"]
