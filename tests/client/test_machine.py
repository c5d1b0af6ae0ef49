"""The whole machine: connected, attached, published, closed."""

import pytest

from ablykit.protocol import Action, Format
from tests.client.conftest import Lab


@pytest.mark.parametrize("format", list(Format))
def test_a_client_connects_attaches_publishes_hears_itself_and_closes(format):
    lab = Lab()
    sdk = lab.sdk(format=format).connect()
    assert sdk.state == "connected"
    attached = sdk.attach()
    assert (attached.done, attached.error) == (True, None)
    promise = sdk.publish("hello", {"a": 1}, b"\x00\xff")
    sdk.run()
    assert (promise.done, promise.error, len(promise.value.serials)) == (True, None, 3)
    assert sdk.data == ["hello", {"a": 1}, b"\x00\xff"]
    sdk.close()
    assert sdk.state == "closed"
    assert sdk.sent[-1].action == Action.CLOSE
    assert sdk.machine.due is None
    assert [each.current for each in sdk.states if each.channel is None] == [
        "connecting", "connected", "closing", "closed",
    ]  # fmt: skip
