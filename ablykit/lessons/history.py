"""The exercise of notebook 09: rebuild a chat from the pages of its history and from what arrived live.

The check has real chats on the reader's own Ably, made with a seed: some of each is published before a client
attaches, some after it, and some after the history was read. So the history and the live frames overlap, and
neither has everything.
"""

import random
import re
import reprlib
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from ablykit.lessons.calling import call
from ablykit.lessons.exercise import Exercise, Wrong
from ablykit.protocol import Action
from ablykit.wire import Connection, connect, fetch

Page = tuple[list[dict[str, Any]], dict[str, str]]
"""The messages of a page, and where its links lead, by name."""

WORDS = ("yes", "no", "hello", "who is there?", "me", "me too", "really?", "really", "wait", "ok", "bye", "…")
"""What people say in the chats. Several say the same."""

SEEDS = range(1, 4)
"""The seeds of the chats that each answer is tried with."""

REPEATS = 3
"""How often a function may ask for the same page before the check takes that for a circle."""


@dataclass(frozen=True)
class Chat:
    """A chat: the URL of its history, all pages by URL, what arrived live, and what was said, in order."""

    story: str
    url: str
    pages: dict[str, Page]
    live: list[Any]
    said: list[str]


def rehearse(ably: Any, seed: int) -> Chat:
    """Publish a chat on a new channel of this Ably. Return it as a client that attaches halfway sees it."""
    rng = random.Random(seed)
    channel = f"exercise-{secrets.token_hex(6)}"
    url = f"{ably.tls_url}?key={ably.key}&heartbeats=false"
    with connect(url, clientId="writer") as writer, connect(url) as reader:
        publisher = _Writer(writer, channel, rng)
        publisher.publish(rng.randint(5, 9))
        reader.send({"action": int(Action.ATTACH), "channel": channel, "params": {"rewind": "1"}})
        reader.recv("ATTACHED")
        publisher.publish(rng.randint(2, 4))
        start = (
            f"{ably.tls_url.replace('wss:', 'https:')}/channels/{channel}/messages?limit={rng.randint(2, 4)}"
        )
        pages = dict(_pages(ably, start))
        publisher.publish(rng.randint(1, 3))
        live = [reader.recv("MESSAGE")]
        while live[-1]["id"] != publisher.last_id:
            live.append(reader.recv("MESSAGE"))
    return Chat(f"chat {seed}", start, pages, live, publisher.said)


class _Writer:
    """A client that says words from the list, several in some frames."""

    def __init__(self, conn: Connection, channel: str, rng: random.Random) -> None:
        self._conn, self._channel, self._rng = conn, channel, rng
        self._connection_id = conn.recv("CONNECTED")["connectionId"]
        self._serial = 0
        self.said: list[str] = []

    @property
    def last_id(self) -> str:
        """The id of the frame that was published last."""
        return f"{self._connection_id}:{self._serial - 1}"

    def publish(self, frames: int) -> None:
        """Publish some frames, and wait until the service has accepted them."""
        for _ in range(frames):
            words = self._rng.choices(WORDS, k=self._rng.choice((1, 1, 2, 3)))
            frame = {"action": int(Action.MESSAGE), "channel": self._channel, "msgSerial": self._serial}
            self._conn.send({**frame, "messages": [{"data": word} for word in words]})
            self._conn.recv("ACK", msgSerial=self._serial)
            self._serial += 1
            self.said += words


def _pages(ably: Any, url: str) -> Iterator[tuple[str, Page]]:
    """Read a channel's history. Yield each page with its URL."""
    next: str | None = url
    while next:
        answer = fetch(f"{next}&key={ably.key}")
        found = re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers["Link"])
        links = {name: urljoin(next, link) for link, name in found}
        yield next, (answer.body, links)
        next = links.get("next")


class _Astray(Exception):
    """The function asked for a page that it should not ask for. The text says why."""


class _Reading:
    """The `get` that the learner's function gets: it knows the pages, and remembers which were asked for."""

    def __init__(self, pages: dict[str, Page]) -> None:
        self._pages = pages
        self.asked: Counter[str] = Counter()
        self.astray: str | None = None

    def get(self, url: Any) -> Page:
        """Return a page and its links. Raises `_Astray`."""
        if not isinstance(url, str):
            raise self._stop(f"Your function asked get for {url!r}. The last page has no next: stop there.")
        if url not in self._pages:
            raise self._stop(
                f"Your function asked for {reprlib.repr(url)}, which no page led to. Don't build the URL of "
                'a page by hand: take it from links["next"] as it is.'
            )
        self.asked[url] += 1
        if self.asked[url] >= REPEATS:
            raise self._stop(
                'Your function asked for the same page again and again. Take links["next"] of the page that '
                "you have just read."
            )
        messages, links = self._pages[url]
        return [dict(message) for message in messages], dict(links)

    def _stop(self, why: str) -> _Astray:
        self.astray = self.astray or why
        return _Astray(why)


def _rebuild(rebuild: Any, ably: Any) -> str | None:
    if not callable(rebuild):
        return "Give the function itself: rebuild, without parentheses."
    for seed in SEEDS:
        chat = rehearse(ably, seed)
        reading = _Reading(chat.pages)

        def get(url: Any, reading: _Reading = reading) -> Page:  # a method would be copied with its reading
            return reading.get(url)

        try:
            found = call(rebuild, "rebuild", chat.story, chat.url, get, chat.live, returns=list)
        except Wrong:
            if reading.astray:
                return reading.astray
            raise
        if wrong := reading.astray or _difference(chat, found, len(reading.asked)):
            return wrong
    return None


def _difference(chat: Chat, found: list[Any], read: int) -> str | None:
    """Say what is missing, double or in the wrong place; None if the chat is as it was said."""
    if not all(isinstance(text, str) for text in found):
        odd = next(text for text in found if not isinstance(text, str))
        return f"Your list should hold what was said, the data of each message. It holds {reprlib.repr(odd)}."
    if found == chat.said:
        return None
    if read < len(chat.pages):
        return f"{_summary(chat, found)} Your function read {read} of {len(chat.pages)} pages. {_FOLLOW}"
    missing, extra = Counter(chat.said) - Counter(found), Counter(found) - Counter(chat.said)
    if missing:
        return f"{_summary(chat, found)} Missing: {_listed(missing)}. {_why_missing(chat, found)}"
    if extra:
        return f"{_summary(chat, found)} Too often: {_listed(extra)}. {_TWICE}"
    if found == chat.said[::-1]:
        return f"The chat is upside down: in {chat.story}, the first was {chat.said[0]!r}. {_NEWEST}"
    at = next(n for n, (a, b) in enumerate(zip(found, chat.said, strict=True)) if a != b)
    return (
        f"In {chat.story}, all is there, but not in order: at index {at}, you have {found[at]!r}, where "
        f"{chat.said[at]!r} was said. {_NEWEST} {_SORTED}"
    )


_FOLLOW = 'As long as a page has links["next"], there is another page.'
_TWICE = (
    "What was said after the reader attached can be in the history and in the live frames. Two that are the "
    'same message have the same id: message["id"] in the history, and the frame\'s id, a colon and the '
    "message's index in a live frame."
)
_SAME = "Two people may say the same, or at the same time. Only the id says whether two are the same message."
_LIVE = (
    "What was said after the history was read is in the live frames alone, and one frame can hold several."
)
_NEWEST = "In the history, the newest comes first, on each page and from page to page."
_SORTED = "Don't sort by timestamp: several messages can have the same."


def _summary(chat: Chat, found: list[str]) -> str:
    return f"In {chat.story}, {len(chat.said)} messages were said, and your list has {len(found)}."


def _why_missing(chat: Chat, found: list[str]) -> str:
    if found == chat.said[: sum(len(messages) for messages, _ in chat.pages.values())]:
        return _LIVE
    return _SAME if len(set(found)) == len(found) else f"{_SAME} {_LIVE}"


def _listed(texts: Counter[str]) -> str:
    return ", ".join([repr(text) for text in texts][:3])


EXERCISES = {
    "rebuild": Exercise(
        "rebuild",
        _rebuild,
        "Right: every message once, in order, from the history and from the live frames.",
        (
            'Read pages as long as "next" is in links. Each page goes before those that you have read '
            "already, and each page has its newest message first.",
            "Make a dict from id to data, first from the history and then from the live frames. A dict keeps "
            "the order in which keys were first put in, and has each key once.",
            """\
def rebuild(url, get, live):
    page, links = get(url)
    messages = page[::-1]
    while "next" in links:
        page, links = get(links["next"])
        messages = page[::-1] + messages
    chat = {message["id"]: message["data"] for message in messages}
    for frame in live:
        for index, message in enumerate(frame["messages"]):
            chat[f"{frame['id']}:{index}"] = message["data"]
    return list(chat.values())""",
        ),
    )
}
"""The exercise of notebook 09 by its name."""
