"""The console in a notebook: keys, lines, and an end."""

import threading

import pytest

from ablykit.backend import RemoteAbly
from ablykit.panels import Console, FrameInspector
from ablykit.sdks.own import Own
from tests.panels.page import Page


@pytest.fixture
def console(ably):
    made = []

    def make(*arguments, **options):
        made.append(Console(*(arguments or (Own, ably)), **options))
        return made[-1]

    yield make
    for one in made:
        one.close_session()


def badges(one):
    one.refresh()
    return [line["badge"] for line in one.lines]


def test_a_page_presses_keys_and_sees_what_comes_of_them(console, monkeypatch):
    one = console(client_id="ada", channel="c")
    page = Page(one, monkeypatch)
    one.session.press("a").result(5)
    for key, text in (("m", "hello"), ("e", "")):
        page.asks(want="press", key=key, text=text)
    one.session.press("l").result(5)
    assert badges(one)[:5] == ["WebSocket open", "CONNECTED", "ATTACH", "ATTACHED", "MESSAGE"]
    assert one.state == "connected"
    assert [line["text"] for line in one.lines if line["badge"] == "MESSAGE"][1] == "hello"
    page.asks(want="nonsense")
    page.asks(want="press", key="z")
    assert badges(one)[-1] == "note"


def test_q_ends_it_and_leaves_nothing_running(ably, monkeypatch):
    before = set(threading.enumerate())
    one = Console(Own, ably)
    Page(one, monkeypatch).asks(want="press", key="q")
    closing = [thread for thread in threading.enumerate() if thread.name == "ablykit-closing"]
    for thread in closing:
        thread.join(5)
    assert one.state == "closed"
    assert set(threading.enumerate()) <= before
    assert badges(one)[-1] == "WebSocket close"


def test_a_cell_that_runs_again_takes_the_place_of_what_it_showed(console):
    first, other = console(client_id="ada"), console(client_id="bob")
    again = console(client_id="ada")
    assert (first.state, other.state, again.state) == ("closed", "connected", "connected")


def test_it_is_text_and_html_without_a_page_and_the_same_on_each_run(console, ably):
    one = console(client_id="<b>ada</b>", channel="c")
    assert str(one).splitlines()[:2] == [
        "<b>ada</b> on c: connected",
        "a attach  d detach  m message  e enter  l leave  q quit",
    ]
    assert "  ←  CONNECTED  connection" in str(one)
    assert "<b>ada" not in one.html()
    assert "&lt;b&gt;ada" in one.html()
    assert one.lines[0]["time"] not in one.html() + str(one)


def test_only_the_newest_lines_are_kept(console, monkeypatch):
    from ablykit.panels import console as module

    monkeypatch.setattr(module, "SHOWN", 3)
    one = console()
    one.session.press("a").result(5)
    assert badges(one) == ["CONNECTED", "ATTACH", "ATTACHED"]


def test_it_works_on_another_ably_and_is_linked_with_an_inspector(console, ably):
    one = console(Own, RemoteAbly(ably.key.reveal(), ably.tls_url))
    assert one.session.press("a").result(5)
    assert "ATTACHED" in str(FrameInspector(one.session))


def test_a_class_that_never_connects_is_shown_all_the_same(console, ably, monkeypatch):
    from ablykit.panels import console as module

    monkeypatch.setattr(module, "FIRST", 0.1)
    waiting = threading.Event()

    class Stuck:
        def __init__(self, url, key, client_id, on_message): ...

        def connect(self):
            waiting.wait(10)

        def close(self): ...

    one = console(Stuck, ably)
    assert one.state == "connecting"
    waiting.set()


@pytest.mark.parametrize("wrong", [None, 3, Own("ws://h", key="a.b:c", client_id="x", on_message=print)])
def test_what_is_no_class_is_refused(ably, wrong):
    with pytest.raises(TypeError, match=r"[Gg]ive the class"):
        Console(wrong, ably)
