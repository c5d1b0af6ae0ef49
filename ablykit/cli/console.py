"""`ablykit console`: an SDK, and a key for each thing that it can do."""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import parse_qs, urlsplit

import typer

from ablykit.cli.common import fail, in_words

if TYPE_CHECKING:
    from rich.console import Console as Screen

    from ablykit.backend import RemoteAbly
    from ablykit.console import Line, Session

STYLES = {"error": "red", "good": "green", "message": "blue", "quiet": "dim", "plain": "cyan"}
"""The color of each kind of badge. Its name stands in it, too."""


def console(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE.py]",
            help="A file with a class Ably, or FILE.py:NAME for another one. Without it, ablykit's own SDK.",
        ),
    ] = None,
    client_id: Annotated[str, typer.Option(help="Who you are.")] = "me",
    channel: Annotated[str, typer.Option(help="The channel that the keys are about.")] = "my_channel",
    heartbeats: Annotated[
        bool, typer.Option("--heartbeats/--no-heartbeats", help="Show heartbeats, too.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(help="The Ably to connect to, with its key: wss://HOST/?key=…; stars are filled in."),
    ] = None,
) -> None:
    """Use an SDK by pressing keys, and see each frame that it sends and gets.

    The keys are a attach, d detach, m message, e enter, l leave, and q quit. The SDK connects to --url, or
    with the key in ABLY_API_KEY to the real Ably, or else to an embedded one. Without a terminal, each line
    of the input is a key, and what follows the m is the message.
    """
    from ablykit.console import Session
    from ablykit.protocol import AblyError

    try:
        sdk = _load(file) if file else _own()
        with Session(sdk, _ably(url), client_id=client_id, channel=channel) as session:
            asyncio.run(_converse(session, heartbeats=heartbeats))
    except (AblyError, OSError, TypeError, ValueError) as error:
        fail(in_words(error))


# -- what is used


def _own() -> Callable[..., object]:
    from ablykit.sdks.own import Own

    return Own


def _load(where: str) -> Callable[..., object]:
    """Return the class in FILE.py:NAME. Raises `ValueError`, with what to do."""
    path, _, name = where.partition(":") if ".py:" in where else (where, "", "")
    name = name or "Ably"
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise ValueError(f"{path}: there is no such Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: {error.msg}") from None
    except Exception as error:
        raise ValueError(f"{path} can't be run: {type(error).__name__}: {error}") from None
    if not hasattr(module, name):
        classes = [each for each, value in vars(module).items() if isinstance(value, type)]
        has = (
            f"it has {', '.join(classes)}: give {path}:{classes[0]}" if classes else "it has no class at all"
        )
        raise ValueError(f"{path} has no class {name}; {has}")
    return getattr(module, name)


def _ably(url: str | None) -> "RemoteAbly | None":
    """Return the Ably of a URL or of the environment; None for an embedded one."""
    from ablykit.backend import RemoteAbly
    from ablykit.machine import runtime
    from ablykit.protocol.credentials import reveal
    from ablykit.protocol.url import DEFAULT_ENDPOINT

    if url:
        local = runtime.find(url)
        parts = urlsplit(reveal(url, local.api_keys if local else None))
        keys = parse_qs(parts.query).get("key")
        if parts.scheme != "wss" or not keys:
            raise ValueError("--url must be wss://HOST/?key=…, such as ablykit serve prints")
        return RemoteAbly(keys[0], parts.netloc)
    if key := os.environ.get("ABLY_API_KEY"):
        return RemoteAbly(key, os.environ.get("ABLY_ENDPOINT") or DEFAULT_ENDPOINT)
    return None


# -- the conversation


async def _converse(session: "Session", *, heartbeats: bool) -> None:
    """Print what happens, and press keys, until the input or the session ends."""
    from rich.console import Console as Screen

    from ablykit.console import Lines

    loop, news = asyncio.get_running_loop(), asyncio.Event()
    lines, screen = Lines(session, heartbeats=heartbeats), Screen(soft_wrap=True, highlight=False)

    def wake(*_: object) -> None:
        loop.call_soon_threadsafe(news.set)

    def draw() -> None:
        for line in lines.new():
            _print(screen, line)

    async def keep_drawing() -> None:
        while True:
            draw()
            await news.wait()
            news.clear()

    session.on_news = wake
    with ExitStack() as stack:
        stack.callback(session.transcript.listen(wake))
        typing = _keys(session) if sys.stdin.isatty() and sys.stdout.isatty() else _script(session)
        drawing = asyncio.create_task(keep_drawing())
        try:
            await typing
            await asyncio.to_thread(session.close)
        finally:
            session.on_news = lambda: None
            drawing.cancel()
            draw()


async def _script(session: "Session") -> None:
    """Press the keys that the input's lines are, each once the one before is done."""
    from ablykit.cli.connect import standard_input
    from ablykit.cli.terminal import read_lines

    async for typed in read_lines(standard_input()):
        key, _, text = typed.strip().partition(" ")
        if key == "q":
            return
        if key:
            await asyncio.wrap_future(session.press(key, text))


async def _keys(session: "Session") -> None:
    """Press the keys that are typed. The state and the keys stay in sight below the frames."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys
    from prompt_toolkit.patch_stdout import patch_stdout

    from ablykit.console import KEYS

    bindings, writing = KeyBindings(), False
    idle = Condition(lambda: not writing)

    def below() -> str:
        if writing:
            return "message (Enter sends, Escape goes back): "
        keys = "  ".join(f"{name} {key.word}" for name, key in KEYS.items())
        return f"{session.state} · {session.channel} ·  {keys}  q quit "

    @bindings.add(Keys.Any, filter=idle)
    def press(event: Any) -> None:
        nonlocal writing
        key = event.data
        if key == "q":
            event.app.exit(result="")
        elif key == "m":
            writing = True
        elif key in KEYS:
            session.press(key)

    @bindings.add("enter", filter=idle)
    def nothing(event: Any) -> None: ...

    @bindings.add("enter", filter=~idle)
    @bindings.add("escape", filter=~idle, eager=True)
    def back(event: Any) -> None:
        nonlocal writing
        text, sends = event.app.current_buffer.text, event.key_sequence[0].key == Keys.Enter
        event.app.current_buffer.reset()
        writing = False
        if sends and text:
            session.press("m", text)

    @bindings.add("c-c")
    @bindings.add("c-d")
    def leave(event: Any) -> None:
        event.app.exit(result="")

    prompt = PromptSession[str](below, key_bindings=bindings, erase_when_done=True, refresh_interval=0.2)
    with patch_stdout(raw=True):
        await prompt.prompt_async()


def _print(screen: "Screen", line: "Line") -> None:
    from rich.text import Text

    style = STYLES[line.kind]
    text = Text.assemble(
        (line.time, "dim"), f" {line.arrow} ", (f" {line.badge:<9}", f"{style} reverse"), f" {line.channel}"
    )
    text.append(f" {line.text}", style="red" if line.badge == "note" else "")
    screen.print(text)
    cast(Any, screen.file).flush()
