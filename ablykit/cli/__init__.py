"""The `ablykit` command line: one module for each group of commands.

Each command imports what it needs when it runs, so that `ablykit --help` stays fast.
"""
