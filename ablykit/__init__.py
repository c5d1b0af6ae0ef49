"""Walk through Ably's realtime protocol by hand.

import ablykit

ably = ablykit.start()                                   # an embedded Ably, or the real one
conn = ablykit.connect(f"{ably.tls_url}?key={ably.key}") # a raw connection, as websocat's
conn.send({"action": 10, "channel": "my_channel"})
ablykit.explain(conn.recv("ATTACHED"))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ablykit import judge, lessons
    from ablykit.backend import RemoteAbly, start
    from ablykit.client import Realtime
    from ablykit.panels import (
        Composer,
        ConnectionPanel,
        Console,
        FrameInspector,
        Presence,
        Replay,
        Scorecard,
        Sequence,
        SideBySide,
    )
    from ablykit.protocol import AblyError, ApiKey
    from ablykit.protocol.explanation import explain
    from ablykit.record import Transcript
    from ablykit.relay import Relay
    from ablykit.server import LocalAbly, LocalApp
    from ablykit.wire import Frame, WireError, WireTimeout, connect, connect_async, fetch

__version__ = "0.1.0"

__all__ = [
    "AblyError",
    "ApiKey",
    "Composer",
    "ConnectionPanel",
    "Console",
    "Frame",
    "FrameInspector",
    "LocalAbly",
    "LocalApp",
    "Presence",
    "Realtime",
    "Relay",
    "RemoteAbly",
    "Replay",
    "Scorecard",
    "Sequence",
    "SideBySide",
    "Transcript",
    "WireError",
    "WireTimeout",
    "connect",
    "connect_async",
    "explain",
    "fetch",
    "judge",
    "lessons",
    "start",
]

_HOME = {
    "AblyError": "protocol",
    "ApiKey": "protocol",
    "Composer": "panels",
    "ConnectionPanel": "panels",
    "Console": "panels",
    "Frame": "wire",
    "FrameInspector": "panels",
    "LocalAbly": "server",
    "LocalApp": "server",
    "Presence": "panels",
    "Realtime": "client",
    "Relay": "relay",
    "RemoteAbly": "backend",
    "Replay": "panels",
    "Scorecard": "panels",
    "Sequence": "panels",
    "SideBySide": "panels",
    "Transcript": "record",
    "WireError": "wire",
    "WireTimeout": "wire",
    "judge": "judge",
    "lessons": "lessons",
    "connect": "wire",
    "connect_async": "wire",
    "explain": "protocol.explanation",
    "fetch": "wire",
    "start": "backend",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that `import ablykit` takes no time."""
    if name not in _HOME:
        raise AttributeError(f"module 'ablykit' has no attribute {name!r}")
    home = import_module(f"ablykit.{_HOME[name]}")
    value = home if name == _HOME[name] else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
