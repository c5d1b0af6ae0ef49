"""Frames at a terminal: lines in, frames out, and recordings shown."""

import asyncio
import io
import json
from contextlib import aclosing

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from ablykit import wire
from ablykit.cli.terminal import Printer, Style, converse, prompted, read_lines, show_recording
from ablykit.record.transcript import Transcript
from ablykit.wire.frame import received


def printed(style, *raws, terminal=False):
    out = io.StringIO()
    printer = Printer(
        style, Console(file=out, width=100, soft_wrap=True, force_terminal=terminal, color_system=None)
    )
    for raw in raws:
        printer.frame(received(raw))
    return out.getvalue()


def test_plain_is_what_came_a_frame_a_line():
    assert (
        printed(Style.RAW, '{ "action":0}', b"\x81\xa6action\x00", "junk")
        == '{ "action":0}\n{"action": 0}\njunk\n'
    )


def test_pretty_is_a_member_a_line():
    shown = [line.rstrip() for line in printed(Style.PRETTY, '{"action":11,"channel":"c"}').splitlines()]
    assert shown == ["{", '  "action": 11,', '  "channel": "c"', "}"]


def test_explained_is_in_words():
    assert "ATTACHED (action 11)" in printed(Style.EXPLAIN, '{"action":11,"channel":"c"}')


@pytest.mark.parametrize("style", Style)
def test_secrets_are_stars_in_every_style(style):
    assert "hidden1" not in printed(
        style, '{"action":17,"auth":{"accessToken":"hidden1"}}', '"accessToken":"hidden1"'
    )


@pytest.mark.parametrize("style", Style)
def test_what_would_move_a_cursor_is_made_visible_at_a_terminal(style):
    frame = '{"action":11,"channel":"\u202ehello"}'
    assert "\u202e" not in printed(style, frame, "\x1b[2J", terminal=True)


def talk(ably, typed, *, stay=False, query="", prepare=lambda conn: None):
    """What a conversation prints, and its exit code."""
    out = io.StringIO()

    async def run():
        key = f"?key={ably.key}{query}" if ably.key else ""
        async with await wire.connect_async(f"{ably.tls_url}{key}") as conn:
            prepare(conn)
            return await converse(
                conn,
                Printer(Style.RAW, Console(file=out, soft_wrap=True)),
                read_lines(io.StringIO(typed)),
                stay=stay,
            )

    code = asyncio.run(run())
    return code, [json.loads(line)["action"] for line in out.getvalue().splitlines()]


def test_lines_are_sent_and_frames_printed_until_the_input_ends(ably):
    assert talk(ably, '{"action":10,"channel":"c"}\n\n{"action":0}\n') == (0, [4, 11, 0, 8])


def test_what_is_typed_goes_as_messagepack_where_that_is_spoken(ably):
    assert talk(ably, '{"action":0}\n[]\njunk\n', query="&format=msgpack") == (0, [4, 0, 9, 9, 8])


def test_an_end_that_comes_from_the_other_side_is_an_exit_code(ably, capsys):
    def prepare(conn):
        conn.transcript.listen(lambda entry: ably.disconnect_all() if entry.action == "CONNECTED" else None)

    assert talk(ably, "", stay=True, prepare=prepare)[0] == 1
    assert capsys.readouterr().err == "Closed: 1006\n"


def test_what_is_typed_after_the_end_is_not_sent(ably):
    assert talk(ably, '{"action":7}\n' + '{"action":0}\n' * 50)[1][:2] == [4, 8]


async def typed(keys, lines=1):
    """What is read of keys typed at a terminal."""
    with create_pipe_input() as terminal, create_app_session(input=terminal, output=DummyOutput()):
        terminal.send_text(keys)
        async with aclosing(prompted()) as read:
            found: list[str] = []
            async for line in read:
                found.append(line)
                if len(found) == lines:
                    break
            return found


def test_typed_lines_can_be_edited():
    left = "\x1b[D"
    assert asyncio.run(typed(f"first\rsecnd{left * 2}o\r", 2)) == ["first", "second"]


def test_lines_pasted_together_are_lines_each():
    assert asyncio.run(typed("\x1b[200~one\ntwo\x1b[201~\r", 2)) == ["one", "two"]


def test_typing_ends_with_ctrl_d():
    assert asyncio.run(typed("one\r\x04", 9)) == ["one"]


def test_ctrl_c_interrupts_as_ever():
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(typed("\x03", 9))


def recording():
    made = Transcript()
    made.record("a", "out", "wss://h/", "open")
    made.record("a", "in", '{"action":4,"connectionId":"abc","connectionDetails":{"connectionKey":"k"}}')
    made.record("a", "out", '{"action":10,"channel":":c"}')
    made.record(
        "a", "in", '{"action":9,"channel":":c","error":{"code":40010,"statusCode":400,"message":"no"}}'
    )
    return made


def test_a_recording_is_a_line_for_each_entry_with_times_and_broken_rules(capsys):
    show_recording(recording())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.lstrip().startswith("!")] == ["0", "1", "2", "3"]
    assert any("! 2 client: channel-name (RTS3)" in line for line in lines)
    assert " ms)" in lines[-1]


def test_a_recording_can_be_searched_explained_and_taken_apart(capsys):
    show_recording(recording(), explained=True, as_bytes=True, search="?error.code")
    said = capsys.readouterr().out
    assert "ERROR (action 9)" in said
    assert "CONNECTED (action 4)" not in said
    assert "payload of" in said
    with pytest.raises(ValueError, match=r"."):
        show_recording(recording(), search="?[")
