"""What a server leaves for other programs of the same user."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from ablykit.machine import runtime
from ablykit.machine.runtime import Notice


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_directory", lambda: tmp_path / "ablykit")
    monkeypatch.setattr(runtime, "_here", {})
    return tmp_path / "ablykit"


NOTICE = Notice(1111, 2222, ("a.b:c",), "PEM")


def test_a_notice_is_found_by_either_port_on_this_machine_only(place):
    runtime.announce(NOTICE)
    runtime._here.clear()
    for url in ("ws://127.0.0.1:1111/?x=1", "wss://localhost:2222", "wss://[::1]:2222"):
        assert runtime.find(url) == NOTICE
    for url in ("wss://example.com:2222", "ws://127.0.0.1", "ws://127.0.0.1:3333", "nonsense"):
        assert runtime.find(url) is None


def test_only_its_user_can_read_it(place):
    runtime.announce(NOTICE)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "1111.json").stat().st_mode) == 0o600


def test_what_others_could_have_written_is_not_believed(place):
    runtime.announce(NOTICE)
    runtime._here.clear()
    (place / "1111.json").chmod(0o644)
    assert runtime.find("ws://127.0.0.1:1111") is None
    assert runtime.find("ws://127.0.0.1:2222") == NOTICE
    place.chmod(0o755)
    assert runtime.find("ws://127.0.0.1:2222") is None
    runtime.announce(Notice(4444, 5555, (), ""))
    assert not (place / "4444.json").exists()


def test_a_link_in_its_place_is_not_followed(place, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    runtime.announce(NOTICE)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_withdrawn_it_is_gone(place):
    runtime.announce(NOTICE)
    runtime.withdraw(NOTICE)
    runtime.withdraw(NOTICE)
    assert runtime.find("ws://127.0.0.1:1111") is None
    assert not list(place.iterdir())


def test_what_a_killed_server_left_is_cleared_away_by_the_next(place):
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    runtime.announce(Notice(6666, 7777, ("a.b:c",), "PEM", pid=int(gone.stdout)))
    (place / "8888.json").write_text("{broken")
    runtime.announce(NOTICE)
    assert sorted(path.name for path in place.iterdir()) == ["1111.json", "2222.json"]


def test_without_a_place_to_write_this_process_still_finds_it(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "_directory", lambda: tmp_path / "no" / "where")
    monkeypatch.setattr(runtime, "_here", {})
    runtime.announce(NOTICE)
    assert runtime.find("ws://127.0.0.1:1111") is NOTICE


def test_a_notice_does_not_show_its_keys():
    assert "a.b:c" not in repr(NOTICE)
    assert NOTICE.pid == os.getpid()
    assert str(NOTICE.api_keys["a.b"]) == "a.b:****"


def test_a_server_of_another_user_is_taken_for_alive(place, monkeypatch):
    def somebody_elses(pid, signal):
        raise PermissionError

    runtime.announce(Notice(6666, 7777, (), "", pid=1))
    monkeypatch.setattr(os, "kill", somebody_elses)
    runtime.announce(NOTICE)
    assert (place / "6666.json").exists()


def test_a_place_is_the_users_own_by_number_or_where_there_are_none_by_name(monkeypatch):
    assert runtime._directory().name == f"ablykit-{os.getuid()}"
    monkeypatch.delattr(os, "getuid")
    monkeypatch.setenv("USERNAME", "ada")
    assert runtime._directory().name == "ablykit-ada"


def test_where_users_have_no_numbers_a_notice_is_found_all_the_same(place, monkeypatch):
    monkeypatch.delattr(os, "getuid")
    runtime.announce(NOTICE)
    runtime._here.clear()
    assert runtime.find("ws://127.0.0.1:1111") == NOTICE


@pytest.mark.parametrize(
    ("host", "here", "for_others"),
    [
        ("127.0.0.1", "127.0.0.1", None),
        ("127.0.0.2", "127.0.0.2", None),
        ("localhost", "localhost", None),
        ("::1", "::1", None),
        ("192.168.7.7", "192.168.7.7", "192.168.7.7"),
        ("box.lan", "box.lan", "box.lan"),
    ],
)
def test_where_a_server_is_reached_from_here_and_by_others(host, here, for_others):
    assert (runtime.here(host), runtime.for_others(host)) == (here, for_others)


@pytest.mark.parametrize(("host", "here"), [("0.0.0.0", "127.0.0.1"), ("", "127.0.0.1"), ("::", "::1")])
def test_on_every_address_others_use_one_that_is_not_the_loopback(host, here, monkeypatch):
    assert runtime.here(host) == here
    assert runtime.for_others(host) not in (None, "", host, *runtime.LOOPBACK)
    monkeypatch.setattr(socket.socket, "connect", _no_route)
    assert runtime.for_others(host) == socket.gethostname()


def _no_route(*arguments):
    raise OSError(101, "Network is unreachable")


def test_an_address_of_version_6_stands_in_brackets_in_a_url():
    assert runtime.in_url("wss", "::1", 8443) == "wss://[::1]:8443"
    assert runtime.in_url("ws", "localhost", 80) == "ws://localhost:80"
