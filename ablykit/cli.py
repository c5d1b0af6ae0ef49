"""The command line: serve, connect, explain, relay, record, show, diff, replay, lab."""

import asyncio
import importlib.util
import io
import json
import os
import shlex
import shutil
import signal
import sys
import sysconfig
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO, cast

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from ablykit.terminal import Printer
    from ablykit.transcript import Transcript

app = typer.Typer(
    name="ablykit",
    help="Ably's realtime protocol, to walk through by hand.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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

FIRST_NOTEBOOK = "00_start_here.ipynb"
HERE = Path(__file__).parent


class _WithSearchTerms(TyperCommand):
    """A command whose help ends with the search language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from rich.console import Console
        from rich.table import Table

        from ablykit.analysis.search import LANGUAGE

        super().format_help(ctx, formatter)
        table = Table(box=None, show_header=False)
        for example, says in LANGUAGE:
            table.add_row(example, says)
        Console().print(" What --search finds; with several terms, only what all of them find:\n", table, "")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"ablykit {version('ablykit')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Ably's realtime protocol, to walk through by hand."""


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for ws:// and http://; 0 is any free one.")] = 0,
    tls_port: Annotated[int, typer.Option(help="Port for wss:// and https://.")] = 0,
    key: Annotated[
        list[str] | None, typer.Option(metavar="APP.KEYID:SECRET", help="An API key; repeatable.")
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Allow keys without TLS, and POST /apps.")
    ] = False,
    heartbeat_interval: Annotated[
        int, typer.Option(metavar="MS", min=10, help="Silence before a HEARTBEAT, in ms.")
    ] = 15_000,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="A limit, such as retention=5000 (ms); repeatable."),
    ] = None,
    mutable: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMESPACE", help="Where messages can be updated and annotated; repeatable."),
    ] = None,
    persisted: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMESPACE", help="Where messages are kept for a day; repeatable."),
    ] = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    enforce_rates: Annotated[
        bool, typer.Option("--enforce-rates", help="Refuse what comes too fast.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="The same ids, keys and times on every run.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON first, the whole key in it.")
    ] = False,
) -> None:
    """Run an embedded Ably until Ctrl+C."""
    from ablykit.protocol import AblyError
    from ablykit.server import LocalAbly

    told = _told_to_stop()  # before anyone can know that there is something to stop
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
        _fail(str(error))
    with ably:
        if as_json:
            facts = {"url": ably.url, "tls_url": ably.tls_url, "key": ably.key.reveal()}
            print(json.dumps({**facts, "ca_file": ably.ca_file}), flush=True)
        else:
            _banner(ably.url, ably.tls_url, str(ably.key), ably.ca_file)
        _warn_of_others(ably.host, ably.port, ably.tls_port)
        _wait(told)


@app.command()
def connect(
    url: Annotated[
        str | None,
        typer.Argument(help="wss://HOST/?key=…; without it, an embedded Ably is started."),
    ] = None,
    pretty: Annotated[bool, typer.Option("--pretty", help="A member a line, as jq does.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Every member explained.")] = False,
    stay: Annotated[bool, typer.Option("--stay", help="Go on listening after the input has ended.")] = False,
    ca_file: Annotated[str | None, typer.Option(metavar="FILE", help="A CA to trust, in PEM.")] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all that crosses the wire into a recording.")
    ] = None,
) -> None:
    """Talk to an Ably by hand: each line you type is sent, each frame that comes is printed.

    An embedded Ably of your own on this machine is trusted by itself, and stars for a key's
    secret are filled in. Ctrl+D ends the connection. The exit code is 0 after a normal end, 1
    when the connection was refused or lost.
    """
    from ablykit.protocol import AblyError
    from ablykit.terminal import Printer, Style
    from ablykit.wire import WireError

    style = Style.EXPLAIN if explain else Style.PRETTY if pretty else Style.PLAIN
    try:
        code = asyncio.run(_connect(url, Printer(style), stay=stay, ca_file=ca_file, record=record))
    except (WireError, AblyError, OSError) as error:
        _fail(_in_words(error))
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


@app.command()
def explain(
    what: Annotated[
        list[str],
        typer.Argument(help="An action, flags, an error code, a name of these, or a frame."),
    ],
) -> None:
    """Say what something of the protocol means: 11, 983040, 40160, msgSerial, '{"action":10}'."""
    from rich.console import Console

    from ablykit.protocol import AblyError
    from ablykit.protocol import explain as explained

    for thing in what:
        try:
            found = explained(thing)
        except (KeyError, AblyError) as error:
            _fail(str(error.args[0] if isinstance(error, KeyError) else error))
        Console().print(found)


@app.command()
def relay(
    to: Annotated[str, typer.Option(metavar="URL", help="Where frames go on to, ws:// or wss://.")],
    host: Host = "127.0.0.1",
    port: Port = 0,
    tls_port: TlsPort = 0,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all that passes into a recording.")
    ] = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Stand between any client and any Ably, and show each frame that passes, until Ctrl+C."""
    told = _told_to_stop()
    where: dict[str, Any] = {"host": host, "port": port, "tls_port": tls_port}
    _relay(told, to, record, show=True, **where, **_allowed(allow_host, allow_origin))


@app.command()
def record(
    file: Annotated[Path, typer.Argument(help="Where the recording goes, as it happens.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where frames go on to; without it, an embedded Ably is started."),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    tls_port: TlsPort = 0,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Record what any client says to any Ably, and is answered, until Ctrl+C; nothing is shown."""
    from ablykit.server import LocalAbly

    told, allowed = _told_to_stop(), _allowed(allow_host, allow_origin)
    where: dict[str, Any] = {"host": host, "port": port, "tls_port": tls_port}
    if to is not None:
        return _relay(told, to, file, show=False, **where, **allowed)
    with LocalAbly(**allowed) as ably:
        print(f"An embedded Ably is behind it; its key: {ably.key}", file=sys.stderr)
        return _relay(told, ably.tls_url, file, show=False, **where, **allowed)


@app.command(cls=_WithSearchTerms)
def show(
    file: Annotated[Path, typer.Argument(help="A recording, as ablykit relay --record writes it.")],
    explain: Annotated[bool, typer.Option("--explain", help="Each frame explained.")] = False,
    har: Annotated[bool, typer.Option("--har", help="As HAR, for browsers' tools.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="As a sequence diagram, drawn.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a sequence diagram, in text.")] = False,
    as_bytes: Annotated[bool, typer.Option("--bytes", help="Each frame's bytes too, in hex.")] = False,
    search: Annotated[
        str | None,
        typer.Option(metavar="TERMS", help="Only what these find, such as 'dir:in is:error'. See below."),
    ] = None,
) -> None:
    """Print a recording: a line for each frame, the time its answer took, and rules that were broken."""
    from ablykit import recording, sequence
    from ablykit.terminal import show_recording

    transcript = _load(file)
    if har:
        print(json.dumps(recording.har(transcript)))
    elif svg:
        print(sequence.svg(transcript))
    elif mermaid:
        print(sequence.mermaid(transcript), end="")
    else:
        try:
            show_recording(transcript, explained=explain, as_bytes=as_bytes, search=search)
        except ValueError as error:
            _fail(str(error))


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="A recording.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Compare two recordings, ids and times aside. The exit code is 1 when they differ."""
    from ablykit.analysis import compare

    differences = compare(_load(first), _load(second))
    for difference in differences:
        print(difference)
    raise typer.Exit(1 if differences else 0)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="wss://HOST/?key=…; without it, an embedded Ably is started."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the new talk into a recording.")
    ] = None,
) -> None:
    """Send a recording's client side again, and print what is answered otherwise than then.

    The exit code is 1 when anything differs, ids and times aside.
    """
    from ablykit.analysis import compare
    from ablykit.protocol import AblyError
    from ablykit.recording import save
    from ablykit.replay import resend
    from ablykit.server import LocalAbly
    from ablykit.wire import WireError

    recorded = _load(file)
    try:
        if to is not None:
            again = asyncio.run(resend(recorded, to))
        else:
            with LocalAbly() as ably:
                again = asyncio.run(resend(recorded, f"{ably.tls_url}/?key={ably.key}"))
    except (WireError, AblyError, OSError) as error:
        _fail(_in_words(error))
    if record:
        save(again, record)
    differences = compare(recorded, again)
    for difference in differences:
        print(difference)
    print(f"{len(again)} entries, {len(differences) or 'no'} difference(s)", file=sys.stderr)
    raise typer.Exit(1 if differences else 0)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open the notebooks in JupyterLab. Further arguments go to JupyterLab."""
    if importlib.util.find_spec("jupyterlab") is None:
        _fail("JupyterLab is not installed. Install it with: pip install 'ablykit[lab]'")
    root = _notebooks()
    os.environ.update(_lab_environment())
    from jupyterlab import labapp  # type: ignore[import-untyped]

    # It runs in this process, so that every signal is JupyterLab's own to answer: it asks after Ctrl+C, and
    # removes its files. A terminal window that is closed is a signal that it does not know.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda number, frame: signal.raise_signal(signal.SIGTERM))
    cast(Any, labapp).main(
        [
            f"--ServerApp.root_dir={root}",
            f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}",
            f"--LabApp.app_settings_dir={HERE / 'lab_settings'}",
            *_shell(),
            *(["--allow-root"] if _is_root() else []),
            *context.args,
        ]
    )


def main() -> None:
    """The `ablykit` command."""
    app()


async def _connect(
    url: str | None, printer: "Printer", *, stay: bool, ca_file: str | None, record: Path | None
) -> int:
    from contextlib import ExitStack

    from ablykit.recording import Recorder
    from ablykit.server import LocalAbly
    from ablykit.terminal import converse, prompted, read_lines
    from ablykit.transcript import Transcript
    from ablykit.wire import connect as connect_wire

    with ExitStack() as stack:
        if url is None:
            ably = stack.enter_context(LocalAbly())
            url = f"{ably.tls_url}/?key={ably.key}"
        transcript = Transcript()
        recorder = stack.enter_context(Recorder(transcript, record)) if record else None
        async with await connect_wire(url, ca_file=ca_file, transcript=transcript) as conn:
            source = _input()
            at_terminal = source.isatty()
            if at_terminal:
                print(f"Connected to {conn.url}\nType a frame; Ctrl+D ends.", file=sys.stderr)
            typed = prompted() if at_terminal and sys.stdout.isatty() else read_lines(source)
            code = await converse(conn, printer, typed, stay=stay)
        return code or int(recorder is not None and recorder.failure is not None)


def _input() -> TextIO:
    """Standard input, whatever bytes are in it; empty where there is none, as after `<&-`."""
    source = cast("TextIO | None", sys.stdin) or io.StringIO()
    if reconfigure := getattr(source, "reconfigure", None):
        reconfigure(errors="replace")
    return source


def _relay(told: threading.Event, to: str, record: Path | None, *, show: bool, **options: Any) -> None:
    """Run a relay until `told` to stop, that shows what passes or writes it down."""
    from contextlib import ExitStack

    from ablykit.protocol.redaction import redact
    from ablykit.recording import Recorder
    from ablykit.relay import Relay
    from ablykit.transcript import Entry, line

    def show_line(entry: Entry) -> None:
        try:
            print(line(entry), flush=True)
        except BrokenPipeError:
            _print_no_more()
            told.set()

    with ExitStack() as stack:
        try:
            running = stack.enter_context(Relay(to, **options))
            recorder = stack.enter_context(Recorder(running.transcript, record)) if record else None
        except (OSError, ValueError, OverflowError) as error:
            _fail(_in_words(error))
        print(
            f"Clients connect to  {running.tls_url}\n"
            f"     or without TLS  {running.url}\n"
            f"     they reach      {redact(to)}\n"
            f"     CA file         {running.ca_file}",
            file=sys.stderr,
        )
        _warn_of_others(running.host, running.port, running.tls_port)
        if show:
            running.transcript.listen(show_line)
        _wait(told)
        running.stop()
        if recorder:
            print(f"{recorder.count} entries are in {record}", file=sys.stderr)
            if recorder.failure:
                raise typer.Exit(1)


def _allowed(hosts: list[str] | None, origins: list[str] | None) -> dict[str, Any]:
    return {"allow_hosts": hosts or (), "allow_origins": origins or ()}


def _warn_of_others(host: str, port: int, tls_port: int) -> None:
    """Say so when other machines can connect, and where."""
    from ablykit.runtime import for_others, in_url

    if others := for_others(host):
        urls = f"{in_url('wss', others, tls_port)} and {in_url('ws', others, port)}"
        print(f"\nThis is open to the network. Other machines reach it at {urls}", file=sys.stderr)


def _load(file: Path) -> "Transcript":
    from ablykit.recording import NotARecording, load

    try:
        loaded = load(file)
    except (OSError, NotARecording) as error:
        _fail(_in_words(error))
    for note in loaded.notes:
        print(f"ablykit: {note}", file=sys.stderr)
    return loaded


def _banner(url: str, tls_url: str, key: str, ca_file: str) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold green]An embedded Ably is running.[/] Ctrl+C ends it.\n")
    console.print(f"  with TLS     {tls_url}\n  without      {url}\n  API key      {key}")
    console.print(f"  CA file      {ca_file}\n")
    console.print("Talk to it from another terminal (the stars are filled in for you):\n")
    console.print(f'  [bold]{_command()} connect "{tls_url}/?key={key}"[/]\n', markup=True)
    console.print(f"Other programs need the whole key, which [bold]{_command()} serve --json[/] prints.")
    console.file.flush()


def _command() -> str:
    """What to type for `ablykit` in the shell that this was started from."""
    if shutil.which("ablykit"):
        return "ablykit"
    started = Path(sys.argv[0])
    return (
        shlex.quote(str(started))
        if started.stem == "ablykit"
        else f"{shlex.quote(sys.executable)} -m ablykit"
    )


def _told_to_stop() -> threading.Event:
    """Set by Ctrl+C or a polite kill, from now on."""
    told = threading.Event()

    def tell(number: int, frame: object) -> None:
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)
    return told


def _wait(told: threading.Event) -> None:
    while not told.wait(3600):
        pass


def _notebooks() -> Path:
    """Where the notebooks are: here, or copied here from the package."""
    for root in (Path("notebooks"), Path(".")):
        if (root / FIRST_NOTEBOOK).exists():
            return root.resolve()
    shipped, copy = HERE / "notebooks", Path("ablykit-notebooks")
    if not shipped.is_dir():
        _fail(f"No {FIRST_NOTEBOOK} here or in ./notebooks: run this in the project's folder")
    if not copy.exists():
        try:
            shutil.copytree(shipped, copy)
        except OSError as error:
            _fail(f"The notebooks can't be copied to {copy.resolve()}: {error.strerror}")
        print(f"The notebooks are yours to change in {copy.resolve()}", file=sys.stderr)
    return copy.resolve()


def _shell() -> list[str]:
    """The shell of JupyterLab's terminals, as an argument. By itself JupyterLab may start it as a login
    shell, which on many systems sets PATH anew: `ablykit` would not be found."""
    shell = os.environ.get("SHELL")
    return [f"--ServerApp.terminado_settings=shell_command={shlex.quote(shell)}"] if shell else []


def _is_root() -> bool:
    """Whether this is root, as in many containers; JupyterLab wants to be told that it is meant."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _limits(given: Iterable[str]) -> dict[str, int]:
    """Limits as they are typed: `NAME=NUMBER`. Raises `ValueError` for anything else."""
    limits: dict[str, int] = {}
    for each in given:
        name, _, number = each.partition("=")
        if not (number.isascii() and number.isdigit() and int(number) > 0):
            raise ValueError(f"A limit reads NAME=NUMBER, such as max_message_size=100, not {each!r}")
        limits[name] = int(number)
    return limits


def _lab_environment() -> dict[str, str]:
    """The environment for JupyterLab: `ablykit` is a command in its terminals.

    Where HOME can't be written, its files go elsewhere, to the same place each time.
    """
    from ablykit.runtime import private_directory

    environment = {"PYTHONSTARTUP": str(HERE / "lab_settings" / "startup.py")} | os.environ
    environment["PATH"] = os.pathsep.join(
        [sysconfig.get_path("scripts"), environment.get("PATH") or os.defpath]
    )
    home = Path(environment.get("HOME") or "~").expanduser()
    if os.access(home, os.W_OK):
        return environment
    try:
        place = private_directory() / "jupyter"
    except OSError as error:
        _fail(f"There is no place for JupyterLab's files: {home} can't be written, and {error}")
    print(f"{home} can't be written; JupyterLab keeps its files in {place}", file=sys.stderr)
    for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[variable] = str(Path(place, variable.lower()))
    return environment


def _print_no_more() -> None:
    """Nobody reads what is printed any more; what is still to be flushed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: Exception) -> str:
    """What an error says, without its number: `talk.jsonl: No such file or directory`."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _fail(message: str) -> NoReturn:
    """Say what is wrong and end: exit code 1."""
    print(f"ablykit: {message}", file=sys.stderr)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
