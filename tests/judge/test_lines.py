"""The contract's lines."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablykit.judge.lines import NotALine, Order, Report, as_json, read_report, shown


def test_an_order_is_one_line_with_only_what_it_needs():
    line = Order("publish", id=1, channel="c", data="a\nb").line()
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"do": "publish", "id": 1, "channel": "c", "data": "a\nb"}
    assert as_json(Order("start", protocol=1)) == {"do": "start", "protocol": 1}


@pytest.mark.parametrize(
    ("line", "report"),
    [
        ('{"state":"connected"}', Report(state="connected")),
        ('{"did":"attach","channel":"c"}', Report(did="attach", channel="c")),
        (
            '{"did":"publish","id":0,"ok":false,"code":40160}',
            Report(did="publish", id=0, ok=False, code=40160),
        ),
        ('{"got":"c","data":"x","from":"ada"}', Report(got="c", data="x", sender="ada")),
        ('{"members":["ada"],"id":2}', Report(members=["ada"], id=2)),
        ('{"need_token":true}', Report(need_token=True)),
        ('{"log":"hello"}', Report(log="hello")),
        ('{"something":"from the future"}', Report()),
        ('{"log":"x","extra":[1]}', Report(log="x")),
    ],
)
def test_what_a_client_says_is_read(line, report):
    assert read_report(line.encode()) == report


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello", "not one of the contract's"),
        (b"[1]", "Expected `object`"),
        (b'{"log":"\xff"}', "not one of the contract's"),
        (b'{"did":"publish","id":"1","ok":true}', "Expected `int"),
        (b'{"did":"publish","id":1}', "whether it is ok"),
        (b'{"did":"attach"}', "needs the channel"),
        (b'{"did":"dance","id":1,"ok":true}', "Nobody was asked to 'dance'"),
        (b'{"state":"happy"}', "No connection is 'happy'"),
        (b'{"got":"c"}', "has data"),
        (b'{"members":[]}', "the id of the question"),
        (b"[" * 100_000, "not one of the contract's"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_the_line(line, said):
    with pytest.raises(NotALine, match=said) as error:
        read_report(line)
    assert shown(line) in str(error.value)
    assert len(str(error.value)) < 500


@given(st.binary(max_size=300))
def test_whatever_is_printed_is_a_report_or_a_mistake(line):
    with contextlib.suppress(NotALine):
        assert isinstance(read_report(line), Report)
    assert shown(line).isprintable()
