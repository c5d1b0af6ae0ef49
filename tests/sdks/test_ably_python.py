"""Ably's SDK for Python, judged."""

import asyncio

import pytest

from ablykit.sdks.ably_python import AblyPython
from tests.sdks.judged import keeps_its_rules, passes


@pytest.mark.parametrize("workload", ["messages", "presence", "tokens"])
def test_it_loses_nothing_on_a_calm_line(workload):
    passes("ably-python", workload)


@pytest.mark.slow
def test_it_keeps_every_rule_that_it_claims_to():
    keeps_its_rules("ably-python")


def test_a_connection_that_is_refused_is_an_exception(ably):
    async def connect():
        made = AblyPython(
            ably.tls_url, client_id="me", on_message=print, key="no.key:here", ca_file=ably.ca_file
        )
        try:
            with pytest.raises(Exception, match=r"40101|40400|No application|Invalid key"):
                await made.connect()
        finally:
            await made.close()

    asyncio.run(connect())


def test_one_that_never_connected_has_nothing_to_close():
    made = AblyPython("ws://127.0.0.1:1", client_id="me", on_message=print, key="a.b:c")
    asyncio.run(made.close())
