"""Fault rules as data, and which of them applies: the relay carries them out (see `ablykit.relay`)."""

from ablykit.faults.editing import edited
from ablykit.faults.faults import Fault, Faults, Passing
from ablykit.faults.rule import ACTIONS, On, Rule

__all__ = ["ACTIONS", "Fault", "Faults", "On", "Passing", "Rule", "edited"]
