"""Ably's own JavaScript SDK, as published, on the embedded Ably: seen through a relay, read by the linter."""

import json
import shutil
import subprocess
import time

import pytest

from ablykit.analysis import lint
from ablykit.relay import Relay
from tests.conftest import needs
from tests.node import install

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Runs a script in a folder where the SDK is installed; tells the JSON it prints."""
    node = needs("node", shutil.which("node"))
    place = install(tmp_path_factory.mktemp("ably-js"), "ably@2")

    def run(script, **values):
        (place / "script.cjs").write_text(SETUP + script)
        done = subprocess.run(
            [node, "script.cjs", json.dumps(values)],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


SETUP = """
const Ably = require('ably');
const given = JSON.parse(process.argv[2]);
const client = (more) => new Ably.Realtime({ key: given.key, endpoint: '127.0.0.1',
  port: given.port, tls: false, useBinaryProtocol: given.binary, logLevel: 1, ...more });
const main = async (talk) => { try { console.log(JSON.stringify(await talk())); process.exit(0); }
  catch (error) { console.error(error); process.exit(1); } };
"""

TALK = """
main(async () => {
  const [one, two] = [client(), client({ echoMessages: false })];
  await Promise.all([one, two].map((c) => c.connection.once('connected')));
  const heard = [], own = [];
  const [a, b] = [one, two].map((c) => c.channels.get('talk'));
  const all = new Promise((done) => a.subscribe((m) => { heard.push([m.name, m.data]); if (heard.length === 5) done(); }));
  await a.attach();
  await b.subscribe((m) => own.push(m.name));
  await a.publish('text', 'hello');
  await a.publish('object', { a: [1, 2] });
  await a.publish('binary', Buffer.from([0, 255]));
  await b.publish([{ name: 'two', data: 'x' }, { name: 'at once', data: 'y' }]);
  await all;
  const refused = await a.publish('big', 'x'.repeat(70000)).catch((e) => e.code);
  const ping = await one.connection.ping();
  await a.detach();
  for (const c of [one, two]) { c.close(); await c.connection.once('closed'); }
  (heard.find((h) => h[0] === 'binary')[1] = 'bytes');
  return { heard, own, refused, ping: ping >= 0, state: a.state };
});
"""


@pytest.mark.parametrize("binary", [False, True], ids=["json", "msgpack"])
def test_it_connects_attaches_publishes_hears_pings_and_closes(local, node, binary):
    ably = local(sandbox=True)
    with Relay(ably.url) as relay:
        said = node(TALK, key=ably.key.reveal(), port=relay.port, binary=binary)
    assert said["heard"] == [
        ["text", "hello"],
        ["object", {"a": [1, 2]}],
        ["binary", "bytes"],
        ["two", "x"],
        ["at once", "y"],
    ]
    assert said["own"] == ["text", "object", "binary"]
    assert (said["refused"], said["ping"], said["state"]) == (40009, True, "detached")
    assert not [str(finding) for finding in lint(relay.transcript) if finding.rule.side == "service"]
    assert {entry.connection for entry in relay.transcript} == {"client 1", "client 2"}


RESUME = """
main(async () => {
  const one = client({ disconnectedRetryTimeout: 100 });
  await one.connection.once('connected');
  const [id, channel, heard] = [one.connection.id, one.channels.get('talk'), []];
  await channel.subscribe((m) => heard.push(m.data));
  await channel.publish('n', '1');
  one.connection.connectionManager.activeProtocol.getTransport().disconnect();
  await one.connection.once('connected');
  await channel.publish('n', '2');
  await channel.publish('n', '3');
  return { same: one.connection.id === id, heard, time: await one.time() };
});
"""


def test_it_resumes_after_a_cut_and_asks_for_the_time(local, node):
    ably = local(sandbox=True)
    before = time.time() * 1000
    said = node(RESUME, key=ably.key.reveal(), port=ably.port, binary=False)
    assert (said["same"], said["heard"]) == (True, ["1", "2", "3"])
    assert before - 1 <= said["time"] <= time.time() * 1000, "the time is told over HTTP"
