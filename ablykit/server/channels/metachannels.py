"""Metachannels: channels on which the service itself publishes what happens in an app.

`[meta]connection.lifecycle` and `[meta]channel.lifecycle` announce what opens and closes,
`[meta]stats:minute` carries the statistics of the last minute, and `[meta]clientEvents:…` each connection and
each HTTP request. A client may attach to `[meta]log`, but nothing is published there: on Ably it carries
errors that no client gets, and here there are none.
"""

from collections.abc import Mapping

OPERATIONS = frozenset({"subscribe", "history", "channel-metadata"})
"""The operations that a metachannel permits; a key can allow fewer, but never more."""

CONNECTIONS = "connection.lifecycle"
CHANNELS = "channel.lifecycle"
STATS = "stats:minute"
CONNECTION_EVENTS = "clientEvents:connections"
REQUEST_EVENTS = "clientEvents:apiRequests"

SECRET = frozenset({"key", "accesstoken", "access_token", "authorization", "cookie", "resume", "recover"})
"""The names of parameters and headers that carry credentials, and are therefore never published."""


def shown(given: Mapping[str, str]) -> dict[str, str]:
    """Return parameters or headers without the secret ones."""
    return {name: value for name, value in given.items() if name.lower() not in SECRET}
