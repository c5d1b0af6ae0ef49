"""What several commands share: where to listen, when to stop, how to fail."""

import signal
import sys
import threading
from typing import Annotated, Any, NoReturn

import typer

Host = Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 opens it to the network.")]


Port = Annotated[int, typer.Option(help="Port for ws://; 0 is any free one.")]


TlsPort = Annotated[int, typer.Option(help="Port for wss://.")]


AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A further host name that clients connect to; repeatable."),
]


AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN", help="Web pages that may use it, such as https://app.example; repeatable."
    ),
]


def allowed(hosts: list[str] | None, origins: list[str] | None) -> dict[str, Any]:
    """Return `--allow-host` and `--allow-origin` as a server or relay takes them."""
    return {"allow_hosts": hosts or (), "allow_origins": origins or ()}


def warn_of_others(host: str, port: int, tls_port: int) -> None:
    """Say so when other machines can connect, and where."""
    from ablykit.machine.runtime import for_others, in_url

    if others := for_others(host):
        urls = f"{in_url('wss', others, tls_port)} and {in_url('ws', others, port)}"
        print(f"\nThis is open to the network. Other machines reach it at {urls}", file=sys.stderr)


def told_to_stop() -> threading.Event:
    """Set by Ctrl+C or a polite kill, from now on."""
    told = threading.Event()

    def tell(number: int, frame: object) -> None:
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)
    return told


def wait(told: threading.Event) -> None:
    """Wait until `told_to_stop` was."""
    while not told.wait(3600):
        pass


def in_words(error: Exception) -> str:
    """What an error says, without its number: `talk.jsonl: No such file or directory`."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def fail(message: str) -> NoReturn:
    """Say what is wrong and end: exit code 1."""
    print(f"ablykit: {message}", file=sys.stderr)
    raise typer.Exit(1)
