"""The `ablykit` command, put together from its groups of commands."""

from typing import Annotated

import typer

from ablykit.cli import connect, console, judge, lab, recordings, serve

app = typer.Typer(
    name="ablykit",
    help="Walk through Ably's realtime protocol by hand.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"ablykit {version('ablykit')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Walk through Ably's realtime protocol by hand."""


app.command()(serve.serve)
app.command()(connect.connect)
app.command()(connect.explain)
app.command()(console.console)
app.command()(recordings.relay)
app.command()(recordings.record)
app.command(cls=recordings.WithSearchTerms)(recordings.show)
app.command()(recordings.diff)
app.command()(recordings.replay)
app.command()(judge.judge)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab.lab)


def main() -> None:
    """Run the `ablykit` command."""
    app()


if __name__ == "__main__":
    main()
