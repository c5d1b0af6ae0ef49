"""The exercises of notebook 08: right answers turn green, and each usual mistake is named."""

import pytest

from ablykit import lessons
from ablykit.lessons import EXERCISES

SOLVED = {}
for each in ("newer", "members"):
    exec(EXERCISES[each].hints[-1], SOLVED)

good_newer, good_members = SOLVED["newer"], SOLVED["members"]


def parts(item):
    return [int(part) for part in item["id"].split(":")[1:]]


def own(item):
    return item["id"].startswith(item["connectionId"] + ":")


def key(item):
    return item["connectionId"], item["clientId"]


def data(known):
    return {key: item["data"] for key, item in known.items() if item["action"] != 3}


def a_map(*, newer=good_newer, key_of=key, keep_leaves=True, mark=True, syncs=True, last=":"):
    """A member map with one mistake."""

    def members(frames):
        known, unseen, syncing = {}, set(), False
        for frame in frames:
            if frame["action"] == 16 and not syncing:
                unseen, syncing = set(known), syncs
            for item in frame["presence"]:
                if frame["action"] == 16 or mark:
                    unseen.discard(key_of(item))
                if key_of(item) not in known or newer(item, known[key_of(item)]):
                    known[key_of(item)] = item
                    if item["action"] == 3 and not keep_leaves:
                        del known[key_of(item)]
            if frame["action"] == 16 and syncing and frame["channelSerial"].endswith(last):
                known = {key: item for key, item in known.items() if key not in unseen}
                syncing = False
        return data(known)

    return members


@pytest.mark.parametrize("name", ["newer", "members"])
def test_a_right_answer_turns_green(name):
    verdict = lessons.check(name, SOLVED[name])
    assert verdict.right
    assert str(verdict).startswith("✓ Right")


def test_forgetting_leaves_once_the_sync_is_over_is_right_as_well():
    """The specification asks for no more (RTP2h)."""

    def members(frames):
        known, unseen, syncing = {}, set(), False
        for frame in frames:
            if frame["action"] == 16 and not syncing:
                unseen, syncing = set(known), True
            for item in frame["presence"]:
                unseen.discard(key(item))
                if key(item) not in known or good_newer(item, known[key(item)]):
                    known[key(item)] = item
                    if item["action"] == 3 and not syncing:
                        del known[key(item)]
            if frame["action"] == 16 and frame["channelSerial"].endswith(":"):
                present = {key: item for key, item in known.items() if key not in unseen}
                known = {key: item for key, item in present.items() if item["action"] != 3}
                syncing = False
        return data(known)

    assert lessons.check("members", members).right


@pytest.mark.parametrize(
    ("newer", "says"),
    [
        (None, "without parentheses"),
        (dict, "failed: TypeError"),
        (lambda item, known: ..., "should return True or False, not ellipsis"),
        (lambda item, known: None, "Printing it is not enough"),
        (lambda item, known: 1, "not int"),
        (lambda item, known: True, "two updates, the other way round"),
        (lambda item, known: False, "With two updates (item conn1:2:0 at"),
        (lambda item, known: item["id"] > known["id"], "Compare numbers"),
        (lambda item, known: parts(item)[0] > parts(known)[0], "With two items of one frame"),
        (lambda item, known: parts(item)[::-1] > parts(known)[::-1], "With a higher index"),
        (lambda item, known: item["timestamp"] > known["timestamp"], "With two items of one frame"),
        (
            lambda item, known: (item["timestamp"], parts(item)) > (known["timestamp"], parts(known)),
            "timestamps don't matter",
        ),
        (lambda item, known: parts(item) >= parts(known), "not newer than itself"),
        (lambda item, known: parts(item) > parts(known), "the service made that item up"),
        (lambda item, known: not own(item) or parts(item) > parts(known), "the other way round"),
        (
            lambda item, known: (
                parts(item) > parts(known)
                if own(item) and own(known)
                else item["timestamp"] > known["timestamp"]
            ),
            "If they are equal",
        ),
    ],
)
def test_each_usual_mistake_about_what_is_newer_is_named(newer, says):
    verdict = lessons.check("newer", newer)
    assert not verdict.right
    assert says in verdict.text


async def waits(frames):
    return good_members(frames)


def spins(frames):
    while True:
        pass


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (None, "Give the function itself: members, without parentheses"),
        (good_members([]), "without parentheses"),
        (list, "should return a dict, not list"),
        (waits, "Use a plain def"),
        (spins, "had not returned after 2 s"),
        (lambda frames: None, "Printing it is not enough"),
        (
            lambda frames: frames[9]["presence"],
            "With two members who enter, your function failed: IndexError",
        ),
        (
            lambda frames: {},
            "With two members who enter: ada on conn1 is present, but missing from your dict.",
        ),
        (lambda frames: {"ada": "reading"}, "Your dict has the key 'ada'."),
        (lambda frames: {("conn1", 7): "reading"}, "Your dict has the key ('conn1', 7)."),
        (lambda frames: {("ada", "conn1"): "reading"}, "the connectionId comes first"),
        (lambda frames: {key(each): each for f in frames for each in f["presence"]}, "not the whole item"),
        (lambda frames: {key(each): each["data"] for f in frames for each in f["presence"]}, "Action 3"),
        (
            a_map(newer=lambda item, known: True),
            "With an update that arrives before an older item: ada on conn1",
        ),
        (a_map(key_of=lambda item: item["clientId"]), "one clientId can be present on several connections"),
        (
            a_map(key_of=lambda item: (item["clientId"], item["clientId"])),
            "ada on ada is not present",
        ),
        (
            a_map(newer=lambda item, known: item["action"] == 3 or good_newer(item, known)),
            "With a leave that is older than the enter before it: ada on conn1 is present, but missing",
        ),
        (
            a_map(newer=lambda item, known: parts(item) > parts(known)),
            "Its id does not begin with conn1",
        ),
        (
            a_map(syncs=False),
            "With a SYNC that no longer lists a member: ada on conn1 is not present, but in",
        ),
        (a_map(last=""), "With a SYNC in two pages: bob on conn2 is present, but missing"),
        (a_map(mark=False), "With members who enter while a SYNC is under way: ada on conn4"),
        (a_map(keep_leaves=False), "Remember the leave: the item of the SYNC is older."),
        (
            a_map(newer=lambda item, known: item["action"] == 1 or good_newer(item, known)),
            "With a page of a SYNC that is older than an update: ada on conn1 has the data 'asking', but 'reading'",
        ),
    ],
)
def test_each_usual_mistake_about_who_is_present_is_named(members, says):
    verdict = lessons.check("members", members)
    assert not verdict.right
    assert says in verdict.text


def test_who_is_named_by_no_page_but_by_a_presence_is_there():
    def members(frames):
        known, listed = {}, set()
        for frame in frames:
            for item in frame["presence"]:
                if frame["action"] == 16:
                    listed.add(key(item))
                if key(item) not in known or good_newer(item, known[key(item)]):
                    known[key(item)] = item
            if frame["action"] == 16 and frame["channelSerial"].endswith(":"):
                known = {key: item for key, item in known.items() if key in listed}
                listed = set()
        return data(known)

    verdict = lessons.check("members", members)
    assert "while a SYNC is under way: eve on conn3 is present, but missing" in verdict.text


def test_what_no_story_shows_the_streams_find():
    """Ids compared as text are right until a msgSerial has two digits."""

    def newer(item, known):
        own_ids = own(item) and own(known)
        return item["id"] > known["id"] if own_ids else item["timestamp"] >= known["timestamp"]

    verdict = lessons.check("members", a_map(newer=newer))
    assert "With the stream with seed" in verdict.text
    assert "What happened last is" in verdict.text
