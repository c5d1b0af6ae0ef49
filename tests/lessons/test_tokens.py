"""The exercise of notebook 07: a capability is tried on the wire, and what is wrong with it is named."""

import json

import pytest

from ablykit import lessons
from ablykit.backend import RemoteAbly

RIGHT = {"news": ["subscribe"], "chat:*": ["subscribe", "publish"], "lobby": ["presence", "subscribe"]}


def check(answer, ably):
    return str(lessons.check("capability", answer, ably=ably))


@pytest.mark.parametrize(
    "answer",
    [
        RIGHT,
        {**RIGHT, "chat:*": ("publish", "subscribe")},
        {**RIGHT, "lobby": ["subscribe", "presence"]},
    ],
)
def test_a_capability_that_allows_what_the_story_allows_is_right(ably, answer):
    assert check(answer, ably).startswith("✓ Right")


def test_it_is_tried_also_after_the_clock_was_moved(ably):
    ably.advance(7_200)
    assert check(RIGHT, ably).startswith("✓ Right")


def test_it_is_tried_on_another_ably_as_well(ably):
    assert check(RIGHT, RemoteAbly(ably.key.reveal(), ably.tls_url)).startswith("✓ Right")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"news": ["subscribe", "publish"]}, "could publish on 'news', which the story does not allow"),
        ({"news": ["*"]}, "could publish on 'news'"),
        ({"news": ["presence"]}, "should be able to read 'news', but was refused: 40160"),
        ({"chat:*": ["publish"]}, "should be able to read 'chat:pets'"),
        ({"chat:*": ["subscribe"]}, "should be able to publish on 'chat:pets'"),
        ({"chat:*": ["*"]}, "could be present on 'chat:pets'"),
        ({"lobby": ["presence"]}, "should be able to read 'lobby'"),
        ({"lobby": ["subscribe"]}, "should be able to be present on 'lobby'"),
        ({"lobby": ["presence", "subscribe", "publish"]}, "could publish on 'lobby'"),
        ({"chat": ["subscribe"]}, "could read 'chat'"),
        ({"chat*": ["subscribe", "publish"], "chats": ["publish"]}, "could publish on 'chats'"),
        ({"*": ["subscribe"]}, "could read 'chat'"),
    ],
)
def test_what_is_wrong_is_named_by_channel_and_operation(ably, change, says):
    assert says in check({**RIGHT, **change}, ably)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "A capability is a dict"),
        (dict, "A capability is a dict"),
        ([RIGHT], "A capability is a dict"),
        (json.dumps(RIGHT), "without json.dumps"),
        ({}, "should be able to read 'news'"),
        ({3: ["subscribe"]}, "should be able to read 'news'"),
        ({"news": "subscribe"}, "The operations of 'news' must be a list"),
        ({"news": ["read"]}, "Unknown operation 'read' for 'news'"),
        ({"news": [None]}, "must be names such as 'publish'"),
        ({"news": []}, "leave the resource out instead"),
        ({"news": ...}, "Not answered yet"),
    ],
)
def test_what_is_no_capability_is_said_to_be_none(ably, answer, says):
    assert says in check(answer, ably)


async def never_run():
    return RIGHT


def test_a_coroutine_is_no_answer(ably):
    coroutine = never_run()
    assert "Put await in front" in check(coroutine, ably)
    coroutine.close()


def test_a_key_that_is_refused_is_said_to_be_why(ably):
    wrong = RemoteAbly(f"{ably.key.name}:wrong-secret", ably.tls_url)
    assert "should be able to read 'news', but was refused: 401" in check(RIGHT, wrong)
