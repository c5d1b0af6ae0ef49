"""What a channel may be called."""

import pytest

from ablykit.protocol import AblyError, ChannelName


def test_a_name_is_taken_apart():
    assert ChannelName.parse("chat:room") == ChannelName("chat:room")
    name = ChannelName.parse("[meta?rewind=1&x=]log")
    assert (name.base, name.qualifier, name.params) == ("log", "meta", {"rewind": "1", "x": ""})
    assert name.identity == "[meta]log"
    assert ChannelName.parse("[?rewind=1]chat").identity == "chat"


@pytest.mark.parametrize("name", ["", ":x", "a\nb", "a\rb", "*", "[meta", "[meta]", "[?x=1]:y"])
def test_a_bad_name_is_refused(name):
    with pytest.raises(AblyError) as caught:
        ChannelName.parse(name)
    assert caught.value.code == 40010


@pytest.mark.parametrize("name", ["a*b", "a:*", "ünï", "with space", "a]b", "<img onerror=x>", "x" * 2000])
def test_an_odd_name_is_still_a_name(name):
    assert ChannelName.parse(name).base == name
