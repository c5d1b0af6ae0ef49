"""Ably's own SDKs, as they are published, as clients of an embedded Ably."""

import asyncio
import json
import os
import shutil
import subprocess

import pytest
from ably import AblyRealtime, AblyRest

from ablykit.record import lint
from tests.conftest import needs
from tests.node import install

WAYS = {
    "json": (False, False),
    "msgpack": (True, False),
    "json-tls": (False, True),
    "msgpack-tls": (True, True),
}
"""How an SDK talks: MessagePack or JSON, with TLS or without."""

SETUP = """
const Ably = require('ably');
const given = JSON.parse(process.argv[2]);
const options = { key: given.key, endpoint: '127.0.0.1', port: given.port, tlsPort: given.tlsPort, tls: given.tls,
  useBinaryProtocol: given.binary, logLevel: 1 };
const client = (more) => new Ably.Realtime({ ...options, ...more });
const restful = (more) => new Ably.Rest({ ...options, ...more });
const until = async (holds) => { while (!holds()) await new Promise((next) => setTimeout(next, 2)); };
const main = async (talk) => { try { console.log(JSON.stringify(await talk())); process.exit(0); }
  catch (error) { console.error(error); process.exit(1); } };
"""


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """A folder where the JavaScript SDK is installed, with its decoder of deltas."""
    return install(tmp_path_factory.mktemp("ably-js"), "ably@2", "@ably/vcdiff-decoder@1")


class Js:
    """Runs scripts against a server of their own; what crosses the wire is read by the linter."""

    def __init__(self, ably, place, way):
        self.ably, self.place, self.transcript = ably, place, ably.transcript
        self.binary, self.tls = WAYS[way]
        self._node = needs("node", shutil.which("node"))

    def __call__(self, script, **values):
        """Run a script; tells the JSON that it prints."""
        given = {
            "key": self.ably.key.reveal(),
            "port": self.ably.port,
            "tlsPort": self.ably.tls_port,
            "tls": self.tls,
            "binary": self.binary,
        }
        file = self.place / f"{os.getpid()}.cjs"
        file.write_text(SETUP + script)
        done = subprocess.run(
            [self._node, file.name, json.dumps(given | values)],
            cwd=self.place, capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"NODE_EXTRA_CA_CERTS": self.ably.ca_file},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert broken(self.transcript) == []
        return json.loads(done.stdout.splitlines()[-1])


def broken(transcript):
    """The protocol's rules that the service broke."""
    return [str(finding) for finding in lint(transcript) if finding.rule.side == "service"]


@pytest.fixture
def server(local):
    return local(sandbox=True, mutable=["doc"], persisted=["persisted"], heartbeat_interval=5_000)


@pytest.fixture(params=["json", "msgpack-tls"])
def js(server, packages, request):
    """ably-js, in two ways that differ in all."""
    return Js(server, packages, request.param)


@pytest.fixture(params=list(WAYS))
def js_every_way(server, packages, request):
    """ably-js, in each way."""
    return Js(server, packages, request.param)


OWN_AUTH = {"key", "token", "token_details", "auth_callback"}


class Python:
    """Makes clients of ably-python. Its REST side sends no key without TLS: it gets a token for it then."""

    def __init__(self, ably, way):
        self.ably, self.transcript = ably, ably.transcript
        self.binary, self.tls = WAYS[way]

    def _options(self, options):
        auth = {} if OWN_AUTH & options.keys() else {"key": self.ably.key.reveal()}
        return {"use_binary_protocol": self.binary, "tls": self.tls, **auth, **options}

    def rest(self, **options):
        ports = {"tls_port": self.ably.tls_port} if self.tls else {"port": self.ably.port}
        token = {} if self.tls or OWN_AUTH & options.keys() else {"use_token_auth": True}
        return AblyRest(rest_host="127.0.0.1", **ports, **token, **self._options(options))

    def realtime(self, **options):
        port = self.ably.tls_port if self.tls else self.ably.port
        return AblyRealtime(realtime_host=f"127.0.0.1:{port}", **self._options(options))

    def run(self, talk):
        async def whole():
            async with asyncio.timeout(60):
                return await talk(self)

        said = asyncio.run(whole())
        assert broken(self.transcript) == []
        return said


@pytest.fixture(params=["json-tls", "msgpack-tls", "msgpack"])
def sdk(server, request, monkeypatch):
    """ably-python."""
    monkeypatch.setenv("SSL_CERT_FILE", server.ca_file)
    return Python(server, request.param)
