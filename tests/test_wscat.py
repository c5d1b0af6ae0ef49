"""The article's own steps, typed by hand into wscat, which nobody here wrote."""

import os
import shutil
import subprocess

import pytest

from ablykit.server import LocalAbly
from tests.conftest import needs
from tests.terminal import Terminal


@pytest.fixture(scope="module")
def wscat(tmp_path_factory):
    npm = needs("npm", shutil.which("npm"))
    place = tmp_path_factory.mktemp("wscat")
    subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place), "wscat@6"],
        check=True,
        timeout=120,
    )
    return str(place / "node_modules" / ".bin" / "wscat")


@pytest.fixture
def shell(wscat):
    shells = []

    def make(ably, url):
        shells.append(Terminal(wscat, "--connect", url, env={"NODE_EXTRA_CA_CERTS": ably.ca_file}))
        return shells[-1]

    yield make
    for opened in shells:
        opened.close()


@pytest.fixture(scope="module")
def server():
    with LocalAbly(heartbeat_interval=1000) as ably:
        yield ably


def url(ably, more="&heartbeats=false"):
    return f"{ably.tls_url}/?key={ably.key.reveal()}{more}"


def test_without_a_key_the_error_comes_and_the_connection_ends(server, shell):
    terminal = shell(server, server.tls_url)
    terminal.wait_for(
        r'\{"action":9,"error":\{"message":"No authentication information provided.*"code":40101'
    )
    terminal.wait_for("Disconnected")


def test_without_tls_a_key_is_refused(server, shell):
    terminal = shell(server, f"{server.url}/?key={server.key.reveal()}")
    terminal.wait_for('"code":40103')
    terminal.wait_for("Disconnected")


def test_heartbeats_come_and_can_be_asked_for(server, shell):
    terminal = shell(server, url(server, ""))
    terminal.wait_for('"action":4.*"maxIdleInterval":1000')
    terminal.wait_for(r'< \{"action":0\}')
    terminal.type('{"action": 0, "id": "mine"}')
    terminal.wait_for(r'< \{"action":0,"id":"mine"\}')


def test_attach_naively_then_properly_then_publish(server, shell):
    terminal = shell(server, url(server))
    terminal.wait_for('"action":4.*"connectionSerial":-1')
    terminal.type("any string of letters")
    terminal.wait_for('"action":9.*Not valid JSON')
    terminal.type('{"action": 10}')
    terminal.wait_for("Missing channel identifier.*40000")
    terminal.type('{"action": 10, "channel": "my_channel"}')
    terminal.wait_for(r'"action":11,"flags":983040,"channel":"my_channel","channelSerial":"')
    terminal.type('{"action":15,"channel":"my_channel","msgSerial":0,"messages":[{"hello":"world"}]}')
    terminal.wait_for(r'< \{"action":15[^<]*"messages":\[\{"hello":"world"\}\]')
    terminal.wait_for(r'< \{"action":1,"msgSerial":0,"count":1\}')


def test_two_shells_hear_each_other(server, shell):
    one, two = (
        shell(server, url(server, "&heartbeats=false&echo=false")),
        shell(server, url(server)),
    )
    for terminal in (one, two):
        terminal.wait_for('"action":4')
        terminal.type('{"action":10,"channel":"duet"}')
        terminal.wait_for('"action":11')
    one.type('{"action":15,"channel":"duet","msgSerial":0,"messages":[{"data":"are you there?"}]}')
    two.wait_for('"data":"are you there[?]"')
    one.wait_for(r'< \{"action":1,')
    assert '< {"action":15' not in one.seen


def test_the_ca_file_is_needed_for_trust(wscat, server):
    terminal = Terminal(wscat, "--connect", url(server), env={"NODE_EXTRA_CA_CERTS": os.devnull})
    try:
        terminal.wait_for("error:.*certificate")
    finally:
        terminal.close()
