"""The embedded Ably: a real server for notebooks, tests and terminals.

Importing this package imports no server. The rules and `session` below need neither sockets nor threads nor
TLS, and can be imported where there are none, such as in a browser's Python.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ablykit.server.local import LocalAbly
    from ablykit.server.local_app import LocalApp

__all__ = ["LocalAbly", "LocalApp"]


def __getattr__(name: str) -> Any:
    """Import the server when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'ablykit.server' has no attribute {name!r}")
    from ablykit.server import local

    value = globals()[name] = getattr(local, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
