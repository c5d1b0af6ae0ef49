"""This package's own client, judged."""

import pytest

from tests.sdks.judged import keeps_its_rules, passes


@pytest.mark.parametrize("workload", ["messages", "presence", "tokens"])
def test_it_loses_nothing_on_a_calm_line(workload, no_leftovers):
    passes("ablykit", workload)


def test_it_keeps_every_rule():
    keeps_its_rules("ablykit")
