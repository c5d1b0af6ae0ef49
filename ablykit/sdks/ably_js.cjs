/* The official SDK for JavaScript, `ably` 2 from npm, as the judge drives it: orders come as lines of JSON on
   standard input, reports go to standard output (docs/judge.md). The package is looked for where the judge
   was started. */
const { createRequire } = require('node:module');
const { createInterface } = require('node:readline');

const load = () => createRequire(`${process.cwd()}/`)('ably');
if (process.argv.includes('--check')) {
  load();
  process.exit(0);
}

const Ably = load();
const { ABLY_URL, ABLY_KEY, ABLY_CLIENT_ID } = process.env;
const where = new URL(ABLY_URL);
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`);
const waiting = [];
const heard = new Set();

const options = {
  endpoint: where.hostname, port: Number(where.port), tlsPort: Number(where.port), tls: where.protocol === 'wss:',
  clientId: ABLY_CLIENT_ID, autoConnect: false, logLevel: 0,
};
if (ABLY_KEY) options.key = ABLY_KEY;
else options.authCallback = (params, done) => { waiting.push(done); say({ need_token: true }); };

const client = new Ably.Realtime(options);
client.connection.on((change) => say({ state: change.current, code: change.reason?.code }));

const settled = (did, id, promise) => promise.then(
  () => say({ did, id, ok: true }),
  (error) => say({ did, id, ok: false, code: error.code }),
);
const reached = (did, channel, promise) => promise.then(
  () => say({ did, channel }),
  (error) => say({ log: `${did} ${channel}: ${error.message}` }),
);
const listen = (channel) => {
  if (heard.has(channel)) return;
  heard.add(channel);
  client.channels.get(channel).subscribe((message) => say({ got: channel, data: message.data, from: message.clientId }))
    .catch((error) => say({ log: `subscribe ${channel}: ${error.message}` }));
};

const orders = {
  start: () => client.connect(),
  attach: ({ channel }) => { listen(channel); reached('attach', channel, client.channels.get(channel).attach()); },
  detach: ({ channel }) => reached('detach', channel, client.channels.get(channel).detach()),
  publish: ({ id, channel, data }) => settled('publish', id, client.channels.get(channel).publish(null, data)),
  enter: ({ id, channel, data }) => settled('enter', id, client.channels.get(channel).presence.enter(data)),
  leave: ({ id, channel }) => settled('leave', id, client.channels.get(channel).presence.leave()),
  members: ({ id, channel }) => client.channels.get(channel).presence.get().then(
    (members) => say({ members: members.map((member) => member.clientId), id }),
    (error) => say({ log: `members: ${error.message}` }),
  ),
  token: ({ token }) => waiting.shift()?.(null, token),
  close: () => {
    const { state } = client.connection;
    if (['failed', 'closed', 'initialized'].includes(state)) process.exit(0);
    client.connection.once('closed', () => process.exit(0));
    client.close();
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  orders[order.do]?.(order);
});
