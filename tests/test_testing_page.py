"""The page on testing: each of its examples is taken out of it and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.node import install
from tests.notebook import ROOT

pytestmark = pytest.mark.timeout(120)

PAGE = (ROOT / "docs" / "testing.md").read_text()


def example(heading):
    _, _, after = PAGE.partition(f"## {heading}\n")
    return re.search(r"```\w+\n(.*?)```", after, re.S)[1]


def run(*command, cwd, **environment):
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("heading", "workers"), [("pytest", "0"), ("pytest", "2"), ("Time", "0")])
def test_the_pytest_examples_pass(tmp_path, heading, workers):
    (tmp_path / "test_orders.py").write_text(example(heading))
    code, said = run(sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:nbval", cwd=tmp_path)
    assert code == 0, said
    assert "1 passed" in said


def test_the_unittest_example_passes(tmp_path):
    (tmp_path / "test_orders.py").write_text(example("unittest"))
    code, said = run(sys.executable, "-m", "unittest", cwd=tmp_path)
    assert code == 0, said
    assert "Ran 1 test" in said


def test_the_node_example_passes(tmp_path):
    node = needs("node", shutil.which("node"))
    install(tmp_path, "ably@2")
    (tmp_path / "orders.test.cjs").write_text(example("node"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    code, said = run(node, "--test", "orders.test.cjs", cwd=tmp_path, PATH=path)
    assert code == 0, said
    assert "# pass 1" in said


def test_the_next_publish_is_refused_as_asked(local_ably):
    from ablykit import wire

    local_ably.nack_next(40160, count=2)
    with wire.connect(f"{local_ably.tls_url}?key={local_ably.key.reveal()}") as conn:
        codes = []
        for serial in range(3):
            conn.send(
                {"action": 15, "channel": "c", "msgSerial": serial, "messages": [{"data": str(serial)}]}
            )
            frame = conn.recv()
            while frame["action"] not in (1, 2):
                frame = conn.recv()
            codes.append(frame.get("error", {}).get("code"))
    assert codes == [40160, 40160, None]
    assert [message["data"] for message in local_ably.published("c")] == ["2"]


def test_one_client_is_cut_and_others_are_not(local_ably, local_ably_server):
    from ablykit import wire

    url = f"{local_ably.url}?key={local_ably.key.reveal()}"
    other = local_ably_server.new_app()
    with (
        wire.connect(f"{url}&clientId=ada") as ada,
        wire.connect(f"{url}&clientId=bob") as bob,
        wire.connect(f"{other.url}?key={other.key.reveal()}&clientId=ada") as foreign,
    ):
        for conn in (ada, bob, foreign):
            conn.recv("CONNECTED")
        assert local_ably.disconnect("ada") == 1
        assert ada.wait_closed().code == 1006
        assert local_ably.disconnect("nobody") == 0
        assert bob.closed is foreign.closed is None
        assert local_ably.disconnect() == 1


def test_apps_share_nothing(local_ably, local_ably_server):
    from ablykit import wire

    other = local_ably_server.new_app()
    with wire.connect(f"{local_ably.url}?key={local_ably.key.reveal()}") as conn:
        conn.send({"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]})
        conn.recv("ACK")
    assert other.published("c") == []
    assert len(local_ably.published("c")) == 1
    limited = local_ably.new_key({"d": ["publish"]})
    with wire.connect(f"{local_ably.url}?key={limited.reveal()}") as conn:
        conn.send({"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]})
        assert conn.recv("NACK")["error"]["code"] == 40160


def test_node_needs_no_certificate_for_the_fixtures_app(local_ably):
    assert local_ably.options("ably-js")["tls"] is False


@pytest.mark.ably(mutable=["doc"], limits={"max_message_size": 3})
def test_a_mark_says_what_is_different_on_the_app(local_ably):
    assert local_ably.app.namespaces["doc"].mutable_messages
    assert local_ably.app.limits.max_message_size == 3


def test_without_a_mark_all_is_as_usual(local_ably):
    assert local_ably.app.namespaces == {}
    assert local_ably.app.limits.max_message_size == 65_536


def test_the_page_names_every_limit_that_a_test_may_want():
    from dataclasses import fields

    from ablykit.server.access.app import Limits

    _, _, table = PAGE.partition("| limit | is |")
    told = set(re.findall(r"`(\w+)`", table.partition("The fixture")[0]))
    assert {field.name for field in fields(Limits)} - told == {"max_outbound_rate"}, "which is told, not kept"
