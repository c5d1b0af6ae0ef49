"""What ably-js does with channels beyond talking: what its own suite asks of the service, asked here."""

DATA = """
const DATA = [
  { foo: 'bar', count: 1, status: 'active' },
  { foo: 'bar', count: 2, status: 'active' },
  { foo: 'bar', count: 2, status: 'inactive' },
  { foo: 'bar', count: 3, status: 'inactive' },
  { foo: 'bar', count: 3, status: 'active' },
];
"""

DELTA = (
    DATA
    + """
main(async () => {
  const real = require('@ably/vcdiff-decoder');
  let calls = 0, broken = given.broken;
  const vcdiff = { decode: (delta, base) => { calls += 1; if (broken) { broken = false; throw new Error('broken'); } return real.decode(delta, base); } };
  const one = client({ plugins: { vcdiff } }), channel = one.channels.get('c', { params: { delta: 'vcdiff' } });
  const heard = [], again = [];
  await channel.subscribe((m) => heard.push([Number(m.name), m.data]));
  channel.on('attaching', (change) => again.push(change.reason.code));
  for (const [n, data] of DATA.entries()) await channel.publish(String(n), data);
  await until(() => heard.length === DATA.length);
  const same = heard.every(([n, data], at) => n === at && JSON.stringify(data) === JSON.stringify(DATA[n]));
  return { same, calls, again, params: channel.params };
});
"""
)


def test_every_message_but_the_first_comes_as_a_delta(js_every_way):
    said = js_every_way(DELTA)
    assert said == {"same": True, "calls": 4, "again": [], "params": {"delta": "vcdiff"}}


def test_after_a_delta_that_can_not_be_undone_it_is_told_the_rest_again(js):
    said = js(DELTA, broken=True)
    assert (said["same"], said["again"]) == (True, [40018])


def test_a_delta_without_a_decoder_fails_the_channel(js):
    said = js(
        DATA
        + """
main(async () => {
  const one = client(), channel = one.channels.get('c', { params: { delta: 'vcdiff' } });
  await channel.attach();
  const failed = channel.once('failed');
  for (const [n, data] of DATA.entries()) channel.publish(String(n), data).catch(() => {});
  return (await failed).reason.code;
});
"""
    )
    assert said == 40019


CIPHER = """
main(async () => {
  const key = await Ably.Realtime.Crypto.generateRandomKey(256), cipher = { key };
  const one = client(), open = client(), channel = one.channels.get('c', { cipher }), heard = [], seen = [];
  await channel.subscribe((m) => heard.push(m.data));
  await open.channels.get('c').subscribe((m) => seen.push(m.encoding));
  const things = ['text', { a: [1, null] }, Buffer.from([0, 255])];
  for (const thing of things) await channel.publish('n', thing);
  await channel.presence.enterClient('ada', 'secret');
  await until(() => heard.length === 3 && seen.length === 3);
  const asRest = restful().channels.get('c', { cipher });
  const told = (await asRest.history({ direction: 'forwards' })).items.map((m) => m.data);
  const [member] = (await asRest.presence.get()).items;
  const plain = (list) => list.map((d) => (Buffer.isBuffer(d) || d instanceof Uint8Array ? [...d] : d));
  return { heard: plain(heard), told: plain(told), seen, member: member.data };
});
"""


def test_what_is_encrypted_is_carried_and_not_read(js_every_way):
    said = js_every_way(CIPHER)
    assert said["heard"] == said["told"] == ["text", {"a": [1, None]}, [0, 255]]
    assert said["member"] == "secret"
    assert [encoding.removesuffix("/base64") for encoding in said["seen"]] == [
        "utf-8/cipher+aes-256-cbc",
        "json/utf-8/cipher+aes-256-cbc",
        "cipher+aes-256-cbc",
    ]
    kept = js_every_way.ably.published("c")
    assert all("text" not in str(message["data"]) for message in kept)


APPEND = """
main(async () => {
  const one = client(), channel = one.channels.get('doc:a'), heard = [];
  await channel.subscribe((m) => heard.push(m));
  const { serials: [serial] } = await channel.publish('original', 'Hello');
  const operation = { clientId: 'ada', description: 'more', metadata: { reason: 'test' } };
  const { versionSerial, version } = await channel.appendMessage({ serial, data: ' World' }, operation);
  await until(() => heard.length === 2);
  await channel.detach();
  await channel.setOptions({ params: { rewind: '1' } });
  heard.length = 1 + heard.length;  // what comes from here on stands after a gap
  await channel.attach();
  await until(() => heard.length === 4);
  const told = (m) => [m.action, m.name, m.data, m.serial === serial, m.version.serial === (versionSerial ?? version), m.version.clientId, m.version.description, m.version.metadata];
  return { appended: told(heard[1]), rewound: told(heard[3]), many: (await channel.publish([{ data: 1 + '' }, { data: 2 + '' }])).serials.length };
});
"""


def test_an_append_is_heard_as_one_and_rewound_as_a_whole(js):
    said = js(APPEND)
    about = ["ada", "more", {"reason": "test"}]
    assert said["appended"] == ["message.append", "original", " World", True, True, *about]
    assert said["rewound"] == ["message.update", "original", "Hello World", True, True, *about]
    assert said["many"] == 2


MODES = """
const denied = (promise) => promise.then(() => 'allowed', (error) => error.code);
main(async () => {
  const one = client(), said = {};
  const params = { modes: 'subscribe', delta: 'vcdiff' };
  const a = one.channels.get('a', { params });
  await a.attach();
  said.byParam = [a.params, a.modes, await denied(a.publish('n', 'x')), await denied(a.presence.enterClient('x'))];
  const b = one.channels.get('b', { params: { modes: 'presence,subscribe' }, modes: ['publish', 'presence_subscribe'] });
  await b.attach();
  said.paramFirst = [b.modes, await denied(b.publish('n', 'x')), await denied(b.presence.enterClient('x'))];
  const c = one.channels.get('c', { modes: ['publish', 'presence_subscribe'] });
  await c.attach();
  said.byModes = [c.modes, await denied(c.publish('n', 'x')), await denied(c.presence.enterClient('x'))];
  const d = one.channels.get('d');
  await d.attach();
  await d.setOptions({ params: { nonexistent: 'foo' } });
  said.unknown = [d.params, d.modes];
  said.bad = [await denied(one.channels.get(':hell').attach()), await denied(one.channels.get('').attach()) !== 'allowed', one.connection.state];
  return said;
});
"""


def test_modes_are_asked_for_in_two_ways(js):
    said = js(MODES)
    assert said["byParam"] == [{"modes": "subscribe", "delta": "vcdiff"}, ["subscribe"], 40165, 40165]
    assert said["paramFirst"] == [["presence", "subscribe"], 40165, "allowed"]
    assert said["byModes"] == [["publish", "presence_subscribe"], "allowed", 40165]
    usual = ["presence", "publish", "subscribe", "presence_subscribe", "annotation_publish"]
    assert said["unknown"] == [{}, usual]
    assert said["bad"] == [40010, True, "connected"]


LEAVE = """
main(async () => {
  const one = client(), rest = restful(), names = ['a', 'b', 'c'];
  await Promise.all(names.map((name) => one.channels.get(name).attach()));
  for (const name of names) {
    const heard = new Promise((done) => one.channels.get(name).subscribe(done));
    await rest.channels.get(name).publish('before', name);
    await heard;
  }
  return { id: one.connection.id, key: one.connection.key, recover: one.connection.createRecoveryKey() };
});
"""

RECOVER = """
main(async () => {
  const rest = restful(), names = ['a', 'b', 'c'], heard = [];
  for (const name of names) for (const n of [1, 2]) await rest.channels.get(name).publish('missed', name + n);
  const two = client({ recover: given.left.recover });
  await Promise.all(names.map((name) => two.channels.get(name).subscribe((m) => heard.push(m.data))));
  await until(() => heard.length === 6);
  return { heard: heard.sort(), same: two.connection.id === given.left.id, fresh: two.connection.key !== given.left.key };
});
"""


def test_another_process_recovers_a_connection_with_its_channels(js):
    recovered = js(RECOVER, left=js(LEAVE))
    assert recovered == {"heard": ["a1", "a2", "b1", "b2", "c1", "c2"], "same": True, "fresh": True}


LOST = """
main(async () => {
  const one = client({ disconnectedRetryTimeout: 50 }), channel = one.channels.get('c');
  await channel.attach();
  const manager = one.connection.connectionManager;
  manager.connectionKey = '_____!ablyjs_test_fake-key____';
  manager.connectionId = 'ablyjs_tes';
  manager.msgSerial = 15;
  const back = new Promise((done) => one.connection.once('disconnected', () => one.connection.once('connected', done)));
  manager.disconnectAllTransports();
  const change = await back;
  const serial = manager.msgSerial;
  await channel.publish('n', 'x');
  return [change.reason.code, serial, manager.connectionId === 'ablyjs_tes', channel.state];
});
"""


def test_a_resume_that_fails_is_told_and_it_begins_anew(js):
    code, serial, same, state = js(LOST)
    assert (code, serial, same, state) == (80018, 0, False, "attached")


REAUTH = """
const denied = (promise) => promise.then(() => 'allowed', (error) => error.code);
main(async () => {
  const rest = restful(), said = {};
  const token = (capability) => rest.auth.requestToken({ clientId: 'ada', capability });
  const one = client({ key: undefined, token: await token({ c: ['subscribe'], lost: ['*'] }) });
  const changes = [];
  await one.connection.once('connected');
  one.connection.on((change) => changes.push(change.current));
  const [c, lost] = ['c', 'lost'].map((name) => one.channels.get(name));
  await c.attach();
  await lost.attach();
  said.before = await denied(c.publish('n', 'x'));
  await one.auth.authorize(null, { token: await token({ c: ['subscribe', 'publish'] }) });
  await until(() => lost.state === 'failed');
  said.lost = lost.errorReason.code;
  said.after = await denied(c.publish('n', 'x'));
  said.state = c.state;
  await one.auth.authorize(null, { token: await token({ c: ['subscribe'] }) });
  said.again = await denied(c.publish('n', 'x'));
  said.elsewhere = await denied(one.channels.get('other').attach());
  said.changes = changes;
  return said;
});
"""


def test_another_token_changes_what_is_allowed_in_place(js):
    said = js(REAUTH)
    assert (said["before"], said["after"], said["again"]) == (40160, "allowed", 40160)
    assert (said["lost"], said["elsewhere"], said["state"]) == (40160, 40160, "attached")
    assert set(said["changes"]) == {"connected"}, "it stays connected all the while"


UNTIL = """
main(async () => {
  const one = client(), channel = one.channels.get('c');
  for (const n of [1, 2]) await channel.publish('n', 'before ' + n);
  await channel.attach();
  for (const n of [1, 2]) await channel.publish('n', 'after ' + n);
  const told = [];
  for (let page = await channel.history({ untilAttach: true, limit: 1 }); page; page = page.hasNext() ? await page.next() : null) told.push(...page.items.map((m) => m.data));
  const two = client(), rewound = [];
  await two.channels.get('c', { params: { rewind: '2' } }).subscribe((m) => rewound.push(m.data));
  await until(() => rewound.length === 2);
  return { told, rewound };
});
"""


def test_it_looks_back_to_where_it_attached_and_rewinds(js):
    assert js(UNTIL) == {"told": ["before 2", "before 1"], "rewound": ["after 1", "after 2"]}


META = """
main(async () => {
  const one = client({ key: given.wide }), told = [];
  await one.channels.get('[meta]channel.lifecycle').subscribe((m) => told.push([m.name, m.data.channelId]));
  const occupied = [];
  const room = one.channels.get('room', { params: { occupancy: 'metrics' } });
  await room.subscribe('[meta]occupancy', (m) => occupied.push(m.data.metrics.connections));
  const two = client(), other = two.channels.get('room');
  await other.attach();
  await until(() => occupied.length === 2);
  await other.detach();
  await until(() => occupied.length === 3);
  await room.detach();
  await until(() => told.length === 2);
  return { told, occupied };
});
"""


def test_it_is_told_what_goes_on(js):
    wide = js.ably.new_key({"*": ["*"], "[meta]*": ["subscribe"]}).reveal()
    said = js(META, wide=wide)
    assert said["told"] == [["channel.opened", "room"], ["channel.closed", "room"]]
    assert said["occupied"] == [1, 2, 1]
