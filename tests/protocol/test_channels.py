"""What a channel may be called."""

import base64

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


@pytest.mark.parametrize("name", ["x" * 2_049, "[?x=" + "y" * 240_000 + "]c", "é" * 2_049])
def test_a_name_has_a_greatest_length(name):
    with pytest.raises(AblyError, match="2048 characters") as caught:
        ChannelName.parse(name)
    assert caught.value.code == 40010
    assert len(caught.value.message) < 300


def filtered(expression, base="c"):
    return f"[filter={base64.b64encode(expression).decode()}]{base}"


def test_a_filter_is_an_expression_in_base64():
    name = ChannelName.parse(filtered(b"name == 'x'"))
    assert (name.filter, name.base, name.identity) == ("name == 'x'", "c", "c")


@pytest.mark.parametrize("name", ["[filter=%%%]c", "[filter=é]c", filtered(b"\xff")])
def test_a_filter_that_is_no_text_in_base64_is_refused(name):
    with pytest.raises(AblyError, match="filter must be text encoded as base64"):
        ChannelName.parse(name)


@pytest.mark.parametrize(("name", "is_meta"), [("[meta]log", True), ("[other]log", False), ("meta", False)])
def test_a_metachannel_is_known_by_its_qualifier(name, is_meta):
    assert ChannelName.parse(name).is_meta is is_meta
