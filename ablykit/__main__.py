"""`python -m ablykit` is the `ablykit` command."""

from ablykit.cli.main import main

main()
