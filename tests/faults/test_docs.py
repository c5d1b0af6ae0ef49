"""docs/faults.md has every action and every detail."""

import pytest

from ablykit.faults import ACTIONS
from tests.notebook import ROOT

TEXT = (ROOT / "docs/faults.md").read_text()


@pytest.mark.parametrize("do", ACTIONS)
def test_the_page_says_what_each_action_does(do):
    kind = ACTIONS[do]
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{do}` |"))
    assert kind.says in row
    assert all(f"`{name}`" in row for name in kind.takes)
