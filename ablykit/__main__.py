"""`python -m ablykit` is the `ablykit` command."""

from ablykit.cli import main

main()
