"""Presence frames for the exercises of notebook 08: stories, and streams that are made with a seed.

A story is a short list of frames that catches one usual mistake. A stream is what one client sees of a busy
channel, delivered out of order. Both come with the members that are right.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from ablykit.protocol import Action, PresenceAction

Item = dict[str, Any]
Frame = dict[str, Any]
Key = tuple[str, str]
"""A member: its connectionId and its clientId (TP3h)."""

PRESENT, ENTER, LEAVE, UPDATE = (
    PresenceAction.PRESENT,
    PresenceAction.ENTER,
    PresenceAction.LEAVE,
    PresenceAction.UPDATE,
)

BEGAN = 1626880805000
"""The time of the first item, in ms since 1970."""


def item(action: int, id: str, client: str, data: str | None, at: int, connection: str | None = None) -> Item:
    """Return a presence item. The `connection` is the one in its id, unless the service made the item up."""
    connection = connection or id.partition(":")[0]
    member = {"action": int(action), "id": id, "clientId": client, "connectionId": connection}
    return {**member, "data": data, "timestamp": BEGAN + at}


def presence(*items: Item) -> Frame:
    """Return the PRESENCE frame with these items."""
    first = items[0]
    return {
        "action": int(Action.PRESENCE),
        "id": first["id"].rpartition(":")[0],
        "channel": "room",
        "connectionId": first["connectionId"],
        "timestamp": first["timestamp"],
        "presence": list(items),
    }


def sync(serial: str, *items: Item) -> Frame:
    """Return a page of a SYNC, whose items are all PRESENT."""
    listed = [{**each, "action": int(PRESENT)} for each in items]
    return {"action": int(Action.SYNC), "channel": "room", "channelSerial": serial, "presence": listed}


def named(item: Item) -> str:
    """Return an item's id and timestamp, as sentences name them."""
    return f"{item['id']} at {item['timestamp']}"


@dataclass(frozen=True)
class Story:
    """Frames in the order in which they arrive, and who is present after them.

    `why` says for a member what its place in the result follows from.
    """

    story: str
    frames: list[Frame]
    right: dict[Key, str | None]
    why: dict[Key, str] = field(default_factory=dict[Key, str])


ADA, BOB, EVE = ("conn1", "ada"), ("conn2", "bob"), ("conn3", "eve")
PHONE = ("conn4", "ada")


def _of(key: Key, action: int, serial: int, data: str, at: int) -> Item:
    return item(action, f"{key[0]}:{serial}:0", key[1], data, at)


def _made_up(key: Key, data: str, at: int) -> Item:
    return item(LEAVE, "made7:0:0", key[1], data, at, connection=key[0])


def stories() -> list[Story]:
    """Return the stories, from the plainest to the one that few people think of."""
    ada, update = _of(ADA, ENTER, 0, "reading", 10), _of(ADA, UPDATE, 1, "asking", 30)
    left, back = _of(ADA, LEAVE, 1, "reading", 30), _of(ADA, ENTER, 2, "writing", 50)
    bob, phone = _of(BOB, ENTER, 0, "listening", 20), _of(PHONE, ENTER, 0, "on a bus", 20)
    back_on_phone, eve = _of(PHONE, ENTER, 2, "walking", 70), _of(EVE, ENTER, 0, "curious", 60)
    by_order = "The ids say which of a member's items is newer. The order in which they arrive does not."
    by_sync = "A SYNC lists everyone. Whoever it has not listed by its last page has left."
    return [
        Story(
            "two members who enter",
            [presence(ada), presence(bob)],
            {ADA: "reading", BOB: "listening"},
        ),
        Story(
            "a member who enters, updates and leaves",
            [presence(ada), presence(update), presence(_of(ADA, LEAVE, 2, "asking", 50))],
            {},
            {ADA: "Action 3 is LEAVE."},
        ),
        Story(
            "one clientId on two connections",
            [presence(ada), presence(phone), presence(left)],
            {PHONE: "on a bus"},
            {PHONE: "Only the member on conn1 has left. The key is connectionId and clientId together."},
        ),
        Story(
            "an update that arrives before an older item",
            [presence(update), presence(ada)],
            {ADA: "asking"},
            {ADA: by_order},
        ),
        Story(
            "a leave that is older than the enter before it",
            [presence(ada), presence(back), presence(left)],
            {ADA: "writing"},
            {ADA: f"{by_order} Here, the leave has msgSerial 1, and the enter 2."},
        ),
        Story(
            "a leave that the service made up for a lost connection",
            [presence(ada), presence(update), presence(_made_up(ADA, "asking", 40))],
            {},
            {ADA: "Its id does not begin with conn1, so the timestamps decide."},
        ),
        Story(
            "a SYNC that no longer lists a member",
            [presence(ada), presence(bob), sync("s1:", bob)],
            {BOB: "listening"},
            {ADA: by_sync},
        ),
        Story(
            "a SYNC in two pages",
            [presence(ada), presence(bob), sync("s1:100", bob), sync("s1:", ada)],
            {ADA: "reading", BOB: "listening"},
            dict.fromkeys((ADA, BOB), "The SYNC ends with the page whose channelSerial ends with the colon."),
        ),
        Story(
            "members who enter while a SYNC is under way",
            [presence(phone), sync("s1:100", ada), presence(eve), presence(back_on_phone), sync("s1:", bob)],
            {ADA: "reading", BOB: "listening", EVE: "curious", PHONE: "walking"},
            dict.fromkeys(
                (EVE, PHONE), "A PRESENCE that arrives during the SYNC names a member as well as a page does."
            ),
        ),
        Story(
            "a page of a SYNC that is older than an update",
            [presence(ada), sync("s1:100", bob), presence(update), sync("s1:", ada)],
            {ADA: "asking", BOB: "listening"},
            {ADA: "An item of a SYNC counts only if it is newer, as any other item."},
        ),
        Story(
            "a page of a SYNC that lists a member who has left",
            [sync("s1:100", bob), presence(left), sync("s1:", ada)],
            {BOB: "listening"},
            {ADA: "Remember the leave: the item of the SYNC is older."},
        ),
        Story(
            "two SYNCs, one after the other",
            [sync("s1:", ada, bob), sync("s2:", bob, eve)],
            {BOB: "listening", EVE: "curious"},
            {ADA: f"The second SYNC does not list this member. {by_sync}"},
        ),
    ]


def stream(seed: int) -> Story:
    """Return the frames of a busy channel, as a client sees them that was cut off once in between.

    It sees what happens at first, misses some, and gets a SYNC after that, in pages and with news in between.
    Frames overtake each other only as a client that follows the specification can put right (RTP2): without a
    SYNC under way, a member's leave does not overtake its older items.
    """
    rng = random.Random(seed)
    channel = _Channel(rng)
    before = _delivered(rng, [channel.change() for _ in range(rng.randint(4, 9))])
    for _ in range(rng.randint(1, 6)):  # what the client misses
        channel.change()
    members = channel.members()
    rng.shuffle(members)
    cuts = sorted(rng.randint(0, len(members)) for _ in range(2))
    pages = [members[: cuts[0]], members[cuts[0] : cuts[1]], members[cuts[1] :]]
    first, middle, last = (
        sync(f"s{seed}:{cursor}", *page) for cursor, page in zip(("1", "2", ""), pages, strict=True)
    )
    during = [*(channel.change() for _ in range(rng.randint(1, 5))), middle]
    rng.shuffle(during)
    after = _delivered(rng, [channel.change() for _ in range(rng.randint(2, 9))])
    right = {(each["connectionId"], each["clientId"]): each["data"] for each in channel.members()}
    frames = [*before, first, *during, last, *after]
    return Story(f"the stream with seed {seed}", frames, right, channel.why())


class _Channel:
    """A channel and its members, whose changes are made up at random."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._latest: dict[Key, Item] = {}
        self._serials: dict[str, int] = {}
        self._lost: set[str] = set()
        """The connections that are gone for good."""
        self._now = 0

    def change(self) -> Frame:
        """Let somebody enter, update, leave or get lost, and return the frame that says so."""
        rng = self._rng
        self._now += rng.randint(1, 20)
        connection = rng.choice([f"conn{n}" for n in range(1, 7) if f"conn{n}" not in self._lost])
        key = connection, "ada" if connection < "conn4" else rng.choice(("bob", "eve"))
        known = self._latest.get(key)
        if known is None or known["action"] == LEAVE:
            return self._frame(key, ENTER)
        if rng.random() < 0.15 and len(self._lost) < 2:
            self._lost.add(connection)
            gone = [each for each in self._latest if each[0] == connection]
            made = [
                item(LEAVE, f"made{self._now}:0:{n}", each[1], None, self._now, connection)
                for n, each in enumerate(gone)
                if self._latest[each]["action"] != LEAVE
            ]
            self._latest.update({(connection, each["clientId"]): each for each in made})
            return presence(*made)
        return self._frame(key, rng.choice((UPDATE, UPDATE, LEAVE)))

    def members(self) -> list[Item]:
        """Return the newest items of all who are present."""
        return [each for each in self._latest.values() if each["action"] != LEAVE]

    def why(self) -> dict[Key, str]:
        """Say for each member what happened to it last."""
        return {
            key: f"What happened last is {PresenceAction(last['action']).name}, {named(last)}."
            for key, last in self._latest.items()
        }

    def _frame(self, key: Key, action: int) -> Frame:
        serial = self._serials[key[0]] = self._serials.get(key[0], 6) + 1  # soon there are two digits
        self._latest[key] = made = _of(key, action, serial, f"{key[1]} {self._now}", self._now)
        return presence(made)


def _delivered(rng: random.Random, frames: list[Frame]) -> list[Frame]:
    """Return frames in the order in which they arrive: some are late, and leaves come after what they end."""
    arrivals: list[float] = []
    latest: dict[Key, float] = {}
    for number, frame in enumerate(frames):
        keys = [(each["connectionId"], each["clientId"]) for each in frame["presence"]]
        arrival = number + rng.uniform(0, 4)
        if frame["presence"][0]["action"] == LEAVE:
            arrival = max([arrival, *(latest.get(key, 0.0) + 0.01 for key in keys)])
        for key in keys:
            latest[key] = max(arrival, latest.get(key, 0.0))
        arrivals.append(arrival)
    return [frames[number] for number in sorted(range(len(frames)), key=arrivals.__getitem__)]
