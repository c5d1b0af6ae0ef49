"""LocalAbly: quick to start, gone without a trace, the same on every seeded run."""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ablykit import wire
from ablykit.machine import runtime
from ablykit.protocol import AblyError, Flag
from ablykit.server import LocalAbly
from tests.conftest import trusting
from tests.foreign import ConnectionClosed, connect


def talk(ably, *frames, query="heartbeats=false", answers=None):
    """A short conversation over wss, as text: what came."""
    url = f"{ably.tls_url}/?key={ably.key.reveal()}&{query}"
    with connect(url, ssl=trusting(ably)) as ws:
        heard = [ws.recv(timeout=5)]
        for frame in frames:
            ws.send(json.dumps(frame))
        heard += [ws.recv(timeout=5) for _ in range(len(frames) if answers is None else answers)]
    return heard


ATTACH = {"action": 10, "channel": "c"}
PUBLISH = {"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]}


@pytest.mark.usefixtures("no_leftovers")
def test_it_leaves_no_thread_no_port_and_no_file():
    with LocalAbly() as ably:
        ca_file = Path(ably.ca_file)
        assert ca_file.read_text() == ably.ca_pem
        ports = ably.port, ably.tls_port
        talk(ably, ATTACH)
        idle = connect(f"{ably.tls_url}/?key={ably.key.reveal()}", ssl=trusting(ably))
        json.loads(idle.recv())
    assert not ca_file.exists()
    assert all(runtime.find(f"ws://127.0.0.1:{port}") is None for port in ports)
    for port in ports:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=1)
    said = json.loads(idle.recv(timeout=5))
    assert (said["action"], said["error"]["code"]) == (6, 80003)
    with pytest.raises(ConnectionClosed):
        idle.recv(timeout=5)


@pytest.mark.parametrize("seed", [None, 1])
def test_a_server_that_was_restarted_says_that_what_was_before_is_lost(local, seed):
    first = local(seed=seed)
    connected, _, *said = map(json.loads, talk(first, ATTACH, PUBLISH, query="v=5", answers=3))
    first.stop()
    again = local(seed=seed, port=first.port, keys=[first.key.reveal()])
    key = connected["connectionDetails"]["connectionKey"]
    (serial,) = (frame["channelSerial"] for frame in said if frame["action"] == 15)
    resumed = talk(again, {**ATTACH, "channelSerial": serial}, query=f"v=5&resume={key}")
    connected, attached = map(json.loads, resumed)
    assert connected["error"]["code"] == 80018
    assert not attached["flags"] & Flag.RESUMED


def test_stopping_twice_is_stopping_once(ably):
    ably.stop()
    ably.stop()
    assert "stopped" in repr(ably)


def test_seeded_it_says_the_same_on_every_run(local):
    runs = []
    for _ in range(2):
        ably = local(seed=1)
        heard = talk(ably, ATTACH, PUBLISH, answers=3) + talk(ably, {"action": 10}, query="v=5")
        runs.append((ably.key.reveal(), ably.limited_key.reveal(), heard))
    assert runs[0] == runs[1]
    assert local(seed=2).key != local(seed=1).key
    assert local().key != local().key


@pytest.mark.parametrize("options", [{"keys": ["nonsense"]}, {"heartbeat_interval": 5}])
def test_bad_options_are_refused_before_anything_starts(options):
    before = threading.active_count()
    with pytest.raises((AblyError, ValueError)):
        LocalAbly(**options)
    assert threading.active_count() == before


def test_keys_of_ones_own_are_taken(local):
    ably = local(keys=["app.one:secret-one", "app.two:secret-two", "other.x:secret-x"])
    assert ably.key.reveal() == "app.one:secret-one"
    for key in ("app.two:secret-two", "other.x:secret-x"):
        with connect(f"{ably.tls_url}/?key={key}", ssl=trusting(ably)) as ws:
            assert json.loads(ws.recv())["action"] == 4


def test_a_new_key_works_at_once_and_only_as_far_as_it_may(ably):
    key = ably.new_key({"a": ["subscribe"]})
    with connect(f"{ably.tls_url}/?key={key.reveal()}", ssl=trusting(ably)) as ws:
        ws.recv()
        ws.send(json.dumps({"action": 10, "channel": "b"}))
        assert json.loads(ws.recv())["error"]["code"] == 40160
    assert key.name in runtime.find(ably.url).api_keys


@pytest.mark.parametrize("breakage", ["ssl-cert-file", "home", "tmp"])
def test_it_works_in_odd_environments(breakage, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    environment = {
        "ssl-cert-file": {"SSL_CERT_FILE": str(tmp_path / "nothing.pem")},
        "home": {"HOME": str(locked)},
        "tmp": {"TMPDIR": str(tmp_path / "not-there")},
    }[breakage]
    script = (
        "import ablykit\n"
        "with ablykit.LocalAbly() as ably:\n"
        "    with ablykit.connect(f'{ably.tls_url}?key={ably.key}') as conn:\n"
        "        print(conn.recv()['action'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "4\n", done.stderr


def http(ably, path, *, secure=False, **options):
    url = f"{'https' if secure else 'http'}://127.0.0.1:{ably.tls_port if secure else ably.port}{path}"
    context = trusting(ably) if secure else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **options), context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.mark.parametrize("secure", [False, True])
def test_the_time_is_told_over_http_on_the_same_port(local, secure):
    import time

    status, headers, body = http(local(), "/time", secure=secure)
    assert (status, headers["content-type"]) == (200, "application/json")
    (told,) = json.loads(body)
    assert abs(told - time.time() * 1000) < 60_000


def test_http_speaks_messagepack_to_who_asks(ably):
    _, headers, body = http(ably, "/time", headers={"Accept": "application/x-msgpack"})
    assert headers["content-type"] == "application/x-msgpack"
    assert body[0] == 0x91


@pytest.mark.parametrize(
    ("path", "options", "status", "code"),
    [
        ("/nothing", {}, 404, 40400),
        ("/", {}, 404, 40400),
        ("/time", {"method": "DELETE"}, 405, 40500),
        ("/apps", {"method": "POST", "data": b"{}"}, 404, 40400),
    ],
)
def test_http_errors_are_ablys(ably, path, options, status, code):
    got, headers, body = http(ably, path, **options)
    assert got == status
    assert json.loads(body)["error"]["code"] == code
    assert headers["x-ably-errorcode"] == str(code)


def test_a_sandbox_makes_apps_with_the_keys_that_are_asked_for(local):
    ably = local(sandbox=True)
    body = json.dumps({"keys": [{}, {"capability": '{"a":["subscribe"]}'}]}).encode()
    status, _, answer = http(ably, "/apps", method="POST", data=body)
    made = json.loads(answer)
    assert status == 201
    assert [key["keyStr"].startswith(made["appId"]) for key in made["keys"]] == [True, True]
    with connect(f"{ably.url}/?key={made['keys'][1]['keyStr']}") as ws:
        assert json.loads(ws.recv())["action"] == 4
        ws.send('{"action":10,"channel":"b"}')
        assert json.loads(ws.recv())["error"]["code"] == 40160


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"keys":5}', b'{"keys":[5]}', b'{"keys":[{"capability":"x"}]}']
)
def test_a_bad_app_is_refused(local, body):
    status, _, answer = http(local(sandbox=True), "/apps", method="POST", data=body)
    assert status == 400
    assert json.loads(answer)["error"]["code"] in (40000, 40001)


def until(transcript, kind):
    """Wait until an entry of a kind is there."""
    heard = threading.Event()
    stop = transcript.listen(lambda entry: heard.set() if entry.kind == kind else None)
    assert any(entry.kind == kind for entry in transcript) or heard.wait(5)
    stop()


@pytest.mark.parametrize("format", ["json", "msgpack"])
def test_its_own_side_of_every_wire_can_be_watched(local, format):
    """What the service writes down is what its clients do, both ways."""
    ably = local(heartbeat_interval=40)
    with wire.connect(f"{ably.url}?key={ably.key}") as unseen:
        unseen.recv("ERROR")
    transcript = ably.transcript
    assert ably.transcript is transcript
    with wire.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false&format={format}") as conn:
        conn.recv("CONNECTED")
        conn.send({"action": 10, "channel": "c"}, {"action": 0, "id": "x"})
        conn.recv("HEARTBEAT")
        until(transcript, "pong")
        conn.send({"action": 7})
        conn.wait_closed()
    until(transcript, "close")
    mine = [e for e in transcript if e.connection == "client 2"]
    for direction in ("out", "in"):
        here, there = (
            [e.raw for e in entries if e.kind == "frame" and e.direction == direction]
            for entries in (mine, conn.transcript)
        )
        assert here == there
    assert {"ping", "pong", "open", "close"} <= {entry.kind for entry in mine}
    assert ably.key.secret not in str([entry.raw for entry in transcript])


def test_it_stands_for_its_first_app(local):
    ably = local(sandbox=True, mutable=["doc"], limits={"max_message_size": 50})
    assert ably.sandbox
    assert ably.key.app_id == ably.app.id
    assert ably.options("ably-js")["key"] == ably.key.reveal()
    ably.nack_next(40160, count=1)
    with wire.connect(f"{ably.url}?key={ably.key}&v=5&clientId=me") as conn:
        conn.recv("CONNECTED")
        for serial in range(2):
            conn.send({**PUBLISH, "msgSerial": serial})
        nack = conn.recv("NACK")
        conn.recv("ACK")
        assert [message["data"] for message in ably.published("c")] == ["x"]
        assert ably.why(nack).code == 40160
        assert ably.disconnect("me") == 1
        assert conn.wait_closed().code == 1006


def test_a_new_app_is_as_the_server_was_made_or_as_one_says(local):
    ably = local(mutable=["doc"], limits={"max_message_size": 50})
    same, other = ably.new_app(), ably.new_app(persisted=["kept"], limits={"retention": 7})
    assert (same.app.limits.max_message_size, list(same.app.namespaces)) == (50, ["doc"])
    assert (other.app.limits.max_message_size, other.app.limits.retention) == (50, 7)
    assert other.app.namespaces["kept"].persisted
    assert "doc" not in other.app.namespaces


def test_it_tells_about_itself_without_its_secret(ably):
    assert repr(ably).startswith("<LocalAbly running: wss://127.0.0.1:")
    ably.stop()
    assert repr(ably).startswith("<LocalAbly stopped")
    assert ably.key.secret not in repr(ably)


def test_what_is_asked_of_a_stopped_server_says_that_it_is_stopped(recwarn):
    ably = LocalAbly()
    ably.stop()
    for ask in (lambda: ably.published("c"), ably.new_app, ably.disconnect_all, lambda: ably.why({})):
        with pytest.raises(RuntimeError, match="has been stopped"):
            ask()
    assert not [each for each in recwarn if "never awaited" in str(each.message)]
