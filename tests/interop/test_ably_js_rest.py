"""What ably-js asks over HTTP: what its own suite asks of the service, asked here."""

REVOKE = """
main(async () => {
  const rest = restful({ key: given.revocable });
  const ids = ['one', 'two'];
  const tokens = await Promise.all(ids.map((clientId) => rest.auth.requestToken({ clientId })));
  const clients = tokens.map((token) => client({ key: undefined, token }));
  await Promise.all(clients.map((c) => c.connection.once('connected')));
  const gone = clients.map((c) => c.connection.once('disconnected'));
  const targets = [...ids.map((value) => ({ type: 'clientId', value })), { type: 'invalidType', value: 'abc' }];
  const result = await rest.auth.revokeTokens(targets);
  const reasons = (await Promise.all(gone)).map((change) => change.reason.code);
  const now = await rest.time(), issuedBefore = now - 20 * 60 * 1000;
  const later = await rest.auth.revokeTokens([targets[0]], { issuedBefore, allowReauthMargin: true });
  const byToken = await restful({ useTokenAuth: true }).auth.revokeTokens([targets[0]]).catch((error) => [error.statusCode, error.code]);
  return { counts: [result.successCount, result.failureCount], targets: result.results.map((r) => r.target), reasons,
    invalid: result.results[2].error.statusCode, margin: later.results[0].appliesAt > now + 30000, issued: later.results[0].issuedBefore === issuedBefore, byToken };
});
"""


def test_tokens_are_revoked(js):
    said = js(REVOKE, revocable=js.ably.new_key(revocable_tokens=True).reveal())
    assert (said["counts"], said["invalid"]) == ([2, 1], 400)
    assert said["targets"] == ["clientId:one", "clientId:two", "invalidType:abc"]
    assert said["reasons"] == [40141, 40141]
    assert (said["margin"], said["issued"], said["byToken"]) == (True, True, [401, 40162])


CAPABILITY = """
const key = (name) => ({ key: given[name] });
const asked = async (capability, options) => { try {
    return JSON.parse((await restful().auth.requestToken(capability && { capability }, options)).capability);
  } catch (error) { return error.statusCode; } };
main(async () => ({
  blanket: await asked(null, key('some')),
  equal: await asked({ channel2: ['publish', 'subscribe'] }, key('some')),
  emptyOps: await asked({ channel3: ['publish'] }, key('some')),
  emptyPaths: await asked({ channelx: ['publish'] }, key('some')),
  ops: await asked({ channel2: ['presence', 'subscribe'], channelx: ['subscribe'] }, key('some')),
  wildcardToken: await asked({ channel2: ['*'] }, key('some')),
  wildcardKey: await asked({ channel6: ['publish', 'subscribe'] }, key('some')),
  below: await asked({ 'cansubscribe:check': ['subscribe'] }, key('some')),
  widest: await asked({ 'cansubscribe:*': ['subscribe'] }, key('subscriber')),
  invalid: [await asked({ c: ['publish_'] }), await asked({ c: ['*', 'publish'] }), await asked({ c: [] })],
}));
"""


def test_a_token_may_do_what_both_key_and_request_allow(js):
    some = {
        "channel2": ["publish", "subscribe"],
        "channel3": ["subscribe"],
        "channel6": ["*"],
        "cansubscribe:*": ["subscribe"],
    }
    said = js(
        CAPABILITY,
        some=js.ably.new_key(some).reveal(),
        subscriber=js.ably.new_key({"*": ["subscribe"]}).reveal(),
    )
    assert said == {
        "blanket": some,
        "equal": {"channel2": ["publish", "subscribe"]},
        "emptyOps": 401,
        "emptyPaths": 401,
        "ops": {"channel2": ["subscribe"]},
        "wildcardToken": {"channel2": ["publish", "subscribe"]},
        "wildcardKey": {"channel6": ["publish", "subscribe"]},
        "below": {"cansubscribe:check": ["subscribe"]},
        "widest": {"cansubscribe:*": ["subscribe"]},
        "invalid": [400, 400, 400],
    }


TOKENS = """
const failed = async (params) => { try { await restful().auth.requestToken(params); return 'given'; } catch (error) { return [error.statusCode, error.code]; } };
main(async () => {
  const rest = restful({ queryTime: true });
  const timestamp = await rest.time(), nonce = '1234567890123456';
  const first = await rest.auth.requestToken({ timestamp, nonce });
  return {
    life: first.expires - first.issued, may: JSON.parse(first.capability), keyName: first.keyName,
    again: await failed({ timestamp, nonce }), late: await failed({ timestamp: timestamp - 30 * 60 * 1000 }),
    mac: await failed({ mac: '12345' }), long: await failed({ ttl: 365 * 24 * 3600 * 1000 }), negative: await failed({ ttl: -1 }),
    none: await failed({ ttl: 'notanumber' }), nobody: await failed({ clientId: '' }),
    stranger: await restful({ key: 'no.such:key' }).auth.requestToken().catch((error) => [error.statusCode, error.code]),
  };
});
"""


def test_token_requests_are_checked(js):
    said = js(TOKENS)
    assert (said["life"], said["may"]) == (3_600_000, {"*": ["*"]})
    assert said["keyName"] == js.ably.key.name
    refused = {name: said[name] for name in ("again", "late", "mac", "long", "negative", "none", "nobody")}
    assert refused == {
        "again": [401, 40105],
        "late": [401, 40104],
        "mac": [401, 40101],
        "long": [400, 40003],
        "negative": [400, 40003],
        "none": refused["none"],
        "nobody": [400, 40012],
    }
    assert refused["none"][0] == 400
    assert said["stranger"] == [404, 40400]


REQUEST = """
main(async () => {
  const rest = restful(), v = 3, path = '/channels/c/messages';
  const time = await rest.request('get', '/time', v, null, null, null);
  const missing = await rest.request('get', '/keys/ablyjs.test/requestToken', v, null, null, null);
  const posted = await rest.request('post', path, v, null, { name: 'faye', data: 'whittaker' }, null);
  await rest.request('post', path, v, null, { name: 'martin', data: 'reed' }, null);
  const first = await rest.request('get', path, v, { limit: 1, direction: 'forwards' }, null, null);
  const next = await first.next();
  const batch = await rest.request('POST', '/messages', 2, {}, { channels: ['x', 'y'], messages: { data: 'foo' } }, {});
  const empty = await (await rest.channels.get('nothing').history()).next();
  const status = await rest.channels.get('c').status();
  return {
    time: [time.statusCode, time.success, time.items.length], missing: [missing.success, missing.statusCode, missing.errorCode, !!missing.errorMessage],
    posted: [posted.statusCode, posted.items.length], names: [first.items[0].name, next.items[0].name],
    batch: [batch.statusCode, batch.errorCode, batch.items.map((each) => each.channel)], empty, status: [status.channelId, typeof status.status.isActive, Object.values(status.status.occupancy.metrics).every(Number.isInteger)],
  };
});
"""


def test_anything_may_be_asked_with_request(js_every_way):
    assert js_every_way(REQUEST) == {
        "time": [200, True, 1],
        "missing": [False, 404, 40400, True],
        "posted": [201, 1],
        "names": ["faye", "martin"],
        "batch": [201, None, ["x", "y"]],
        "empty": None,
        "status": ["c", "boolean", True],
    }


STATS = """
main(async () => {
  const rest = restful(), year = new Date().getUTCFullYear() - 1, at = (minute) => year + '-02-03:15:0' + minute;
  const minute = (n, inbound, outbound) => ({ intervalId: at(n), inbound: { realtime: { messages: { count: inbound, data: inbound * 100 } } }, outbound: { realtime: { messages: { count: outbound, data: outbound * 100 } } } });
  await rest.request('post', '/stats', 2, null, [minute(3, 50, 20), minute(4, 60, 10), minute(5, 70, 40)], null);
  const inbound = (page) => page.items.map((each) => each.entries['messages.inbound.all.messages.count']);
  const range = { start: at(3), end: at(5) };
  const hour = await rest.stats({ start: year + '-02-03:15', end: year + '-02-03:18', direction: 'forwards', by: 'hour' });
  const pages = [];
  for (let page = await rest.stats({ end: at(5), limit: 1 }); page; page = page.hasNext() ? await page.next() : null) pages.push(...inbound(page));
  await rest.channels.get('c').publish('n', 'data');
  const [now] = (await rest.stats({ end: Date.now(), unit: 'hour' })).items;
  return {
    forwards: inbound(await rest.stats({ ...range, direction: 'forwards' })), hour: inbound(hour), pages,
    byTime: inbound(await rest.stats({ start: Date.UTC(year, 1, 3, 15, 3), end: Date.UTC(year, 1, 3, 15, 5), direction: 'forwards' })),
    now: ['entries', 'schema', 'appId', 'inProgress', 'unit', 'intervalId'].map((name) => typeof now[name]),
  };
});
"""


def test_statistics_are_told_as_its_own_suite_expects(js):
    assert js(STATS) == {
        "forwards": [50, 60, 70],
        "hour": [180],
        "pages": [70, 60, 50],
        "byTime": [50, 60, 70],
        "now": ["object", "string", "string", "string", "string", "string"],
    }


SANDBOX = """
main(async () => {
  const where = (given.tls ? 'https://127.0.0.1:' + given.tlsPort : 'http://127.0.0.1:' + given.port);
  const presence = [['bool', 'true'], ['int', '24'], ['string', 'text'], ['json', '{ "test": 1 }']].map(([id, data]) => ({ clientId: 'client_' + id, data }));
  presence.push({ clientId: 'client_decoded', data: '{"example":{"json":"Object"}}', encoding: 'json' });
  const setup = { keys: [{}, { capability: '{"c":["subscribe"]}' }], namespaces: [{ id: 'persisted', persisted: true }], channels: [{ name: 'persisted:fixtures', presence }] };
  const made = await fetch(where + '/apps', { method: 'POST', body: JSON.stringify(setup), headers: { 'Content-Type': 'application/json' } });
  const app = await made.json(), key = app.keys[0].keyStr;
  const channel = restful({ key }).channels.get('persisted:fixtures');
  const members = (await channel.presence.get()).items, past = (await channel.presence.history()).items;
  const one = (await channel.presence.get({ clientId: 'client_json' })).items.length, three = (await channel.presence.get({ limit: 3 })).items.length;
  const same = (await channel.presence.get({ connectionId: members[0].connectionId })).items.length;
  const live = (await client({ key }).channels.get('persisted:fixtures').presence.get()).length;
  const gone = await fetch(where + '/apps/' + app.appId, { method: 'DELETE', headers: { Authorization: 'Basic ' + btoa(key) } });
  const after = await restful({ key }).channels.get('c').history().catch((error) => [error.statusCode, error.code]);
  return { status: made.status, data: members.map((m) => m.data), actions: [members[0].action, past[0].action, past.length], one, three, same, live, gone: gone.status, after };
});
"""


def test_a_sandbox_app_has_its_fixtures_until_it_is_deleted(js_every_way):
    said = js_every_way(SANDBOX)
    assert (said["status"], said["gone"], said["after"]) == (201, 204, [404, 40400])
    assert said["data"] == ["true", "24", "text", '{ "test": 1 }', {"example": {"json": "Object"}}]
    assert said["actions"] == ["present", "enter", 5]
    assert (said["one"], said["three"], said["same"], said["live"]) == (1, 3, 5, 5)


JWT = """
main(async () => {
  const connects = async (token) => { const one = client({ key: undefined, token }); const change = await new Promise((done) => ['connected', 'failed'].forEach((s) => one.connection.once(s, done))); const found = [change.current, one.auth.clientId ?? null, change.reason?.code ?? null]; one.close(); return found; };
  return { plain: await connects(given.jwt), within: await connects(given.within), stranger: await connects(given.stranger) };
});
"""


def test_a_jwt_is_taken_and_one_around_a_token_too(js):
    import time

    import jwt as pyjwt

    from ablykit.protocol import ApiKey
    from ablykit.protocol.tokens import jwt

    own = jwt(js.ably.key, client_id="ada")
    theirs = "a secret of somebody else, long enough"
    within = pyjwt.encode({"exp": int(time.time()) + 60, "x-ably-token": own}, theirs)
    stranger = jwt(ApiKey("invalid", "invalid", "invalid secret that is long enough"))
    said = js(JWT, jwt=own, within=within, stranger=stranger)
    assert said["plain"] == said["within"] == ["connected", "ada", None]
    assert said["stranger"] == ["failed", None, 40400]
