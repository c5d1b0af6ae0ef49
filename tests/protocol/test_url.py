"""Connection URLs and the parameters in them."""

import pytest

from ablykit.protocol import (
    AblyError,
    ApiKey,
    ConnectionParams,
    Format,
    connection_url,
    parse_query,
)


def test_defaults_are_those_of_a_connection_typed_by_hand():
    assert parse_query("") == ConnectionParams()
    assert parse_query("").heartbeats
    assert not parse_query("").modern


def test_all_parameters_are_read():
    query = (
        "key=a.b:c&clientId=me%20too&format=msgpack&heartbeats=false&echo=false&v=5&agent=x"
        "&resume=K&recover=R&remainPresentFor=20&connectionSerial=-1&whatever=1"
    )
    params = parse_query(query)
    assert params.key == "a.b:c"
    assert params.client_id == "me too"
    assert params.format is Format.MSGPACK
    assert (params.heartbeats, params.echo, params.v, params.modern) == (False, False, 5, True)
    assert (params.agent, params.resume, params.recover) == ("x", "K", "R")
    assert params.remain_present_for == 20
    assert parse_query("access_token=t").access_token == "t"
    assert parse_query("lib=l&v=1").agent == "l"
    assert not parse_query("v=1").modern
    assert not parse_query("v=1.2").modern


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("format=xml", 40003),
        ("heartbeats=maybe", 40003),
        ("echo=", 40003),
        ("v=0", 40017),
        ("v=-1", 40017),
        ("v=two", 40017),
        ("v=1.", 40017),
        ("v=0.9", 40017),
        ("v=1.2.3", 40017),
        ("v=²", 40017),
        ("remainPresentFor=soon", 40003),
    ],
)
def test_a_bad_value_is_refused_by_its_name(query, code):
    with pytest.raises(AblyError, match=query.partition("=")[0]) as caught:
        parse_query(query)
    assert caught.value.code == code


def test_a_url_is_put_together_with_stars_for_the_secret():
    key = ApiKey("a", "b", "c")
    assert connection_url("wss://h", key=key, echo=False) == "wss://h/?key=a.b:****&echo=false"
    assert connection_url("wss://h/?v=5", clientId="you & me") == "wss://h/?v=5&clientId=you%20%26%20me"
    assert connection_url("wss://h:1/?key=a.b:****") == "wss://h:1/?key=a.b:****"
