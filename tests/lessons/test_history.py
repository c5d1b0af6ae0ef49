"""The exercise of notebook 09: a right answer turns green, and each usual mistake is named."""

import re

import pytest

from ablykit import lessons
from ablykit.lessons import EXERCISES
from ablykit.lessons.history import SEEDS, rehearse

SOLVED = {}
exec(EXERCISES["rebuild"].hints[-1], SOLVED)
good = SOLVED["rebuild"]


def check(ably, rebuild):
    return lessons.check("rebuild", rebuild, ably=ably)


def history(url, get):
    """All messages of the history, oldest first."""
    page, links = get(url)
    messages = page[::-1]
    while "next" in links:
        page, links = get(links["next"])
        messages = page[::-1] + messages
    return messages


def heard(live):
    return [
        {**message, "id": f"{frame['id']}:{index}", "timestamp": frame["timestamp"]}
        for frame in live
        for index, message in enumerate(frame["messages"])
    ]


def once(messages, key):
    return [message["data"] for message in {key(message): message for message in messages}.values()]


def test_a_right_answer_turns_green(ably):
    verdict = check(ably, good)
    assert verdict.right
    assert str(verdict).startswith("✓ Right")


def test_the_live_frames_first_and_the_history_before_them_is_right_as_well(ably):
    def rebuild(url, get, live):
        late = heard(live)
        known = {message["id"] for message in late}
        early = [message for message in history(url, get) if message["id"] not in known]
        return [message["data"] for message in early + late]

    assert check(ably, rebuild).right


def upside_down(url, get, live):
    return good(url, get, live)[::-1]


def pages_in_the_order_they_come(url, get, live):
    page, links = get(url)
    messages = page[::-1]
    while "next" in links:
        page, links = get(links["next"])
        messages += page[::-1]
    return once(messages + heard(live), lambda message: message["id"])


def sorted_by_time(url, get, live):
    both = {message["id"]: message for message in history(url, get)[::-1] + heard(live)[::-1]}
    return [message["data"] for message in sorted(both.values(), key=lambda message: message["timestamp"])]


def first_page_alone(url, get, live):
    return once(get(url)[0][::-1] + heard(live), lambda message: message["id"])


def history_alone(url, get, live):
    return [message["data"] for message in history(url, get)]


def live_alone(url, get, live):
    return [message["data"] for message in heard(live)]


def overlap_twice(url, get, live):
    return [message["data"] for message in history(url, get) + heard(live)]


def once_by_text(url, get, live):
    return once(history(url, get) + heard(live), lambda message: message["data"])


def once_by_time(url, get, live):
    return once(history(url, get) + heard(live), lambda message: message["timestamp"])


def one_of_each_frame(url, get, live):
    messages = history(url, get) + [message for message in heard(live) if message["id"].endswith(":0")]
    return once(messages, lambda message: message["id"])


def by_hand(url, get, live):
    get(url)
    return get(f"{url}&cursor=2")


def by_hand_in_spite_of_all(url, get, live):
    try:
        get(f"{url}&page=2")
    except Exception:
        return good(url, get, live)


def current_for_ever(url, get, live):
    while True:
        url = get(url)[1]["current"]


def until_none(url, get, live):
    while True:
        url = get(url)[1].get("next")


async def waits(url, get, live):
    return good(url, get, live)


def spins(url, get, live):
    while True:
        pass


@pytest.mark.parametrize(
    ("rebuild", "says"),
    [
        (None, "Give the function itself: rebuild, without parentheses."),
        (["hello"], "without parentheses"),
        (dict, "failed: TypeError"),
        (waits, "Use a plain def"),
        (spins, "With chat 1, your function had not returned after 2 s"),
        (print, "Printing it is not enough"),
        (lambda url, get, live: None, "should return a list. Printing it"),
        (lambda url, get, live: "hello", "should return a list, not str"),
        (lambda url, get, live: (yield), "should return a list, not generator"),
        (lambda url, get, live: live[99], "With chat 1, your function failed: IndexError"),
        (lambda url, get, live: get(url)[0], "the data of each message. It holds {'action'"),
        (lambda url, get, live: [], "your list has 0. Your function read 0 of"),
        (first_page_alone, 'Your function read 1 of 5 pages. As long as a page has links["next"]'),
        (live_alone, "Your function read 0 of 5 pages"),
        (history_alone, "What was said after the history was read is in the live frames alone"),
        (overlap_twice, "Too often: "),
        (overlap_twice, "Two that are the same message have the same id"),
        (once_by_text, "Two people may say the same, or at the same time."),
        (once_by_time, "Two people may say the same, or at the same time."),
        (one_of_each_frame, "one frame can hold several"),
        (upside_down, "The chat is upside down"),
        (pages_in_the_order_they_come, "all is there, but not in order: at index 0"),
        (sorted_by_time, "Don't sort by timestamp"),
        (by_hand, "which no page led to"),
        (by_hand_in_spite_of_all, "which no page led to"),
        (current_for_ever, "the same page again and again"),
        (until_none, "asked get for None"),
    ],
)
def test_each_usual_mistake_is_named(ably, rebuild, says):
    verdict = check(ably, rebuild)
    assert not verdict.right
    assert says in verdict.text


@pytest.fixture
def chats(ably):
    return [rehearse(ably, seed) for seed in SEEDS]


def test_history_and_live_frames_overlap_in_every_chat_and_neither_has_everything(chats):
    for chat in chats:
        read = [message for messages, _ in chat.pages.values() for message in messages]
        late = heard(chat.live)
        both = {message["id"] for message in read} & {message["id"] for message in late}
        assert 0 < len(both) < min(len(read), len(late))
        assert len(chat.pages) > 1
        assert len(set(chat.said)) < len(chat.said), "something is said twice"
        assert any(len(frame["messages"]) > 1 for frame in chat.live)


def test_a_seed_makes_the_same_chat_each_time(ably, chats):
    again = rehearse(ably, SEEDS[0])
    assert again.said == chats[0].said
    assert again.url != chats[0].url


def test_no_secret_is_in_what_the_function_gets(ably, chats):
    assert ably.key.secret not in str(chats)
    assert not re.search(r"key=", str(chats))
