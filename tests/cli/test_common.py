"""What several commands share: when to stop, how to fail."""

import errno
import signal
import threading

import pytest
import typer

from ablykit.cli.common import allowed, fail, in_words, stop_signal, wait, warn_of_others


@pytest.fixture
def handlers():
    """The handlers of signals as they were, afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_command_waits_until_it_is_told_to_stop(handlers, sent):
    told = stop_signal()
    main = threading.get_ident()
    sender = threading.Timer(0.01, signal.pthread_kill, (main, sent))
    sender.start()
    wait(told)
    sender.join()
    assert told.is_set()


def test_hosts_and_origins_are_given_on_as_a_server_takes_them():
    assert allowed(None, None) == {"allow_hosts": (), "allow_origins": ()}
    assert allowed(["box.lan"], ["https://a.example"]) == {
        "allow_hosts": ["box.lan"],
        "allow_origins": ["https://a.example"],
    }


def test_an_error_of_a_file_is_said_with_its_name_and_without_its_number():
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", "talk.jsonl")
    assert in_words(error) == "talk.jsonl: No such file or directory"
    assert in_words(ValueError("not a port")) == "not a port"
    assert in_words(OSError("just so")) == "just so"


def test_a_failure_goes_to_standard_error_with_exit_code_1(capsys):
    with pytest.raises(typer.Exit) as ended:
        fail("That did not work. Try again")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "ablykit: That did not work. Try again\n"


def test_only_what_others_can_reach_is_warned_of(capsys):
    warn_of_others("127.0.0.1", 1, 2)
    assert capsys.readouterr().err == ""
    warn_of_others("192.0.2.7", 8000, 8443)
    said = capsys.readouterr().err
    assert "wss://192.0.2.7:8443 and ws://192.0.2.7:8000" in said
