"""Metachannels: what goes on in an app, told as messages on channels that only the service publishes on.

`[meta]connection.lifecycle` and `[meta]channel.lifecycle` tell what opens and closes, `[meta]stats:minute`
the last minute's statistics, `[meta]clientEvents:…` each connection and each HTTP request. `[meta]log` is
there to listen to, and silent: nothing here fails that its client is not told of.
"""

from collections.abc import Mapping

OPERATIONS = frozenset({"subscribe", "history", "channel-metadata"})
"""What can be done on a metachannel, whatever a key allows."""

CONNECTIONS = "connection.lifecycle"
CHANNELS = "channel.lifecycle"
STATS = "stats:minute"
CONNECTION_EVENTS = "clientEvents:connections"
REQUEST_EVENTS = "clientEvents:apiRequests"

SECRET = frozenset({"key", "accesstoken", "access_token", "authorization", "cookie", "resume", "recover"})
"""Parameters and headers that let who has them in, and are told to nobody."""


def shown(given: Mapping[str, str]) -> dict[str, str]:
    """Parameters or headers without those that are secret."""
    return {name: value for name, value in given.items() if name.lower() not in SECRET}
