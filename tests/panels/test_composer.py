"""A frame is written, checked and sent."""

import json

import pytest

from ablykit import wire
from ablykit.panels import Composer
from ablykit.panels.composer import KEPT, MISTAKES, TEMPLATES


@pytest.fixture
def conn(ably):
    with wire.connect(f"{ably.tls_url}?key={ably.key}&heartbeats=false") as conn:
        conn.recv("CONNECTED")
        yield conn


@pytest.fixture
def composer(conn):
    return Composer(conn)


@pytest.mark.parametrize("action", TEMPLATES)
def test_a_template_is_a_frame_of_its_action(composer, action):
    assert json.loads(composer.template(action.name))["action"] == action


def test_a_template_for_a_publish_is_right_at_every_moment(conn, composer):
    for serial in range(3):
        text = composer.template("MESSAGE")
        assert json.loads(text)["msgSerial"] == serial
        assert composer.check(text) == []
        assert composer.send_text(text) == ""
        conn.recv("ACK")


@pytest.mark.parametrize(
    ("name", "action", "code"),
    [
        ("no channel", 9, 40000),
        ("bad name", 9, 40010),
        ("no rights", 9, 40160),
        ("too large", 2, 40009),
        ("wrong type", 9, 40000),
    ],
)
def test_a_mistake_gets_the_answer_it_is_for(conn, composer, name, action, code):
    composer.send_text(composer.template(name))
    answer = conn.recv()
    assert (answer["action"], answer["error"]["code"]) == (action, code)


def test_a_wrong_serial_gets_no_answer_and_the_check_says_so(conn, composer):
    composer.send_text(composer.template("MESSAGE"))
    conn.recv("ACK")
    wrong = composer.template("wrong serial")
    assert "dropped without an answer" in composer.check(wrong)[0]
    composer.send_text(wrong)
    with pytest.raises(wire.WireTimeout):
        conn.recv(timeout=0.2)


def test_every_mistake_but_missing_rights_is_seen_before_it_is_sent(conn, composer):
    composer.send_text(composer.template("MESSAGE"))
    conn.recv("ACK")
    unseen = [name for name in MISTAKES if not composer.check(composer.template(name))]
    assert unseen == ["no rights"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "Not valid JSON"), ("[]", "not an array"), ('{"action":10}', "names the channel")],
)
def test_what_is_written_is_checked(composer, text, says):
    assert says in composer.check(text)[0]


def test_the_last_ten_are_kept_newest_first_each_once(composer):
    for number in [*range(12), 11, 5]:
        composer.send_text(f'{{"action": 0, "id": "{number}"}}')
    ids = [json.loads(said)["id"] for said in composer.history]
    assert ids == ["5", "11", "10", "9", "8", "7", "6", "4", "3", "2"]
    assert len(ids) == KEPT
    assert '"id":"5"' in str(composer)


def test_on_a_connection_that_ended_it_says_so(conn, composer):
    conn.send({"action": 7})
    conn.wait_closed()
    assert "Can't send" in composer.send_text('{"action":0}')
    assert composer.history == []


def test_a_page_asks_and_is_answered(composer, monkeypatch):
    sent = []
    monkeypatch.setattr(composer, "to_page", sent.append)
    for content in ({"want": "template", "text": "ATTACH"}, {"want": "check", "text": "{"}, {"want": "send", "text": "{}"},
                    {"want": "template", "text": "nonsense"}, {}):  # fmt: skip
        composer._on_page(composer, content, [])
    assert [sorted(message) for message in sent] == [["text"], ["checked", "problems"], ["problems", "sent"]]


def test_content_is_text_in_its_face(composer):
    composer.send_text('{"action":0,"id":"<img src=x>"}')
    assert "<img" not in composer.html()


def test_what_is_no_json_is_sent_as_it_is_written(conn, composer):
    assert composer.send_text("not {json") == ""
    assert "Not valid JSON" in conn.recv("ERROR")["error"]["message"]
    assert composer.history == ["not {json"]


def test_a_frame_can_be_put_into_it_from_elsewhere(composer):
    composer.write('{"action":0}')
    assert composer.draft == '{"action":0}'


def test_after_a_clear_nothing_is_known_of_what_was_sent_before(conn, composer):
    composer.send_text(composer.template("MESSAGE"))
    conn.recv("ACK")
    assert json.loads(composer.template("MESSAGE"))["msgSerial"] == 1
    conn.transcript.clear()
    composer.restart()
    assert json.loads(composer.template("MESSAGE"))["msgSerial"] == 0


def answered(composer):
    composer.refresh()
    return composer.answer


def test_what_was_sent_is_shown_its_answer(conn, composer):
    composer.send_text(composer.template("ATTACH"))
    conn.recv("ATTACHED")
    assert answered(composer)["words"].startswith("← ATTACHED")
    assert not composer.answer["fault"]
    assert conn.transcript[-1].number == composer.answer["number"]
    assert composer.answer["words"] in composer.html()
    composer.send_text(composer.template("too large"))
    conn.recv("NACK")
    assert answered(composer)["fault"]
    assert "40009" in composer.answer["words"]


def test_an_answer_to_somebody_else_is_not_shown(conn, composer):
    conn.send({"action": 10, "channel": "other"})
    conn.recv("ATTACHED")
    assert answered(composer) == {}
    composer.send_text(composer.template("MESSAGE"))
    conn.recv("ACK")
    assert "ACK" in answered(composer)["words"]
    conn.send({"action": 0, "id": "x"})
    conn.recv("HEARTBEAT")
    assert "ACK" in answered(composer)["words"], "it is still that of the last frame sent from here"


def test_while_nothing_has_come_nothing_is_shown(conn, composer):
    composer.send_text(composer.template("MESSAGE"))
    conn.recv("ACK")
    composer.refresh()
    composer.send_text(composer.template("wrong serial"))
    conn.send({"action": 0, "id": "after it"})
    conn.recv("HEARTBEAT")
    assert answered(composer) == {}, "a serial that does not rise gets no answer"
    assert "<p>" not in composer.html()
