"""`ablykit serve`: run an embedded Ably until Ctrl+C."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ablykit.cli.common import AllowHost, AllowOrigin, Host, fail, stop_signal, wait, warn_of_others
from ablykit.cli.controls import obey_lines


def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port for ws:// and http://; 0 means any free port.")] = 0,
    tls_port: Annotated[
        int, typer.Option(help="The port for wss:// and https://; 0 means any free port.")
    ] = 0,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="APP.KEYID:SECRET", help="An API key to accept; repeatable."),
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Accept keys without TLS, and allow POST /apps.")
    ] = False,
    heartbeat_interval: Annotated[
        int, typer.Option(metavar="MS", min=10, help="How long to stay silent before a HEARTBEAT, in ms.")
    ] = 15_000,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="A limit, such as retention=5000 (ms); repeatable."),
    ] = None,
    mutable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMESPACE", help="A namespace whose messages can be updated and annotated; repeatable."
        ),
    ] = None,
    persisted: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMESPACE", help="A namespace whose messages are kept for a day; repeatable."),
    ] = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    enforce_rates: Annotated[
        bool, typer.Option("--enforce-rates", help="Refuse publishes above the rate limits.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Make the same ids, keys and times on every run.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the URLs and the whole key as one line of JSON.")
    ] = False,
) -> None:
    """Run an embedded Ably until Ctrl+C.

    Type "advance 60" and Enter to move its clock forward by 60 seconds. Whatever is due by then is done at
    once: tokens expire, dropped connections are forgotten, members leave.
    """
    from ablykit.protocol import AblyError
    from ablykit.server import LocalAbly

    stop = stop_signal()  # before anything is printed: a program may send the signal as soon as it reads that
    try:
        ably = LocalAbly(
            host=host,
            port=port,
            tls_port=tls_port,
            keys=key or (),
            sandbox=sandbox,
            heartbeat_interval=heartbeat_interval,
            limits=_limits(limit or ()),
            mutable=mutable or (),
            persisted=persisted or (),
            allow_hosts=allow_host or (),
            allow_origins=allow_origin or (),
            enforce_rates=enforce_rates,
            seed=seed,
        )
    except (AblyError, OSError, OverflowError, ValueError) as error:
        fail(str(error))
    with ably:
        if as_json:
            facts = {"url": ably.url, "tls_url": ably.tls_url, "key": ably.key.reveal()}
            print(json.dumps({**facts, "ca_file": ably.ca_file}), flush=True)
        else:
            _banner(ably.url, ably.tls_url, str(ably.key), ably.ca_file)
        warn_of_others(ably.host, ably.port, ably.tls_port)
        obey_lines(ably, as_json=as_json)
        wait(stop)


def _limits(given: Iterable[str]) -> dict[str, int]:
    """Return the limits in `NAME=NUMBER` texts. Raises `ValueError` for any other text."""
    limits: dict[str, int] = {}
    for each in given:
        name, _, number = each.partition("=")
        if not (number.isascii() and number.isdigit() and int(number) > 0):
            raise ValueError(f"A limit must be NAME=NUMBER, such as max_message_size=100, not {each!r}")
        limits[name] = int(number)
    return limits


def _banner(url: str, tls_url: str, key: str, ca_file: str) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold green]An embedded Ably is running.[/] Press Ctrl+C to stop it.\n")
    console.print(f"  with TLS     {tls_url}\n  without      {url}\n  API key      {key}")
    console.print(f"  CA file      {ca_file}\n")
    console.print("Talk to it from another terminal (the stars are filled in for you):\n")
    console.print(f'  [bold]{_command()} connect "{tls_url}/?key={key}"[/]\n', markup=True)
    console.print(f"Other programs need the whole key, which [bold]{_command()} serve --json[/] prints.")
    console.file.flush()


def _command() -> str:
    """Return what to type for `ablykit` in the shell that started this process."""
    if shutil.which("ablykit"):
        return "ablykit"
    started = Path(sys.argv[0])
    return (
        shlex.quote(str(started))
        if started.stem == "ablykit"
        else f"{shlex.quote(sys.executable)} -m ablykit"
    )
