"""The embedded Ably: a real server for notebooks, tests and terminals."""

from ablykit.server.local import LocalAbly

__all__ = ["LocalAbly"]
