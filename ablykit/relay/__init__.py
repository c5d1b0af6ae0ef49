"""The relay, which stands between any client and any Ably and records frames; and replaying a recording."""

from ablykit.relay.relay import Relay
from ablykit.relay.replay import resend

__all__ = ["Relay", "resend"]
