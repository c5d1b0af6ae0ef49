"""`explain` knows frames, numbers and names, and lets no content become markup."""

import json
import re

import pytest

from ablykit.protocol import Action, Flag, NotAFrame, explain, typed
from ablykit.protocol.explanation import flag_bits, summary, visible

ATTACHED = {"action": 11, "flags": 983040, "channel": "my_channel", "new": [1]}
HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e"


def names(explanation):
    return [row.name for row in explanation.rows]


def test_a_frame_is_explained_member_by_member():
    found = explain(ATTACHED)
    assert found.title == "ATTACHED (action 11)"
    assert names(found)[:3] == ["action", "flags", "PRESENCE"]
    assert "carried along" in found.rows[-1].meaning.sentence


@pytest.mark.parametrize(
    "what", [json.dumps(ATTACHED), json.dumps(ATTACHED).encode(), typed(ATTACHED), ATTACHED]
)
def test_a_frame_may_come_in_any_form(what):
    assert set(names(explain(what))) == set(names(explain(ATTACHED)))


def test_what_is_inside_is_explained_too():
    found = explain(
        {
            "action": 2,
            "error": {"code": 40160},
            "messages": [{"action": 1, "data": 5}],
            "timestamp": 0,
        }
    )
    assert "capability_denied" in names(found)
    assert "messages[0]" in names(found)
    text = str(found)
    assert "1 = UPDATE" in text
    assert "1970-01-01 00:00:00.000 UTC" in text


@pytest.mark.parametrize(
    ("what", "title"),
    [
        (9, "ERROR (action 9)"),
        ("9", "ERROR (action 9)"),
        ("ERROR", "ERROR (action 9)"),
        ("attached", "ATTACHED (action 11)"),
        (Action.ACK, "ACK (action 1)"),
        (983040, "flags 983040"),
        (Flag.RESUMED, "flags 4"),
        ("presence_subscribe", "flags 524288"),
        (40160, "Error 40160: Capability denied"),
        ("capability_denied", "Error 40160: Capability denied"),
        ("msgSerial", "msgSerial"),
        ("msgserial", "msgSerial"),
    ],
)
def test_numbers_and_names_are_explained(what, title):
    assert explain(what).title == title


def test_a_number_that_is_action_and_flag_says_both():
    assert "TRANSIENT" in str(explain(16))
    assert "65536" in str(explain("PRESENCE"))


@pytest.mark.parametrize("what", ["nonsense", "99999", "0x10", ""])
def test_what_means_nothing_is_said_to_mean_nothing(what):
    with pytest.raises(KeyError):
        explain(what)


@pytest.mark.parametrize("what", ["{", "[1]", '{"action":'])
def test_what_is_no_frame_is_said_to_be_none(what):
    with pytest.raises(NotAFrame):
        explain(what)


def test_a_frame_without_a_proper_action_is_still_shown():
    assert explain({"x": 1}).title == "No action"
    assert explain({"action": "ten"}).title == "No action"
    assert "ignores it" in explain({"action": 99}).sentence


def test_hostile_content_stays_text():
    found = explain({"action": 15, "channel": HOSTILE, HOSTILE: HOSTILE})
    html = found._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html
    for control in ("\x1b", "\u202e"):
        assert control not in html + str(found)


def test_secrets_are_stars_and_long_values_are_cut():
    assert "hidden1" not in str(
        explain({"action": 17, "auth": {"accessToken": "hidden1"}, "data": '"accessToken":"hidden1"'})
    )
    assert "200000 characters" in str(explain({"action": 15, "data": "x" * 200_000}))


def test_flags_name_each_bit_known_or_not():
    assert [(name, bit) for name, bit, _ in flag_bits(0b1000_0101)] == [
        ("HAS_PRESENCE", 0),
        ("RESUMED", 2),
        ("HAS_OBJECTS", 7),
    ]
    assert flag_bits(8)[0][0] == "bit 3"
    assert flag_bits(-1) == []


def test_a_summary_fits_a_row():
    assert (
        summary({"action": 15, "msgSerial": 0, "messages": [{"name": "n", "data": "d"}]})
        == "msgSerial 0; n: d"
    )
    assert summary({"action": 15, "messages": [{"hello": "world"}]}) == '{"hello": "world"}'
    assert summary({"action": 1, "msgSerial": 3, "count": 4}) == "msgSerial 3 and 3 more"
    assert summary({"action": 9, "error": {"code": 1, "message": "No. (See x)"}}) == "1 No."
    assert summary({"action": 14, "presence": [{"action": 2, "clientId": "me"}]}) == "ENTER me"
    assert len(summary({"action": 15, "messages": [{"data": "x" * 500}]})) < 100
    assert summary({"action": "odd", "error": 5, "messages": 7, "flags": "x"}) == ""


def test_control_characters_are_made_visible():
    assert visible("a\x1bb\u202ec\n") == "a\\u001bb\\u202ec\\u000a"


def test_members_stay_nested_on_a_page_that_drops_all_styles():
    html = explain({"action": 9, "error": {"code": 40160, "cause": {"code": 40000}}}).html()
    names = re.findall(r'<th scope="row" style="text-align:left">([^<]*)</th>', html)
    assert [(name.count("\u00a0") // 4, name.strip()) for name in names] == [
        (0, "action"),
        (0, "error"),
        (1, "code"),
        (2, "capability_denied"),
        (1, "cause"),
        (2, "code"),
        (3, "bad_request"),
    ]


def test_a_summary_names_flags_the_connection_and_the_id_of_a_ping():
    assert summary({"action": 11, "flags": 5}) == "HAS_PRESENCE, RESUMED"
    assert summary({"action": 4, "connectionId": "abc"}) == "connection abc"
    assert summary({"action": 0, "id": "x"}) == "id x"
    assert summary({"action": 14, "presence": [{"action": 9}]}) == "action 9 "
    assert summary({"action": 15, "messages": [{"data": b"\x00"}]}) == "1 byte: 00"


def test_the_parts_of_a_value_stand_below_it_and_a_messages_weight_below_the_message():
    found = explain(
        {"action": 11, "channelSerial": "108R0:abc", "flags": 1, "messages": [{"data": "xyz"}]},
        max_message_size=100,
    )
    rows = {row.name: row for row in found.rows}
    assert rows["HAS_PRESENCE"].meaning.unit == "bit 0"
    assert rows["HAS_PRESENCE"].depth == 1
    assert "3 of 100 = 3.0%" in [row.value for row in found.rows]


def test_values_are_told_in_units_that_people_read():
    details = {"maxMessageSize": 65536, "maxIdleInterval": 15_000, "maxInboundRate": 50, "maxFrameSize": 100}
    text = str(explain({"action": 4, "connectionDetails": details}))
    assert "65536 = 64 KiB" in text
    assert "15000 = 15 s" in text
    assert explain({"action": 0, "timestamp": 10**30}).rows[-1].value == str(10**30)


def test_of_bytes_the_first_are_shown():
    frame = {"action": 15, "data": b"\x01" * 20}
    assert explain(frame).rows[-1].value == "20 bytes: " + "01 " * 15 + "01 …"


def test_what_json_can_not_say_is_still_shown():
    loop = []
    loop.append(loop)
    assert "[[...]]" in str(explain({"action": 0, "odd": loop}))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ATACHED", "ATTACHED"),
        ("presense", "PRESENCE"),
        ("chanelSerial", "channelSerial"),
        ("capability-denid", "capability_denied"),
    ],
)
def test_a_typo_is_asked_about(typed, meant):
    with pytest.raises(KeyError, match=rf"Did you mean .*{meant}.*\?"):
        explain(typed)


def test_what_is_like_nothing_is_not_asked_about():
    with pytest.raises(KeyError) as refused:
        explain("zzzzzz")
    assert "Did you mean" not in str(refused.value)
