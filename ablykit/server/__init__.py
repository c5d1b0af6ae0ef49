"""The embedded Ably: a real server for notebooks, tests and terminals."""

from ablykit.server.local import LocalAbly
from ablykit.server.local_app import LocalApp

__all__ = ["LocalAbly", "LocalApp"]
