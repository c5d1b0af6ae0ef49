"""Storms: the calm."""

import asyncio

from ablykit.judge.storms import CALM, STORMS, Aftermath


def test_in_the_calm_nothing_happens_and_nothing_has_to_heal():
    assert STORMS["calm"] is CALM
    assert asyncio.run(CALM.blow(None, 5.0)) == Aftermath(reached=True, healed=None)
