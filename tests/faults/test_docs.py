"""docs/faults.md has every action and every detail."""

import re

import pytest

from ablykit.faults import ACTIONS, Rule
from tests.notebook import ROOT

TEXT = (ROOT / "docs/faults.md").read_text()


def listed(names):
    return ", ".join(f"`{name}`" for name in sorted(names))


@pytest.mark.parametrize("do", ACTIONS)
def test_the_page_says_what_each_action_does(do):
    kind = ACTIONS[do]
    on = ", ".join(target.value for target in kind.on)
    row = f"| `{do}` | {on} | {kind.says} | {listed(kind.needs)} | {listed(kind.takes - kind.needs)} |"
    assert row in TEXT


def test_the_page_has_every_member_of_a_rule():
    members = set(Rule.__struct_encode_fields__) - {"name"}
    assert members <= set(re.findall(r"`(\w+)`", TEXT)) | {"do", "on"}
