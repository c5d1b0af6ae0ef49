"""What the tests of panels begin with."""

import pytest

from ablykit.record.transcript import Transcript
from tests.panels.page import CONNECTED


@pytest.fixture
def transcript():
    made = Transcript()
    made.record("a", "out", "wss://h/?key=x.y:****", "open")
    made.record("a", "in", CONNECTED)
    return made
