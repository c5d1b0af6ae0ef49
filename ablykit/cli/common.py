"""What several commands share: the options for listening, stopping on a signal, and failing."""

import signal
import sys
import threading
from typing import Annotated, Any, NoReturn

import typer

Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 opens it to the network.")]


Port = Annotated[int, typer.Option(help="The port for ws://; 0 means any free port.")]


TlsPort = Annotated[int, typer.Option(help="The port for wss://; 0 means any free port.")]


AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Another host name that clients may use; repeatable."),
]


AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN", help="A web page that may connect, such as https://app.example; repeatable."
    ),
]


def allowed(hosts: list[str] | None, origins: list[str] | None) -> dict[str, Any]:
    """Return `--allow-host` and `--allow-origin` as arguments for a server or relay."""
    return {"allow_hosts": hosts or (), "allow_origins": origins or ()}


def warn_of_others(host: str, port: int, tls_port: int) -> None:
    """Print a warning with the URLs to use if other machines can connect."""
    from ablykit.machine.runtime import for_others, in_url

    if others := for_others(host):
        urls = f"{in_url('wss', others, tls_port)} and {in_url('ws', others, port)}"
        print(f"\nThis is open to the network. Other machines can reach it at {urls}", file=sys.stderr)


def stop_signal() -> threading.Event:
    """Return an event that SIGINT (Ctrl+C) or SIGTERM sets from now on."""
    stop = threading.Event()

    def set_it(number: int, frame: object) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, set_it)
    return stop


def wait(stop: threading.Event) -> None:
    """Wait for the event of `stop_signal`."""
    while not stop.wait(3600):
        pass


def in_words(error: Exception) -> str:
    """Return an error as text without its number, such as `session.jsonl: No such file or directory`."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def fail(message: str) -> NoReturn:
    """Print what is wrong, and exit with code 1."""
    print(f"ablykit: {message}", file=sys.stderr)
    raise typer.Exit(1)
