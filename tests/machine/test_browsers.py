"""Which web pages may talk to a service on this machine."""

import pytest

from ablykit.machine.browsers import Door
from ablykit.protocol import AblyError

DOOR = Door("127.0.0.1", allow_hosts=["box.lan", ".wide.example"], allow_origins=["https://app.example", "https://x.example:8443", "vscode-webview://abc"])  # fmt: skip


def refusal(check, *headers):
    with pytest.raises(AblyError) as caught:
        check(list(headers))
    assert (caught.value.code, caught.value.status) == (40300, 403)
    return caught.value.message


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8080", "LOCALHOST:1", "localhost.", "localhost.:8080", "a.localhost", "a.b.localhost:1",
        "127.0.0.1", "127.0.0.1:65535", "127.8.9.1", "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]", "localhost:",
        "192.168.1.5:80", "[fe80::1]:80", "[::ffff:10.0.0.1]", "box.lan:9010", "Box.LAN.", "wide.example", "a.wide.example",
    ],
)  # fmt: skip
def test_the_hosts_one_listens_on_and_those_allowed_are_served(host):
    DOOR.check_hosts([host])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:80", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "xwide.example",
        "box.lan.evil.example", "sub.box.lan", "", ":80", "localhost:x", "localhost:80:80", "localhost@evil.example",
        "localhost,evil.example", "[::1", "::1", "[evil.example]", "[127.0.0.1]", "[::1]evil.example", "localhost..", "a b",
        ".localhost", "local\u0000host", "\u00e9vil.example", "localhost/", "localhost\n",
        "localhost:65536",
    ],
)  # fmt: skip
def test_dns_rebinding_a_host_that_is_not_ours_is_refused(host):
    assert "--allow-host" in refusal(DOOR.check_hosts, host)


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"], ["localhost", "evil.example"]])
def test_a_request_names_exactly_one_host(hosts):
    assert "exactly one Host header" in refusal(DOOR.check_hosts, *hosts)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost", "http://localhost:3000", "https://localhost:3000", "HTTP://LocalHost:80", "http://app.localhost:1",
        "http://127.0.0.1:8888", "http://127.1.2.3", "http://[::1]:8888", "http://[::ffff:127.0.0.1]", "http://localhost.:80",
        "https://app.example", "https://app.example:443", "HTTPS://APP.example", "https://x.example:8443", "vscode-webview://abc",
    ],
)  # fmt: skip
def test_pages_of_this_machine_and_those_allowed_are_served(origin):
    DOOR.check_origins([origin])


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "null", "", "http://app.example", "https://app.example:8443", "https://x.example",
        "https://sub.app.example", "https://app.example.evil", "http://localhost.evil.example", "http://evil-localhost",
        "http://localhost@evil.example", "http://localhost:80@evil.example", "http://127.0.0.1.evil.example", "file://",
        "http://192.168.1.5", "http://box.lan", "chrome-extension://localhost", "http://localhost/", "http://localhost, https://evil.example",
        "localhost", "//localhost", "http://", "http://[::1", "http://\u00e9vil",
    ],
)  # fmt: skip
def test_foreign_origins_are_refused(origin):
    assert "--allow-origin" in refusal(DOOR.check_origins, origin)
    refusal(DOOR.check_origins, "http://localhost", origin)


def test_a_program_that_is_no_browser_has_no_origin():
    DOOR.check(["localhost:1"], [])


def test_a_refusal_names_the_option_that_would_allow_it():
    message = refusal(DOOR.check_hosts, "dev.box:80")
    assert "--allow-host dev.box," in message
    assert "allow_hosts=['dev.box']" in message
    message = refusal(DOOR.check_origins, "https://my.page:1")
    assert "--allow-origin https://my.page:1," in message
    assert len(refusal(DOOR.check_hosts, "a" * 10_000)) < 500


def test_the_address_and_the_name_it_is_bound_to_are_served():
    Door("192.168.1.5").check_hosts(["192.168.1.5:80"])
    Door("My.Box").check_hosts(["my.box:80"])
    Door("::1").check_hosts(["[::1]:80"])


@pytest.mark.parametrize("given", ["box.lan:80", "https://box.lan", "", ".", "*", "a b", "\u00e9"])
def test_a_host_to_allow_that_can_not_be_one_is_refused_at_the_start(given):
    with pytest.raises(ValueError, match="must be a name without a port"):
        Door(allow_hosts=[given])


@pytest.mark.parametrize("given", ["app.example", "null", "*", "https://app.example/", ""])
def test_an_origin_to_allow_that_can_not_be_one_is_refused_at_the_start(given):
    with pytest.raises(ValueError, match="SCHEME://HOST"):
        Door(allow_origins=[given])
