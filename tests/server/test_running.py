"""A service that runs: its thread, ports, certificate and sockets."""

import asyncio
import gc
import json
import logging
import socket
import ssl
import struct
import sys

import pytest

from ablykit import wire
from ablykit.machine import runtime
from ablykit.protocol import Action, ProtocolMessage, tokens
from ablykit.server import LocalAbly
from ablykit.server import running as running_module
from ablykit.server.running import Running
from ablykit.server.service import Service
from tests.conftest import trusting
from tests.foreign import ConnectionClosed, connect
from tests.server.raw import masked, raw_client, read_until


def connected(ably):
    """The first frame that a client of a server gets."""
    with connect(f"{ably.tls_url}/?key={ably.key.reveal()}", ssl=trusting(ably)) as ws:
        return json.loads(ws.recv(timeout=5))["action"] == 4


@pytest.fixture
def service():
    return Service(lambda: 0.0, seed=1)


@pytest.mark.usefixtures("no_leftovers")
def test_it_runs_a_service_with_its_apps_until_it_is_stopped(service):
    app = service.add_app()
    first = service.add_key(app).api_key
    running = Running(service, max_frame_size=1_000)
    assert runtime.find(running.url).api_keys == {first.name: first}
    added = running.add_key(app, {"c": ["subscribe"]})
    assert set(runtime.find(running.tls_url).api_keys) == {first.name, added.name}
    with connect(f"{running.url}/?key={first.reveal()}") as refused:
        assert json.loads(refused.recv(timeout=5))["error"]["code"] == 40103
    running.stop()
    assert runtime.find(running.url) is None


@pytest.mark.usefixtures("no_leftovers")
def test_what_is_due_is_done_when_it_is_and_at_once_if_it_is_due_sooner(service):
    running = Running(service, max_frame_size=1_000)
    done = asyncio.Event()
    running.call(lambda: service.agenda.at("test", -1.0, lambda now: done.set()))
    running.thread.run(done.wait(), timeout=5)
    running.stop()


def test_when_its_clock_is_moved_tokens_end_and_clients_are_told(ably):
    url = f"{ably.tls_url}?key={ably.key}&heartbeats=false"
    jwt = tokens.jwt(ably.key, ttl=3_600_000)
    with (
        wire.connect(f"{ably.url}?accessToken={jwt}") as conn,
        wire.connect(url) as other,
        socket.create_connection(("127.0.0.1", ably.tls_port)),
    ):
        for each in (conn, other):
            each.recv("CONNECTED")
        ably.advance(3_590)
        assert conn.recv("AUTH")
        ably.advance(20)
        assert conn.recv("DISCONNECTED")["error"]["code"] == 40142
        with wire.connect(f"{ably.url}?accessToken={jwt}") as late:
            assert late.recv("ERROR")["error"]["code"] == 40142
        other.send({"action": 0, "id": "still here"})
        assert other.recv("HEARTBEAT", id="still here")
        assert ably.ahead == 3_610


def test_what_is_nearly_due_after_a_move_is_done_when_it_is(ably):
    service, done = ably._running.service, asyncio.Event()
    due = service.monotonic() + 60_000
    ably.call(lambda: service.agenda.at("test", due, lambda now: done.set()))
    ably.advance(59.9)
    ably._running.thread.run(done.wait(), timeout=3)


@pytest.mark.parametrize("query", ["", "&heartbeats=false"])
def test_a_client_that_was_silent_all_that_time_hears_one_heartbeat(ably, query):
    with wire.connect(f"{ably.tls_url}?key={ably.key}{query}") as conn:
        conn.recv("CONNECTED")
        ably.advance(14)
        ably.advance(60)
        conn.send({"action": 0, "id": "later"})
        conn.recv("HEARTBEAT", id="later")
        heard = [entry for entry in conn.transcript if entry.is_ping or entry.frame == {"action": 0}]
        assert len([entry for entry in heard if entry.direction == "in"]) == 1


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_a_clock_is_moved_forward_only(ably, seconds):
    with pytest.raises(
        ValueError, match=r"A clock moves forward only: give 0 or more seconds, not (-1|inf|nan)"
    ):
        ably.advance(seconds)


def test_one_that_can_not_start_leaves_no_socket_open(local, service, recwarn):
    taken = local()
    with pytest.raises(OSError, match=f"port {taken.port}"):
        Running(service, max_frame_size=1_000, tls_port=taken.port)
    gc.collect()
    assert [str(each.message) for each in recwarn] == []


def test_it_says_when_a_port_is_taken(local):
    first = local()
    with pytest.raises(OSError, match=f"port {first.port}.*Choose another"):
        LocalAbly(port=first.port)
    with pytest.raises(OSError, match=f"port {first.port}"):
        LocalAbly(tls_port=first.port)


def test_it_listens_on_loopback_unless_told_otherwise(local):
    ably = local()
    assert ably.host == "127.0.0.1"
    everywhere = local(host="0.0.0.0")
    assert everywhere.url.startswith("ws://127.0.0.1:")
    assert connected(everywhere)


def test_with_ipv6_it_is_reached_by_its_address(local):
    if not has_ipv6():
        with pytest.raises(OSError, match="::1"):
            local(host="::1")
        return
    ably = local(host="::1")
    assert ably.url.startswith("ws://[::1]:")
    assert connected(ably)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_the_certificate_is_good_for_localhost_by_name_and_number(ably):
    for host in ("localhost", "127.0.0.1"):
        with (
            socket.create_connection(("127.0.0.1", ably.tls_port)) as raw,
            trusting(ably).wrap_socket(raw, server_hostname=host) as tls,
        ):
            assert tls.version() in ("TLSv1.2", "TLSv1.3")
    with socket.create_connection(("127.0.0.1", ably.tls_port)) as raw, pytest.raises(ssl.SSLError):
        trusting(ably).wrap_socket(raw, server_hostname="example.com")


@pytest.mark.parametrize("name", ["box.lan", "wide.example", "any.wide.example"])
def test_the_certificate_is_good_for_the_hosts_that_were_allowed(local, name):
    ably = local(allow_hosts=(host for host in ("box.lan", ".wide.example")))
    with (
        socket.create_connection(("127.0.0.1", ably.tls_port)) as raw,
        trusting(ably).wrap_socket(raw, server_hostname=name) as tls,
    ):
        assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_junk_on_the_port_is_no_news_and_no_end(ably, caplog):
    with caplog.at_level(logging.WARNING):
        for junk in (b"\x16\x03\x01junk", b"GET\r\n\r\n", b"\x00" * 100):
            with socket.create_connection(("127.0.0.1", ably.port)) as raw:
                raw.sendall(junk)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(4096):
                    pass
    assert connected(ably)


def test_what_fails_on_its_thread_is_told_at_once(monkeypatch):
    def fail(self):
        raise RuntimeError("as the test asked")

    monkeypatch.setattr(Running, "_serving", fail)
    with pytest.raises(RuntimeError, match="as the test asked"):
        LocalAbly()


def test_it_works_without_uvloop(local, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert connected(local())


def test_a_client_that_is_gone_is_written_to_no_more(monkeypatch, caplog):
    """Without uvloop, asyncio itself warns at each write to a socket that is gone."""
    monkeypatch.setattr(running_module, "fast_loop", asyncio.new_event_loop)
    with LocalAbly(sandbox=True) as ably:
        reader, writer = (raw_client(ably) for _ in range(2))
        read_until(writer, b'"action":4')
        read_until(reader, b'"action":4')
        reader.sendall(masked(b'{"action":10,"channel":"c"}'))
        read_until(reader, b'"action":11')
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reader.close()
        publish = '{"action":15,"channel":"c","msgSerial":%d,"messages":[{"data":"x"}]}'
        writer.sendall(b"".join(masked((publish % n).encode()) for n in range(300)))
        read_until(writer, b'"msgSerial":299')
        writer.close()
    assert "socket.send() raised exception" not in caplog.text


def test_a_connection_that_is_forgotten_cannot_be_resumed(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}&clientId=me") as first:
        key = first.recv("CONNECTED")["connectionDetails"]["connectionKey"]
        assert ably.disconnect("me", forget=True) == 1
        first.wait_closed()
    with wire.connect(f"{ably.tls_url}?key={ably.key}&clientId=me&v=5&resume={key}") as second:
        assert second.recv("CONNECTED")["error"]["code"] == 80018


def test_a_cut_line_is_cut_without_a_word(ably):
    ws = connect(f"{ably.tls_url}/?key={ably.key.reveal()}", ssl=trusting(ably))
    ws.recv()
    ably.disconnect_all()
    with pytest.raises(ConnectionClosed):
        ws.recv(timeout=5)
    assert ws.close_code == 1006


def test_a_frame_is_sent_to_every_connection_of_an_app_or_of_one_client(local):
    ably = local(sandbox=True)
    app = ably._running.service.apps[ably.key.app_id]
    frame = ProtocolMessage(action=Action.DETACHED, channel="c")
    with (
        wire.connect(f"{ably.url}?key={ably.key}&clientId=ada") as ada,
        wire.connect(f"{ably.url}?key={ably.key}&clientId=bob") as bob,
    ):
        for each in (ada, bob):
            each.recv("CONNECTED")
        assert ably._running.send(frame, app, "ada") == 1
        assert ada.recv("DETACHED")["channel"] == "c"
        assert ably._running.send(frame, app) == 2
        assert bob.recv()["action"] == 13
        assert ably._running.send(frame, app, "nobody") == 0


@pytest.mark.usefixtures("no_leftovers")
def test_a_client_that_never_closes_its_socket_does_not_keep_it_from_stopping(monkeypatch):
    monkeypatch.setattr(running_module, "STOP_TIMEOUT", 0.05)
    with LocalAbly(sandbox=True) as ably:
        deaf = raw_client(ably)
        read_until(deaf, b'"action":4')
        asking = socket.create_connection(("127.0.0.1", ably.port))
        asking.sendall(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asking.recv(4096).startswith(b"HTTP/1.1 200")
    read_until(deaf, b"80003")
    for each in (deaf, asking):
        while each.recv(4096):
            pass
        each.close()
