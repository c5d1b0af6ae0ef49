"""A key is planted, and nothing that anyone sees may have its secret in it."""

import logging
import traceback

import pytest

import ablykit
from ablykit import wire
from ablykit.machine import runtime
from ablykit.panels import ConnectionPanel, FrameInspector
from ablykit.record.transcript import Transcript
from tests.cli.running import ABLYKIT, run
from tests.notebook import NAMES, NOTEBOOKS, execute, read, solved
from tests.terminal import Terminal

PLANTED = "pl4nted-s3cret-value"


@pytest.fixture
def planted(local):
    return local(keys=[f"app.id:{PLANTED}"], heartbeat_interval=500)


def test_not_in_what_a_connection_shows(planted, caplog, capsys):
    transcript = Transcript()
    with caplog.at_level(logging.DEBUG):
        for url in (planted.tls_url, planted.url):
            for address in (f"{url}?key={planted.key}", f"{url}?key={planted.key.reveal()}"):
                with wire.connect(address, transcript=transcript) as conn:
                    conn.recv()
                    shown = [repr(conn), str(conn.asynchronous), conn.url]
        with wire.connect(f"{planted.tls_url}?key={planted.key}", transcript=transcript) as conn:
            conn.send({"action": 10, "channel": PLANTED}, f"key={planted.key.reveal()}")
            shown += [
                repr(conn.recv("ATTACHED")),
                str(conn.recv("ERROR")),
                repr(conn.frames(seconds=0.1)),
            ]
            for panel in (FrameInspector(transcript), ConnectionPanel(conn)):
                shown += [
                    panel.html(),
                    str(panel),
                    str(panel._repr_mimebundle_()),
                    str(panel.get_state()),
                ]
            shown += [str(FrameInspector(transcript)._detail(entry.number)) for entry in transcript]
    shown += [
        str(transcript),
        str([entry.raw for entry in transcript]),
        repr(planted),
        repr(planted.key),
    ]
    shown += [
        repr(runtime.find(planted.url)),
        str(ablykit.explain({"action": 15, "data": PLANTED})),
    ]
    assert PLANTED in planted.key.reveal()
    assert not [text for text in shown if PLANTED in text]
    out = capsys.readouterr()
    assert PLANTED not in caplog.text + out.out + out.err
    assert "GET /?key=app.id:****" in caplog.text, "the request was logged, with stars"


@pytest.mark.parametrize(
    "fail",
    [
        lambda ably: wire.connect(f"{ably.tls_url.replace('wss', 'ws')}?key={ably.key.reveal()}"),
        lambda ably: wire.connect(f"wss://127.0.0.1:1?key={ably.key.reveal()}"),
        lambda ably: wire.connect(f"nonsense?key={ably.key.reveal()}"),
        lambda ably: wire.connect(f"{ably.tls_url}?key={ably.key.reveal()}").recv("ACK", timeout=0.05),
        lambda ably: ably.new_key(f"{{{PLANTED}"),
        lambda ably: ablykit.start(key=f"{PLANTED}"),
    ],
)
def test_not_in_an_exception(planted, fail):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        fail(planted)
    whole = "".join(traceback.format_exception(caught.value))
    said = [line for line in whole.splitlines() if PLANTED in line]
    assert not said
    for handle in list(wire.blocking._thread._held):
        wire.blocking._thread._held.discard(handle)


def test_not_in_what_the_server_says_of_a_wrong_key(planted):
    with wire.connect(f"{planted.tls_url}?key=app.id:{PLANTED}x") as conn:
        assert PLANTED not in str(conn.recv().raw)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_not_in_a_notebook(path, planted):
    notebook = execute(
        solved(read(path)),
        ABLY_API_KEY=planted.key.reveal(),
        ABLY_ENDPOINT=planted.tls_url,
        ABLY_LIMITED_KEY=planted.limited_key.reveal(),
    )
    assert PLANTED not in str(notebook)
    assert planted.limited_key.secret not in str(notebook)


def test_not_at_a_terminal(planted):
    done = run(
        "connect",
        f"{planted.tls_url}/?key={planted.key.reveal()}",
        stdin=f"{planted.key.reveal()}\n",
    )
    assert done.returncode == 0
    banner = Terminal(*ABLYKIT, "serve", "--key", planted.key.reveal())
    try:
        banner.wait_for(r"ablykit connect .*\*\*\*\*")
        assert PLANTED not in banner.seen + done.stdout + done.stderr
    finally:
        banner.close()


def test_not_in_a_stored_notebook():
    from ablykit.server import LocalAbly

    with LocalAbly(seed=1) as seeded:
        secrets = [seeded.key.secret, seeded.limited_key.secret]
    for path in NOTEBOOKS:
        text = path.read_text()
        assert not [secret for secret in secrets if secret in text]
