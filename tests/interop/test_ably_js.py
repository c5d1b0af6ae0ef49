"""Ably's own JavaScript SDK, as published, on the embedded Ably: seen through a relay, read by the linter."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from ably import AblyRealtime

from ablykit.relay.relay import Relay
from tests.interop.conftest import Js, broken
from tests.node import install

pytestmark = pytest.mark.timeout(180)


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


def test_it_connects_attaches_publishes_hears_pings_and_closes(js_every_way):
    said = js_every_way(TALK)
    assert said["heard"] == [
        ["text", "hello"],
        ["object", {"a": [1, 2]}],
        ["binary", "bytes"],
        ["two", "x"],
        ["at once", "y"],
    ]
    assert said["own"] == ["text", "object", "binary"]
    assert (said["refused"], said["ping"], said["state"]) == (40009, True, "detached")


def test_through_a_relay_it_is_as_without_and_can_be_seen(js):
    with Relay(js.ably.url) as relay:
        said = js(TALK, port=relay.port, tls=False)
    assert (said["refused"], said["state"]) == (40009, "detached")
    assert broken(relay.transcript) == []
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


def test_it_resumes_after_a_cut_and_asks_for_the_time(js):
    before = time.time() * 1000
    said = js(RESUME)
    assert (said["same"], said["heard"]) == (True, ["1", "2", "3"])
    assert before - 1 <= said["time"] <= time.time() * 1000, "the time is told over HTTP"


ALL = """
main(async () => {
  const rest = restful();
  let asked = 0;
  const authCallback = async (params, done) => {
    asked += 1;
    rest.auth.createTokenRequest({ ...params, clientId: 'ada', ttl: 60000 }).then((request) => done(null, request), (error) => done(error, null));
  };
  const one = client({ key: undefined, authCallback, clientId: 'ada' });
  await one.connection.once('connected');
  const room = one.channels.get('a/b room'), heard = [];
  await room.presence.subscribe((m) => heard.push([m.clientId, m.action, m.data]));
  await room.presence.enter('here');
  await room.presence.update({ seat: 1 });
  const now = (await room.presence.get()).map((m) => [m.clientId, m.data]);
  const asRest = rest.channels.get('a/b room');
  const same = (await asRest.presence.get()).items.map((m) => [m.clientId, m.data]);
  await room.publish('n', 'one');
  await asRest.publish('n', { two: 2 });
  const page = await asRest.history({ limit: 1, direction: 'forwards' }), next = await page.next();
  const history = [...page.items, ...next.items].map((m) => m.data);
  const metrics = (await asRest.status()).status.occupancy.metrics;
  await one.auth.authorize();
  const afterwards = one.connection.state;
  await room.presence.leave();
  await one.connection.ping();
  const past = (await room.presence.history()).items.map((m) => m.action);
  const many = client(), crowd = many.channels.get('crowd');
  await crowd.attach();
  await Promise.all([...Array(250).keys()].map((n) => crowd.presence.enterClient('c' + n, String(n))));
  const members = (await one.channels.get('crowd').presence.get()).length;
  const batch = await rest.batchPublish({ channels: ['a', ':b'], messages: [{ data: 'x' }] });
  const there = await rest.batchPresence(['crowd', 'none']);
  return { heard, now, same, history, metrics, afterwards, asked, past, members,
    batch: [batch.successCount, batch.failureCount, batch.results[1].error.code],
    there: there.results.map((r) => [r.channel, r.presence.length]) };
});
"""


def test_it_takes_tokens_enters_looks_back_and_asks_over_http(js_every_way):
    said = js_every_way(ALL)
    seat = {"seat": 1}
    assert said["heard"] == [["ada", "enter", "here"], ["ada", "update", seat], ["ada", "leave", seat]]
    assert said["now"] == said["same"] == [["ada", seat]]
    assert said["history"] == ["one", {"two": 2}]
    assert (said["metrics"]["connections"], said["metrics"]["presenceMembers"]) == (1, 1)
    assert (said["afterwards"], said["asked"]) == ("connected", 2)
    assert said["past"] == ["leave", "update", "enter"]
    assert said["members"] == 250
    assert said["batch"] == [1, 1, 40010]
    assert said["there"] == [["crowd", 250], ["none", 0]]


LISTEN = """
main(async () => {
  const one = client(), channel = one.channels.get('both');
  const heard = [], all = new Promise((done) => channel.subscribe((m) => { heard.push(m.data); if (heard.length === 2) done(); }));
  await channel.attach();
  console.error('attached');
  await channel.publish('n', { from: 'js' });
  await all;
  one.close();
  return heard;
});
"""


def test_it_talks_to_the_sdk_of_another_language(js):
    ably = js.ably

    async def talk():
        other = AblyRealtime(key=ably.key.reveal(), realtime_host=f"127.0.0.1:{ably.port}", tls=False)
        heard = asyncio.Queue()
        channel = other.channels.get("both")
        await channel.subscribe(lambda message: heard.put_nowait(message.data))
        said = []
        thread = threading.Thread(target=lambda: said.append(js(LISTEN)))
        thread.start()
        first = await asyncio.wait_for(heard.get(), 60)
        await channel.publish("n", b"\x01")
        await asyncio.to_thread(thread.join)
        await other.close()
        return first, said[0]

    first, said = asyncio.run(talk())
    assert first == {"from": "js"}
    assert said == [{"from": "js"}, {"type": "Buffer", "data": [1]}]


REVISE = """
main(async () => {
  const one = client({ clientId: 'ada' }), channel = one.channels.get('doc:a'), heard = [];
  await channel.subscribe((m) => heard.push([m.action, m.data]));
  await channel.publish('n', 'one');
  while (heard.length < 1) await new Promise((next) => setTimeout(next, 5));
  const [created] = (await channel.history()).items;
  const { versionSerial } = await channel.updateMessage({ ...created, data: 'two' }, { description: 'better' });
  const now = await channel.getMessage(created.serial);
  await channel.deleteMessage({ serial: created.serial }, {});
  const versions = (await channel.getMessageVersions(created.serial)).items;
  await one.connection.ping();
  return { heard, now: [now.data, now.version.serial === versionSerial, now.version.description],
    versions: versions.map((m) => m.action), history: (await channel.history()).items.map((m) => m.action) };
});
"""


def test_it_updates_and_deletes_messages(js):
    said = js(REVISE)
    assert said["heard"] == [["message.create", "one"], ["message.update", "two"], ["message.delete", None]]
    assert said["now"] == ["two", True, "better"]
    assert said["versions"] == ["message.create", "message.update", "message.delete"]
    assert said["history"] == ["message.delete"]


DERIVED = """
main(async () => {
  const one = client(), plain = one.channels.get('news'), heard = [];
  const some = one.channels.getDerived('news', { filter: "name == 'sport' && headers.rank == `1`" });
  await some.subscribe((m) => heard.push(m.data));
  await plain.publish({ name: 'sport', data: 'first', extras: { headers: { rank: 1 } } });
  await plain.publish({ name: 'sport', data: 'second', extras: { headers: { rank: 2 } } });
  await plain.publish('politics', 'other');
  await one.connection.ping();
  return heard;
});
"""


def test_it_hears_what_its_filter_lets_through(js):
    assert js(DERIVED) == ["first"]


ANNOTATE = """
main(async () => {
  const modes = ['PUBLISH', 'SUBSCRIBE', 'ANNOTATION_PUBLISH', 'ANNOTATION_SUBSCRIBE'];
  const one = client({ clientId: 'ada' }), channel = one.channels.get('doc:a', { modes });
  const heard = [], summaries = [];
  let created;
  const first = new Promise((done) => channel.subscribe((m) => { if (m.action === 'message.create') done(created = m); else summaries.push(m.annotations.summary); }));
  await channel.annotations.subscribe((a) => heard.push([a.action, a.type, a.name, a.clientId]));
  await channel.publish('n', 'one');
  await first;
  await channel.annotations.publish(created, { type: 'emoji:distinct.v1', name: 'wave' });
  await channel.annotations.delete(created, { type: 'emoji:distinct.v1', name: 'wave' });
  await one.connection.ping();
  const listed = (await channel.annotations.get(created, {})).items.map((a) => a.action);
  return { heard, summaries, listed };
});
"""


def test_it_annotates_messages(js):
    said = js(ANNOTATE)
    assert said["heard"] == [
        [f"annotation.{what}", "emoji:distinct.v1", "wave", "ada"] for what in ("create", "delete")
    ]
    first, second = said["summaries"]
    assert first["emoji:distinct.v1"]["wave"]["total"] == 1
    assert second["emoji:distinct.v1"] == {}
    assert said["listed"] == ["annotation.create", "annotation.delete"]


RESTART = """
main(async () => {
  const one = client({ disconnectedRetryTimeout: 100 });
  await one.connection.once('connected');
  const [id, channel, heard] = [one.connection.id, one.channels.get('talk'), []];
  await channel.subscribe((m) => heard.push(m.data));
  const cut = one.connection.once('disconnected');
  await channel.publish('n', 'before');
  const { reason } = await cut;
  const again = channel.once('attached');
  const { reason: lost } = await one.connection.once('connected');
  const { resumed } = await again;
  await channel.publish('n', 'after');
  await until(() => heard.length === 2);
  return { heard, resumed, same: one.connection.id === id, told: [reason.code, lost.code] };
});
"""


def test_a_restart_is_told_and_what_was_lost_with_it_is_said_to_be_lost(local, packages):
    first = local(sandbox=True)
    published = threading.Event()
    first.transcript.listen(lambda entry: published.set() if entry.action == "ACK" else None)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(Js(first, packages, "json"), RESTART)
        assert published.wait(30)
        first.stop()
        local(sandbox=True, port=first.port, keys=[first.key.reveal()])
        said = told.result()
    assert said == {"heard": ["before", "after"], "resumed": False, "same": False, "told": [80003, 80018]}


OLDER = """
const older = { ...given.options, tls: given.tls, useBinaryProtocol: given.binary, logLevel: 1 };
main(async () => {
  const [one, two] = [new Ably.Realtime.Promise(older), new Ably.Realtime.Promise({ ...older, clientId: 'me' })];
  for (const c of [one, two]) await c.connection.once('connected');
  const [heard, id] = [[], one.connection.id];
  const [a, b] = [one, two].map((c) => c.channels.get('talk', { params: { rewind: '1' } }));
  await b.publish('text', 'hello');
  await a.subscribe((m) => heard.push(Buffer.isBuffer(m.data) ? 'bytes' : m.data));
  await b.publish('object', { a: [1, 2] });
  await b.publish('binary', Buffer.from([0, 255]));
  await b.presence.enter('here');
  one.connection.connectionManager.activeProtocol.getTransport().disconnect();
  await b.publish('text', 'while away');
  await one.connection.once('connected');
  await until(() => heard.length === 4);
  const [members, history, details] = [await a.presence.get(), await a.history(), await one.auth.requestToken()];
  const said = { heard, same: one.connection.id === id, members: members.map((m) => [m.clientId, m.data]),
    history: history.items.length, token: typeof details.token };
  for (const c of [one, two]) { c.close(); await c.connection.once('closed'); }
  return said;
});
"""


@pytest.fixture(scope="session")
def older(tmp_path_factory):
    """A folder where the JavaScript SDK's line 1.2 is installed, which speaks an older version of the protocol."""
    return install(tmp_path_factory.mktemp("ably-js-1"), "ably@1.2")


@pytest.mark.parametrize("way", ["json", "msgpack-tls"])
def test_its_older_line_talks_resumes_and_enters_too(server, older, way):
    said = Js(server, older, way)(OLDER, options=server.options("ably-js-1.2"))
    assert said == {
        "heard": ["hello", {"a": [1, 2]}, "bytes", "while away"],
        "same": True,
        "members": [["me", "here"]],
        "history": 4,
        "token": "string",
    }
