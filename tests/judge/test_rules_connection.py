"""Rules of behaviour: for each of them a client that breaks it and no other."""

import pytest

from ablykit.judge import rules_connection
from tests.judge.runs import breaks_only

RULES = [
    rule.name
    for rule in rules_connection.BEHAVIOUR.values()
    if rule.look.__module__ == rules_connection.__name__
]


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_a_client_that_breaks_one_rule_is_found_and_no_other_is_blamed(rule):
    breaks_only(rule)
