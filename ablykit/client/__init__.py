"""A small Ably SDK: what part 2 of the tutorial builds, grown up.

A machine without sockets or clocks (`machine`) decides what the protocol asks for, and a thin shell of
asyncio (`realtime`) does it. Over HTTP there is `rest.Rest`, which needs `ablykit[rest]`.
"""

from ablykit.client.channels import RealtimeChannel, RealtimePresence
from ablykit.client.link import Times
from ablykit.client.realtime import Realtime

__all__ = ["Realtime", "RealtimeChannel", "RealtimePresence", "Times"]
