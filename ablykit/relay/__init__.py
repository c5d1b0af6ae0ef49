"""Between any client and any Ably: frames are passed on and recorded, and a recording can be sent again."""

from ablykit.relay.relay import Relay
from ablykit.relay.replay import resend

__all__ = ["Relay", "resend"]
