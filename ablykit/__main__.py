"""Run the `ablykit` command with `python -m ablykit`."""

from ablykit.cli.main import main

main()
